/**
 * The agent graph: what one pipeline is once its words are expanded. Plain JSON; it travels as it stands.
 *
 *     nodes = agents, edges = streams, plus constraints, namespace and environment.
 */
import type { AgentId, JobId, RuntimeName, SessionId, StreamId, UserName } from './ids.js';

/** How a program is started on its runtime (paper §3.2: "the appropriate high-level language runtime"). */
export type Program =
  /** Looked up in PATH on its runtime, or an absolute path there; runs in its host's context. */
  | { readonly kind: 'native'; readonly name: string }
  /** A Node.js program: its namespace path; `text` is what the planner read there, so no second read is needed. */
  | { readonly kind: 'node'; readonly path: string; readonly text: string; readonly first?: number }
  /** `path`: a file or, with `-m`, a module's name; `text`: its own or, with `-c`, the command. `options`: the interpreter's. */
  | {
      readonly kind: 'python';
      readonly path: string;
      readonly text: string;
      readonly source?: 'file' | 'module' | 'command' | 'stdin';
      readonly options?: readonly string[];
      /** Index in argv of the program's first argument; 1 when absent. */
      readonly first?: number;
    }
  /** WASI preview 1; `bytes` in base64. */
  | { readonly kind: 'wasm'; readonly path: string; readonly bytes: string }
  /** A compound stage that must run elsewhere: printed source and the shell's state. */
  | {
      readonly kind: 'shell';
      readonly source: string;
      readonly variables: Readonly<Record<string, string>>;
      readonly positional: readonly string[];
    };

export type Language = Program['kind'];

/** What a runtime must have to host an agent. All of an agent's constraints must hold. */
export type Constraint =
  | { readonly kind: 'runtime'; readonly name: RuntimeName; readonly why: string }
  | { readonly kind: 'label'; readonly label: string; readonly why: string }
  | { readonly kind: 'language'; readonly language: Language; readonly why: string }
  | { readonly kind: 'gpio'; readonly line: number; readonly direction?: 'in' | 'out'; readonly why: string };

/** A wish, not a must: the agent reads or writes this much that lives there (`bytes` undefined: unknown, taken as much). */
export interface Locality {
  readonly runtime: RuntimeName;
  readonly bytes?: number;
  readonly why: string;
}

export interface PlanAgent {
  readonly id: AgentId;
  readonly argv: readonly string[];
  readonly program: Program;
  readonly constraints: readonly Constraint[];
  readonly locality: readonly Locality[];
  /** Variables this agent has beyond the plan's environment (assignment prefix of the simple command). */
  readonly environment?: Readonly<Record<string, string>>;
  /** argv entries that name a namespace path. See {@link Operand}. */
  readonly operands: readonly Operand[];
  /** The stage as the user typed it, for messages and job listings. */
  readonly text: string;
}

/**
 * A path among an agent's arguments. `stream`: argv[index] is replaced by `/dev/fd/FD`, and an edge of the plan joins FD to
 * the path. `host`: on runtime `runtime`, argv[index] is replaced by `hostPath`, the file's own path there (POSH's idea).
 */
export type Operand =
  | { readonly kind: 'stream'; readonly index: number; readonly path: string; readonly fd: number }
  | {
      readonly kind: 'host';
      readonly index: number;
      readonly path: string;
      readonly runtime: RuntimeName;
      readonly hostPath: string;
    };

/** One end of an edge. */
export type Endpoint =
  /** A descriptor of an agent. */
  | { readonly kind: 'agent'; readonly agent: AgentId; readonly fd: number }
  /** A file or device of the namespace, opened by the runtime that provides it. */
  | {
      readonly kind: 'path';
      readonly path: string;
      readonly provider: RuntimeName;
      readonly mode: 'read' | 'write' | 'append';
    }
  /** The session's own end: a file, terminal or kernel pipe on the home runtime that the shell holds. */
  | { readonly kind: 'session'; readonly label: string };

/** A stream: bytes go `from` -> `to`. */
export interface PlanEdge {
  readonly id: StreamId;
  readonly from: Endpoint;
  readonly to: Endpoint;
}

export interface PlanContext {
  readonly environment: Readonly<Record<string, string>>;
  /** Namespace path; on the home runtime it is the host path. */
  readonly cwd: string;
  readonly umask: number;
}

export interface Plan {
  readonly version: 1;
  readonly job: JobId;
  readonly session: SessionId;
  readonly home: RuntimeName;
  /** The pipeline as the shell prints it. */
  readonly source: string;
  readonly agents: readonly PlanAgent[];
  readonly edges: readonly PlanEdge[];
  readonly context: PlanContext;
}

/** Where one agent runs, and why: one sentence a user can read. */
export interface Placement {
  readonly agent: AgentId;
  readonly runtime: RuntimeName;
  readonly reason: string;
}

/** A device as its runtime offers it under `/dev/NAME`. */
export interface DeviceInfo {
  readonly name: string;
  readonly driver: 'gpio' | 'file' | 'command' | 'mqtt' | 'simulated';
  readonly direction: 'in' | 'out' | 'inout';
  /** GPIO line number, for driver `gpio`. */
  readonly line?: number;
}

/** What the scheduler knows of one runtime; published by it, retained. */
export interface RuntimeInfo {
  readonly name: RuntimeName;
  readonly labels: readonly string[];
  readonly languages: readonly Language[];
  readonly devices: readonly DeviceInfo[];
  /** A kernel runtime hosts kernel agents. */
  readonly kernel: boolean;
  /** Agents running now. */
  readonly agents: number;
  /** One-minute load average divided by the number of processors. */
  readonly load: number;
  /** onesh version, Node version, `process.platform`-`process.arch`. */
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  /** Who may run whatever they like here: users, and `owners`, the cluster's. Absent: everybody who can ask. */
  readonly openTo?: readonly (UserName | 'owners')[];
}

export interface Inventory {
  readonly runtimes: readonly RuntimeInfo[];
}
