/**
 * Children of programs: what a program forks away from home runs on its own machine, in its context. Any other child runs where its working directory is, so that its paths mean what they
 * say there, with its standard streams bridged to its parent's runtime.
 */
import type { Peer } from '../bus/peer.js';
import type { StreamReader, StreamWriter } from '../stream/stream.js';
import type { Streams } from '../stream/streams.js';
import { WireError } from '../wire/errors.js';
import type { PlanAgent, Program } from '../wire/graph.js';
import { type AgentId, newAgentId, newStreamId, type RuntimeName } from '../wire/ids.js';
import type { AgentReport, RoutedEdge, SpawnRequest } from '../wire/messages.js';
import { topics } from '../wire/topics.js';
import type { Agent } from './agent.js';
import type { ForkSpec } from './forks.js';
import type { StreamPair } from './network/tunnel.js';
import { provide } from './syscalls/files.js';

/** What a program asks for; paths are the namespace's. */
export interface ChildSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly argv0?: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly umask: number;
  /** Of descriptors 0, 1 and 2: a pipe, or /dev/null. */
  readonly pipes: readonly boolean[];
  /** For the shell to run, in place of the command: a text that the cluster has a part in. */
  readonly planned?: string;
  /** The descriptor by which Node.js programs send each other messages, when there is to be one. */
  readonly messages?: number;
}

/** A child that has been started, or could not be: then it has ended with status 127 or 126 and never ran. */
export interface Child {
  readonly id: AgentId;
  readonly stdin: StreamWriter | undefined;
  readonly stdout: StreamReader | undefined;
  readonly stderr: StreamReader | undefined;
  readonly messages: StreamPair | undefined;
  /** It runs, or has ended. */
  readonly started: Promise<AgentReport>;
  readonly ended: Promise<AgentReport>;
  signal(name: string): Promise<void>;
}

interface Known {
  readonly runtime: RuntimeName;
  hear(report: AgentReport): void;
}

/** Every machine has its own Node.js, and its own shell. */
const programOf = ({ command, planned }: ChildSpec): Program =>
  planned === undefined
    ? { kind: 'native', name: command === process.execPath ? 'node' : command }
    : { kind: 'shell', source: planned, variables: {}, positional: [] };

/** Descriptor numbers of a parent's ends: beyond any that a plan gives it. */
const firstFd = 200_000;

export class Children {
  private readonly known = new Map<AgentId, Known>();
  private nextFd = firstFd;

  constructor(
    private readonly options: { readonly name: RuntimeName; readonly peer: Peer; readonly streams: Streams },
  ) {}

