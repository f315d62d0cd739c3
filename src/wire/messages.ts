/**
 * Control messages: JSON, one per publish, readable with `mosquitto_sub`. Each is an envelope around a body; requests are
 * answered on the sender's inbox by an envelope whose `re` is the request's id.
 */
import type { ErrorBody } from './errors.js';
import type { FileEvent, FileReply, FileRequest } from './files.js';
import type { Inventory, Placement, Plan, PlanAgent, PlanContext, PlanEdge, RuntimeInfo } from './graph.js';
import type { AgentId, ClusterId, JobId, RuntimeName, SessionId, UserName } from './ids.js';
import type { Service } from './topics.js';

/** Who sends. A session speaks with its home runtime's key. */
export interface Sender {
  readonly runtime: RuntimeName;
  readonly session?: SessionId;
}

export interface Envelope<B = Body> {
  readonly v: 1;
  readonly id: string;
  /** Id of the request this answers. */
  readonly re?: string;
  readonly from: Sender;
  /** Topic for replies. */
  readonly reply?: string;
  /** The topic it is sent to: signed, so that a message cannot be replayed to another recipient. */
  readonly to: string;
  /** Milliseconds since the Unix epoch; a message older than {@link freshMs} is stale. */
  readonly time: number;
  readonly body: B;
}

/** A message is accepted for this long after it was signed, by its sender's clock, and within it once. */
export const freshMs = 120_000;

/** Name server's document (paper §3.4), signed as a whole with the cluster key. */
export interface BootRecord {
  readonly cluster: ClusterId;
  /** Grows with every change. */
  readonly revision: number;
  /** Broker URL for members, e.g. `mqtts://192.0.2.1:1883`. */
  readonly broker: string;
  readonly kernelRuntimes: readonly RuntimeName[];
  /** Start-up kernel agents and where each runs. */
  readonly services: Readonly<Partial<Record<Service, RuntimeName>>>;
  /** Registered public keys of machines: Ed25519, SPKI DER in base64url. */
  readonly keys: Readonly<Record<string, string>>;
  /** Registered public keys of users, by name: see {@link UserName}. */
  readonly users: Readonly<Record<UserName, string>>;
  /** Users who may let machines in, and to whom a machine grants everything until its own grants say otherwise. */
  readonly owners: readonly UserName[];
}

/**
 * A session's user, as the user says: what the machines that own things go by. Signed with the user's key, so that no machine
 * can speak for a user who has not logged in there.
 */
export interface Login {
  readonly user: UserName;
  readonly session: SessionId;
  readonly home: RuntimeName;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** Ed25519, base64url. */
  readonly signature: string;
}

/** Where a process can be reached directly, without the broker. */
export interface Contact {
  readonly port: number;
  /** IP addresses of all its interfaces. */
  readonly addresses: readonly string[];
  /** Which machine this is: loopback addresses are good for those on the same one. */
  readonly machine: string;
}

/** Retained presence of a runtime. The will says `offline` for the same incarnation, so a late will of a former life is known. */
export interface RuntimeStatus {
  readonly type: 'runtime.status';
  readonly state: 'online' | 'offline';
  readonly name: RuntimeName;
  /** Milliseconds since the epoch when this life began. */
  readonly incarnation: number;
  readonly info?: RuntimeInfo;
  readonly direct?: Contact;
}

export interface SessionStatus {
  readonly type: 'session.status';
  readonly state: 'online' | 'offline';
  readonly session: SessionId;
  readonly home: RuntimeName;
  /** While it is online. */
  readonly login?: Login;
}

export type AgentState = 'starting' | 'running' | 'stopped' | 'exited' | 'lost';

/** An agent's state as its runtime (or, for `lost`, the scheduler) reports it to the session. */
export interface AgentReport {
  readonly type: 'agent.state';
  readonly job: JobId;
  readonly agent: AgentId;
  readonly runtime: RuntimeName;
  readonly state: AgentState;
  /** The host's process id. */
  readonly pid?: number;
  /** Exit status 0..255, when `exited` by exit. */
  readonly status?: number;
  /** Signal name such as `SIGTERM`, when ended by a signal. */
  readonly signal?: string;
  /** One line for the user when the agent could not start or was lost. */
  readonly message?: string;
}

/** One row of the job table. */
export interface JobRecord {
  readonly job: JobId;
  readonly session: SessionId;
  readonly home: RuntimeName;
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly agents: readonly {
    readonly id: AgentId;
    readonly text: string;
    readonly runtime: RuntimeName;
    readonly state: AgentState;
    readonly pid?: number;
    readonly status?: number;
    readonly signal?: string;
  }[];
}

