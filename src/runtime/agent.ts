/**
 * One agent, from its descriptors to its exit report. Its steps, in order:
 *
 *     prepare (program) -> wire (descriptors, streams) -> start (process) -> running -> exited (outputs first, then the report)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, rmSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { killGroup } from '../host/libc.js';
import { toErrorBody, WireError } from '../wire/errors.js';
import type { FileEvent } from '../wire/files.js';
import type { PlanAgent } from '../wire/graph.js';
import type { AgentId, RuntimeName, SessionId } from '../wire/ids.js';
import type { AgentReport, RoutedEdge, SpawnRequest } from '../wire/messages.js';
import { traceparent } from '../wire/trace.js';
import type { Prepared } from './drivers/driver.js';
import { prepareProgram } from './drivers/index.js';
import type { GivenDescriptor } from './forks.js';
import { type Joined, joinSocket, type StreamPair } from './network/tunnel.js';
import { type BridgedPipe, closeQuietly } from './pipes.js';
import { recordProcess } from './processes.js';
import { type CallEnds, type ContextDescription, contextVariable } from './syscalls/codec.js';
import type { Dispatcher } from './syscalls/dispatch.js';
import { provide } from './syscalls/files.js';
import { openCalls, serveCalls } from './syscalls/serve.js';
import { type Exited, exitOf, type Launched, type WaitingProcesses } from './waiting.js';

export interface AgentServices {
  readonly name: RuntimeName;
  /** State directory of the runtime. */
  readonly home: string;
  readonly contextFile: string;
  readonly shell: readonly string[];
  /** This side of an edge whose other end is elsewhere, or a path of this runtime. */
  readonly bridge: (edge: RoutedEdge, input: boolean, session: SessionId) => Promise<BridgedPipe>;
  /** This side of two edges of one descriptor, a direction each. */
  readonly openPair: (input: RoutedEdge, output: RoutedEdge) => Promise<StreamPair>;
  /** Devices of the cluster and GPIO, as a context is told of them. */
  readonly surroundings: (session: SessionId) => Pick<ContextDescription, 'devices' | 'gpio' | 'confined'>;
  readonly dispatcher: (agent: Agent, emit: (frame: Buffer) => boolean) => Dispatcher;
  /** Processes that wait for a program to become. */
  readonly waiting: WaitingProcesses;
  readonly report: (report: AgentReport, agent: Agent) => void;
  readonly changed: () => void;
}

interface Bridge {
  readonly pipe: BridgedPipe;
  /** The machine at the other end. */
  readonly other: RuntimeName;
  readonly output: boolean;
}

/** Milliseconds between SIGHUP or SIGTERM and SIGKILL. */
const grace = 2000;
/** A program's children may hold its output open; its exit is reported once nothing came for this long, in milliseconds. */
const quietMs = 250;

/** errno values of a start that failed because of the program, not of this machine. */
const programFaults = new Set([
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOEXEC',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'E2BIG',
  'EINVAL',
  'ENAMETOOLONG',
  'ETXTBSY',
]);

export class Agent {
  readonly directory: string;
  private child: ChildProcess | undefined;
  private prepared: Prepared | undefined;
  private fault: unknown;
  private readonly bridges: Bridge[] = [];
  /** Child descriptor -> ours; `own` are to be closed here once inherited. */
  private readonly fds = new Map<number, number>();
  private readonly own: number[] = [];
  /** Descriptors that are read and written: sockets. */
  private readonly pairs = new Map<number, StreamPair>();
  private readonly joined: Joined[] = [];
  private dispatcher: Dispatcher | undefined;
  last: AgentReport | undefined;
  /** Resolves when the exit has been reported. */
  readonly exited: Promise<void>;
  private markExited: () => void = () => {};

  constructor(
    readonly plan: PlanAgent,
    readonly request: SpawnRequest,
    private readonly services: AgentServices,
    /** Forked by a program here, with these of its descriptors. */
    readonly forked?: { readonly parent: AgentId; readonly given: ReadonlyMap<number, GivenDescriptor> },
  ) {
    this.directory = path.join(services.home, 'agents', plan.id);
    this.exited = new Promise((resolve) => {
      this.markExited = resolve;
    });
  }

  private get isHome(): boolean {
    return this.request.home === this.services.name;
  }