  /** @throws WireError EHOSTDOWN, ETIMEDOUT … */
  async spawn(parent: Agent, spec: ChildSpec): Promise<Child> {
    const { name, peer, streams } = this.options;
    const { session, job, home, context } = parent.request;
    const where = provide(spec.cwd, home);
    if (where.runtime === name) throw new WireError('EINVAL', 'a child of this machine is the host’s');
    const id = newAgentId();
    const inbox = topics.runtimeInbox(peer.cluster, where.runtime);
    const edgeOf = (fd: number, input = fd === 0): RoutedEdge => {
      const mine = { kind: 'agent', agent: parent.plan.id, fd: this.nextFd++ } as const;
      const its = { kind: 'agent', agent: id, fd } as const;
      const [from, to] = input ? [mine, its] : [its, mine];
      const [fromRuntime, toRuntime] = input ? [name, where.runtime] : [where.runtime, name];
      return { id: newStreamId(), from, to, fromRuntime, toRuntime };
    };
    const edges = [0, 1, 2].map((fd) => (spec.pipes[fd] ? edgeOf(fd) : undefined));
    const [stdout, stderr] = await Promise.all(
      edges.slice(1).map(async (edge) => (edge === undefined ? undefined : streams.openReader(edge))),
    );
    const both = spec.messages === undefined ? [] : [edgeOf(spec.messages, true), edgeOf(spec.messages, false)];
    const messages =
      both.length === 0
        ? undefined
        : { writer: streams.openWriter(both[0]!), reader: await streams.openReader(both[1]!) };
    const stdin = edges[0] === undefined ? undefined : streams.openWriter(edges[0]);
    const [started, ended] = this.follow(id, where.runtime);
    const agent: PlanAgent = {
      id,
      argv: spec.planned === undefined ? [spec.argv0 ?? spec.command, ...spec.args] : ['onesh'],
      program: programOf(spec),
      constraints: [],
      locality: [],
      operands: [],
      text: [spec.command, ...spec.args].join(' '),
    };
    // The search path that it was given here is this machine's.
    const path = spec.env.PATH === process.env.PATH ? context.environment.PATH : spec.env.PATH;
    const { PATH: _, ...environment } = spec.env;
    try {
      await peer.request(inbox, {
        type: 'agent.spawn',
        job,
        session,
        home: where.runtime,
        parent: name,
        agents: [agent],
        edges: [...edges.filter((edge) => edge !== undefined), ...both],
        context: {
          environment: { ...environment, ...(path === undefined ? {} : { PATH: path }) },
          cwd: where.path,
          umask: spec.umask,
        },
      });
    } catch (error) {
      this.known.delete(id);
      stdout?.cancel();
      stderr?.cancel();
      stdin?.abort();
      messages?.reader.cancel();
      messages?.writer.abort();
      throw error;
    }
    const signal = async (signalName: string): Promise<void> => {
      await peer.request(inbox, { type: 'agent.signal', agent: id, signal: signalName });
    };
    return { id, stdin, stdout, stderr, messages, started, ended, signal };
  }

  /** A JavaScript program on this machine, in its parent's context. @throws what `start` throws */
  async fork(
    parent: Agent,
    { program, args, cwd, env, umask }: ForkSpec,
    text: string,
    start: (request: SpawnRequest) => Promise<void>,
  ): Promise<Child> {
    const { name, peer } = this.options;
    const { session, job, home } = parent.request;
    const id = newAgentId();
    const [started, ended] = this.follow(id, name);
    const agent: PlanAgent = {
      id,
      argv: [program, ...args],
      program: { kind: 'node', path: program, text },
      constraints: [],
      locality: [],
      environment: env,
      operands: [],
      text: ['node', program, ...args].join(' '),
    };
    const context = { environment: env, cwd, umask };
    try {
      const type = 'agent.spawn';
      await start({ type, job, session, home, parent: name, agents: [agent], edges: [], context });
    } catch (error) {
      this.known.delete(id);
      throw error;
    }
    const inbox = topics.runtimeInbox(peer.cluster, name);
    const signal = async (signalName: string): Promise<void> => {
      await peer.request(inbox, { type: 'agent.signal', agent: id, signal: signalName });
    };
    return { id, stdin: undefined, stdout: undefined, stderr: undefined, messages: undefined, started, ended, signal };
  }

  private follow(id: AgentId, runtime: RuntimeName): readonly [Promise<AgentReport>, Promise<AgentReport>] {
    let start: (report: AgentReport) => void = () => {};
    let end: (report: AgentReport) => void = () => {};
    const started = new Promise<AgentReport>((resolve) => {
      start = resolve;
    });
    const ended = new Promise<AgentReport>((resolve) => {
      end = resolve;
    });
    const hear = (report: AgentReport): void => {
      if (report.state === 'starting') return;
      start(report);
      if (report.state !== 'exited' && report.state !== 'lost') return;
      this.known.delete(id);
      end(report);
    };
    this.known.set(id, { runtime, hear });
    return [started, ended];
  }

  /** A report of a child, from where it runs. */
  hear(report: AgentReport, from: RuntimeName): void {
    const child = this.known.get(report.agent);
    if (child?.runtime === from) child.hear(report);
  }

  /** A machine is lost, and every child on it. */
  lose(runtime: RuntimeName): void {
    for (const [agent, child] of this.known)
      if (child.runtime === runtime)
        child.hear({
          type: 'agent.state',
          job: '' as AgentReport['job'],
          agent,
          runtime,
          state: 'lost',
          signal: 'SIGKILL',
        });
  }
}