export type Body =
  // any -> any
  | ErrorBody
  | { readonly type: 'ok' }
  | { readonly type: 'ping' }
  /** What time is it there? Answered whatever the time of the question, by the answer's own. */
  | { readonly type: 'clock.get' }
  | { readonly type: 'clock' }
  // machine -> name server, and back
  | {
      readonly type: 'join';
      readonly name: RuntimeName;
      readonly publicKey: string;
      readonly token: string /** HMAC-SHA-256 of name, public key and message id under the token's secret, base64url. */;
      readonly proof: string;
      /** Who uses the machine, to be registered with it. */
      readonly user?: { readonly name: UserName; readonly publicKey: string };
    }
  | { readonly type: 'joined'; readonly record: SignedBootRecord }
  | { readonly type: 'boot.get' }
  | { readonly type: 'boot'; readonly record: SignedBootRecord }
  | {
      readonly type: 'token.new';
      /** seconds */
      readonly lifetime: number;
      /** The user of the machine that joins with it becomes no owner. */
      readonly guest?: boolean;
    }
  /** Takes away the key of a machine, and of its users, or of one user. */
  | { readonly type: 'revoke'; readonly name: RuntimeName | UserName }
  | { readonly type: 'token'; readonly token: string }
  // session -> scheduler, and back
  | { readonly type: 'inventory.get' }
  | { readonly type: 'inventory'; readonly inventory: Inventory }
  | { readonly type: 'job.place'; readonly plan: Plan }
  | { readonly type: 'job.submit'; readonly plan: Plan }
  | { readonly type: 'job.placed'; readonly placements: readonly Placement[] }
  | {
      readonly type: 'job.signal';
      readonly job: JobId;
      readonly signal: string /** all agents of the job when absent */;
      readonly agents?: readonly AgentId[];
    }
  | { readonly type: 'job.list' }
  | { readonly type: 'jobs'; readonly jobs: readonly JobRecord[] }
  // scheduler or session -> runtime
  | SpawnRequest
  | { readonly type: 'agent.signal'; readonly agent: AgentId; readonly signal: string }
  | { readonly type: 'agent.list' }
  | { readonly type: 'agents'; readonly agents: readonly AgentReport[] }
  /** Opens the provider's end of edges whose `path` endpoint the recipient provides. */
  | { readonly type: 'stream.open'; readonly session: SessionId; readonly edges: readonly RoutedEdge[] }
  /** From here on the sender's file requests may come over a direct connection, by this name. */
  | { readonly type: 'file.direct'; readonly name: string }
  | FileRequest
  | FileReply
  | FileEvent
  // runtime -> session, and back
  | { readonly type: 'login.get' }
  | { readonly type: 'login'; readonly login: Login }
  // any -> runtime or session
  /** The sender cannot reach the recipient, which may try the other way round. Not answered. */
  | { readonly type: 'direct.dial'; readonly contact: Contact }
  // runtime -> runtime, about sockets of programs
  | { readonly type: 'net.find'; readonly target: SocketTarget }
  | { readonly type: 'net.found'; readonly here: boolean }
  /** Connects to what listens there and joins it to both streams. Answered once connected. */
  | {
      readonly type: 'net.connect';
      readonly target: SocketTarget;
      readonly towards: RoutedEdge;
      readonly back: RoutedEdge;
    }
  // runtime -> session and scheduler
  | AgentReport;

/** What a program listens on; `program`: only one of that name. */
export interface SocketTarget {
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
  readonly program?: string;
}

/** An edge with the runtime at each end; the home runtime with a session for a `session` endpoint. */
export interface RoutedEdge extends PlanEdge {
  readonly fromRuntime: RuntimeName;
  readonly toRuntime: RuntimeName;
  /** That end is a program which the session itself runs: its process, not its runtime's, is where the bytes go. */
  readonly fromSession?: boolean;
  readonly toSession?: boolean;
}

/** Starts agents of one plan on one runtime. Answered with `ok` once all are set up, or an error and none is. */
export interface SpawnRequest {
  readonly type: 'agent.spawn';
  readonly job: JobId;
  readonly session: SessionId;
  readonly home: RuntimeName;
  readonly agents: readonly PlanAgent[];
  /** Every edge that touches one of `agents`. */
  readonly edges: readonly RoutedEdge[];
  readonly context: PlanContext;
  /** Children of a program that runs there: that runtime is told of them, in place of session and scheduler. */
  readonly parent?: RuntimeName;
}

export interface SignedBootRecord {
  readonly record: BootRecord;
  /** The cluster's public key: Ed25519, SPKI DER, base64url. */
  readonly clusterKey: string;
  /** Signature of JSON.stringify(record), base64url. */
  readonly signature: string;
}
