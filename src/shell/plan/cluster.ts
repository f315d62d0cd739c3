/**
 * What the shell needs of the cluster, and all it knows of it. The composition root injects one made from a connection to
 * the running cluster, or from a kernel and runtime inside this process (the embedded default).
 */
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import type { FileReply, FileRequest } from '../../wire/files.js';
import type { Inventory, Placement, Plan } from '../../wire/graph.js';
import type { AgentId, JobId, RuntimeName, SessionId } from '../../wire/ids.js';
import type { AgentReport, RoutedEdge } from '../../wire/messages.js';

export interface ClusterPort {
  readonly session: SessionId;
  readonly home: RuntimeName;
  inventory(): Promise<Inventory>;
  /** Where the agents of `plan` would run. @throws WireError ENOPLACE */
  place(plan: Plan): Promise<readonly Placement[]>;
  /** Places the plan and starts every agent that is not the shell's own (native ones on home). */
  submit(plan: Plan): Promise<readonly Placement[]>;
  /** Signals one agent, at its runtime. @throws WireError ESRCH when it is not there, ETIMEDOUT when nobody answers */
  signal(runtime: RuntimeName, agent: AgentId, signal: string): Promise<void>;
  /** Kills whatever has been started of a plan. */
  abandon(job: JobId): Promise<void>;
  /** Calls `handler` when a runtime is lost: its agents are, too. Returns the function that stops it. */
  onLost(handler: (runtime: RuntimeName) => void): () => void;
  /** Reports of the session's agents; returns the function that stops it. */
  onReport(handler: (report: AgentReport) => void): () => void;
  /** The session's end of an edge whose other end is elsewhere. */
  openWriter(edge: RoutedEdge): StreamWriter;
  openReader(edge: RoutedEdge): Promise<StreamReader>;
  /** Opens a namespace path at its provider and streams it to or from the session. */
  openPath(path: string, mode: 'read'): Promise<StreamReader>;
  openPath(path: string, mode: 'write' | 'append'): Promise<StreamWriter>;
  /** A file request answered by `runtime`. */
  file(runtime: RuntimeName, request: FileRequest): Promise<FileReply>;
  /** GPIO lines that a JavaScript program's text opens, found by parsing it. */
  gpioLines(text: string): readonly { readonly line: number | string; readonly direction: 'in' | 'out' }[];
  close(): Promise<void>;
}