  /** The session's working directory as this machine names it; undefined when it is another's, or is not there. */
  private workingDirectory(): string | undefined {
    const { context, home } = this.request;
    const { runtime, path: directory } = provide(context.cwd, home);
    if (runtime !== this.services.name) return undefined;
    return statSync(directory, { throwIfNoEntry: false })?.isDirectory() ? directory : undefined;
  }

  get running(): boolean {
    return this.last !== undefined && this.last.state !== 'exited';
  }

  /** Where it runs. */
  get runtime(): RuntimeName {
    return this.services.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** True while some process of its group is there, or its output still moves. */
  get lingers(): boolean {
    return this.pid !== undefined && killGroup(this.pid, 0);
  }

  // --- setting up -----------------------------------------------------------------------------------------------------

  /** Finds and instruments the program. That it cannot be run is the agent's exit status (127, 126), not a failed request. */
  async prepare(): Promise<void> {
    const { plan, request, services } = this;
    const argv = [...plan.argv];
    for (const operand of plan.operands)
      argv[operand.index] = operand.kind === 'stream' ? `/dev/fd/${operand.fd}` : operand.hostPath;
    try {
      this.prepared = await prepareProgram(plan, {
        directory: this.directory,
        context: request.context,
        environment: this.environment(),
        argv,
        isHome: this.isHome,
        cwd: this.workingDirectory(),
        confined: services.surroundings(request.session).confined,
        contextFile: services.contextFile,
        shell: services.shell,
      });
    } catch (error) {
      if (!programFaults.has(toErrorBody(error).code)) throw error;
      this.fault = error;
    }
  }

  private environment(): Record<string, string> {
    const { plan, request, services } = this;
    const environment: Record<string, string> = { ...request.context.environment, ...plan.environment };
    // Another machine's PATH names nothing here.
    if (!this.isHome && plan.environment?.PATH === undefined) environment.PATH = process.env.PATH ?? '/usr/bin:/bin';
    return {
      ...environment,
      ONESH_AGENT: plan.id,
      ONESH_RUNTIME: services.name,
      TRACEPARENT: traceparent(request.job, plan.id, environment.TRACEPARENT),
    };
  }

  /**
   * Makes its descriptors: a kernel pipe's end where `joined` has one, else a bridge to a stream; 0, 1 and 2 without an edge
   * are /dev/null.
   */
  async wire(joined: (fd: number) => number | undefined): Promise<void> {
    const { plan, request } = this;
    const outputs = new Map<number, RoutedEdge>();
    for (const edge of request.edges)
      if (edge.from.kind === 'agent' && edge.from.agent === plan.id) outputs.set(edge.from.fd, edge);
    for (const edge of request.edges) {
      const input = edge.to.kind === 'agent' && edge.to.agent === plan.id;
      const end = input ? edge.to : edge.from;
      if (end.kind !== 'agent' || end.agent !== plan.id || this.pairs.has(end.fd)) continue;
      const output = outputs.get(end.fd);
      if (input && output !== undefined) {
        this.pairs.set(end.fd, await this.services.openPair(edge, output));
        continue;
      }
      const known = joined(end.fd);
      if (known !== undefined) {
        this.fds.set(end.fd, known);
        continue;
      }
      const made = await this.services.bridge(edge, input, request.session);
      this.bridges.push({ pipe: made, other: input ? edge.fromRuntime : edge.toRuntime, output: !input });
      this.own.push(made.theirs);
      this.fds.set(end.fd, made.theirs);
    }
    for (const [fd, { fd: ours }] of this.forked?.given ?? []) this.fds.set(fd, ours);
    for (const fd of [0, 1, 2]) {
      if (this.fds.has(fd)) continue;
      const nothing = openSync('/dev/null', fd === 0 ? 'r' : 'w');
      this.own.push(nothing);
      this.fds.set(fd, nothing);
    }
  }

  /** Undoes {@link wire}: the request failed. */
  discard(): void {
    const reason = new WireError('ECANCELED', 'the agent was not started');
    for (const { pipe: each } of this.bridges) each.break(reason);
    for (const { reader, writer } of this.pairs.values()) {
      reader.cancel();
      writer.abort(reason);
    }
    this.closeOwn();
    rmSync(this.directory, { recursive: true, force: true });
    this.markExited();
  }

  private closeOwn(): void {
    for (const fd of this.own.splice(0)) closeQuietly(fd);
    for (const each of this.forked?.given.values() ?? []) each.release();
  }

  // --- running --------------------------------------------------------------------------------------------------------

  /** @throws an error of this machine (EAGAIN, EMFILE, ENOMEM …); a fault of the program is reported as its exit */
  async start(): Promise<void> {
    this.report({ state: 'starting' });
    try {
      if (this.fault === undefined) await this.launch(this.prepared!);
    } catch (error) {
      if (!programFaults.has(toErrorBody(error).code)) throw error;
      this.fault = error;
    } finally {
      this.closeOwn();
    }
    if (this.fault !== undefined) void this.finish(this.faultReport());
  }

  private async launch(prepared: Prepared): Promise<void> {
    const { waiting } = this.services;
    const launched = (await this.become(prepared)) ?? (await this.spawn(prepared));
    const { child, calls, exited } = launched;
    this.child = child;
    for (const [fd, pair] of this.pairs) this.joined.push(joinSocket(child.stdio[fd] as Socket, pair));
    void exited.then(([status, signal]) => {
      this.dispatcher?.close();
      calls?.close();
      void this.finish(signal === null ? { state: 'exited', status: status ?? 0 } : { state: 'exited', signal });
    });
    recordProcess(this.directory, child.pid!);
    if (calls !== undefined) this.dispatcher = serveCalls(calls, (emit) => this.services.dispatcher(this, emit));
    if (prepared.waiting !== undefined) waiting.expect(this.environment());
    this.report({ state: 'running', pid: child.pid! });
    this.services.changed();
    // A signal that came while it was being started.
    for (const signal of this.early.splice(0)) this.signal(signal);
  }

  /** A process that waits becomes the program; undefined when there is none that can. */
  private async become({ waiting, channel }: Prepared): Promise<Launched | undefined> {
    if (waiting === undefined || channel === undefined || this.lastFd > 2 || this.pairs.size > 0) return undefined;
    const environment = this.environment();
    const found = this.services.waiting.take(environment);
    if (found === undefined) return undefined;
    const cwd = this.workingDirectory();
    const started = await found.become({
      description: this.describe(found.ends, channel, cwd !== undefined),
      args: waiting.args,
      environment,
      directory: cwd ?? os.tmpdir(),
      umask: this.request.context.umask & 0o777,
      stdio: [0, 1, 2].map((fd) => `/proc/${process.pid}/fd/${this.fds.get(fd)}`),
    });
    return started ? found : undefined;
  }

  private async spawn(prepared: Prepared): Promise<Launched> {
    const env: Record<string, string> = { ...this.environment(), ...prepared.env };
    const cwd = this.workingDirectory();
    const stdio: (number | 'ignore' | 'pipe')[] = [];
    for (let fd = 0; fd <= this.lastFd; fd++) stdio.push(this.pairs.has(fd) ? 'pipe' : (this.fds.get(fd) ?? 'ignore'));
    const calls = prepared.channel === undefined ? undefined : openCalls(stdio.length);
    if (calls !== undefined) {
      env[contextVariable] = JSON.stringify(this.describe(calls.ends, prepared.channel!, cwd !== undefined));
      stdio.push(...calls.stdio);
    }
    // The process is made before `spawn` returns: the mask is this process's for no longer than that.
    const umask = process.umask(this.request.context.umask & 0o777);
    let child: ChildProcess;
    let exited: Exited;
    try {
      try {
        child = spawn(prepared.command, prepared.args, {
          stdio,
          env,
          cwd: cwd ?? os.tmpdir(),
          detached: true,
          ...(prepared.argv0 === undefined ? {} : { argv0: prepared.argv0 }),
        });
      } finally {
        process.umask(umask);
      }
      exited = exitOf(child);
      await once(child, 'spawn');
    } catch (error) {
      calls?.close();
      throw error;
    } finally {
      calls?.inherited();
    }
    child.on('error', () => {});
    return { child, exited, calls: calls?.joined(child) };
  }

  private get lastFd(): number {
    return Math.max(...this.fds.keys(), ...this.pairs.keys());
  }

  /** What its context is told. */
  private describe(ends: CallEnds, { program, imports, loads }: NonNullable<Prepared['channel']>, inCwd: boolean) {
    const { request, services } = this;
    const [shell] = services.shell;
    const description: ContextDescription = {
      ...ends,
      home: request.home,
      runtime: services.name,
      agent: this.plan.id,
      program,
      ...(imports === undefined ? {} : { imports }),
      ...(loads === undefined ? {} : { loads }),
      cwd: request.context.cwd,
      inCwd,
      directory: this.directory,
      ...services.surroundings(request.session),
      ...(shell === undefined ? {} : { shell }),
    };
    return description;
  }

  // --- the end --------------------------------------------------------------------------------------------------------

  /** Reports the exit once what it wrote is on its way, so that whoever sees the report has all output coming. */
  private async finish(end: Pick<AgentReport, 'state' | 'status' | 'signal' | 'message'>): Promise<void> {
    for (const { pipe: each, output } of this.bridges) if (!output) each.break();
    const outputs = [
      ...this.bridges.filter((b) => b.output).map(({ pipe: { ended: sent, quiet } }) => ({ sent, quiet })),
      ...this.joined,
    ];
    let ended = false;
    const all = Promise.all(outputs.map((o) => o.sent)).then(() => {
      ended = true;
    });
    while (!ended && !outputs.every((o) => o.quiet(quietMs))) {
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, quietMs / 4))]);
    }
    this.report(end);
    rmSync(this.directory, { recursive: true, force: true });
    this.markExited();
    this.services.changed();
  }

  /** A program that could not be started has ended with the status a shell gives for it (XCU 2.8.2). */
  private faultReport(): Pick<AgentReport, 'state' | 'status' | 'message'> {
    const { code, message } = toErrorBody(this.fault);
    const name = this.plan.argv[0] ?? this.plan.text;
    const text = this.fault instanceof WireError ? message : (message.split(': ')[1] ?? message);
    const said = text.startsWith(`${name}: `) ? text : `${name}: ${code === 'ENOENT' ? 'not found' : text}`;
    return { state: 'exited', status: code === 'ENOENT' ? 127 : 126, message: said };
  }

  private report(state: Pick<AgentReport, 'state' | 'pid' | 'status' | 'signal' | 'message'>): void {
    const { request, plan, services } = this;
    this.last = { type: 'agent.state', job: request.job, agent: plan.id, runtime: services.name, ...state };
    services.report(this.last, this);
  }

  /** An event for the program, from `runtime`. */
  tell(event: FileEvent, runtime: RuntimeName): void {
    this.dispatcher?.tell(event, runtime);
  }

  /** Signals that came before there was a process. */
  private readonly early: NodeJS.Signals[] = [];

  /** Signals its process group. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined) {
      if (this.last?.state !== 'exited') this.early.push(signal);
      return;
    }
    killGroup(pid, signal);
    // A stopped program acts on it once it goes on.
    if (signal === 'SIGTERM' || signal === 'SIGHUP' || signal === 'SIGINT') killGroup(pid, 'SIGCONT');
    if (!this.running) return;
    if (signal === 'SIGTSTP' || signal === 'SIGSTOP') this.report({ state: 'stopped', pid });
    else if (signal === 'SIGCONT') this.report({ state: 'running', pid });
  }

  /** Ends its whole group: asks with `signal`, and by force after two seconds. Resolves when no process of it is left. */
  async end(signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { pid } = this;
    // Once it has ended, its group's number may be another's.
    if (pid !== undefined && !this.running) return;
    this.signal(signal);
    if (pid === undefined) return;
    const deadline = performance.now() + grace;
    let forced = signal === 'SIGKILL';
    while (killGroup(pid, 0) && performance.now() < deadline + grace) {
      if (!forced && performance.now() >= deadline) {
        forced = true;
        killGroup(pid, 'SIGKILL');
      }
      // There is no event for the end of a process that is not our child.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The machine at the other end is lost: nobody is to wait for it. */
  breakStreams(runtime: RuntimeName): void {
    this.dispatcher?.lose(runtime);
    const reason = new WireError('EHOSTDOWN', `${runtime} is lost`);
    for (const { pipe: each, other } of this.bridges) if (other === runtime) each.break(reason);
  }
}
