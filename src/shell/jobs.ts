/**
 * Jobs (XCU 2.11, 3.204): pipelines under way, each a row of stages. A stage is a host process, an agent on some runtime, or
 * part of this process; all are waited for, signalled and listed the same way.
 */
import { constants } from 'node:os';
import { giveTerminal, killGroup, restoreTerminal, saveTerminal, type WaitResult, waitpid } from '../host/libc.js';
import type { Activity } from './files.js';
import { errnoOf, type MaybePromise, signalName, signalText, then } from './outcome.js';

export type StageState = 'running' | 'stopped' | 'done';

export interface Stage {
  /** As the user typed it. */
  readonly text: string;
  /** Where it runs: a runtime's name, or '' for this machine. */
  readonly where: string;
  readonly pid: number | undefined;
  readonly state: StageState;
  /** Exit status once done; 128+n after signal n. While stopped, 128 + the stopping signal. */
  readonly status: number;
  /** The signal that ended it, if one did. */
  readonly endedBy: number | undefined;
  /** Until done, or stopped when `stops`. May block when nothing else needs the event loop. */
  wait(stops: boolean): MaybePromise<void>;
  /** Resolves once the signal has been delivered, or cannot be. */
  signal(signal: number): MaybePromise<void>;
  /** It has been sent SIGCONT: what was stopped counts as running again. */
  continued(): void;
  /** Called on every change of state. */
  onChange: (() => void) | undefined;
}

const children = new Map<number, HostProcess>();
/** Waits under way that need SIGCHLD; at 0 the next wait may block instead, which costs less. */
let watchers = 0;

/** Collects every child whose state has changed. */
function sweep(): void {
  for (const child of children.values()) child.poll();
}

function watchChildren(): void {
  if (watchers === 0) process.on('SIGCHLD', sweep);
  watchers += 1;
  // A change before the handler was there sent no event.
  sweep();
}

function unwatchChildren(): void {
  watchers -= 1;
  if (watchers === 0) process.off('SIGCHLD', sweep);
}

/** A host process that this shell started. */
export class HostProcess implements Stage {
  readonly where = '';
  state: StageState = 'running';
  status = 0;
  endedBy: number | undefined;
  core = false;
  onChange: (() => void) | undefined;
  /** Called in place of stopping when it used the terminal before that was its own; once. */
  tooEarly: (() => void) | undefined;
  private waiters: (() => void)[] = [];

  constructor(
    readonly pid: number,
    readonly text: string,
    private readonly activity: Activity,
  ) {
    children.set(pid, this);
  }

  poll(): void {
    try {
      while (this.alive()) {
        const result = waitpid(this.pid, { block: false, stops: true });
        if (result === undefined) break;
        this.apply(result);
      }
    } catch (error) {
      if (errnoOf(error) !== 'ECHILD') throw error;
      this.apply({ kind: 'exited', pid: this.pid, status: 127 });
    }
  }

  private alive(): boolean {
    return this.state !== 'done';
  }

  private apply(result: WaitResult): void {
    switch (result.kind) {
      case 'exited':
        this.state = 'done';
        this.status = result.status;
        break;
      case 'signaled':
        this.state = 'done';
        this.status = 128 + result.signal;
        this.endedBy = result.signal;
        this.core = result.core;
        break;
      case 'stopped':
        if (this.tooEarly !== undefined && (result.signal === SIGTTIN || result.signal === SIGTTOU)) {
          this.tooEarly();
          this.tooEarly = undefined;
          return;
        }
        this.state = 'stopped';
        this.status = 128 + result.signal;
        break;
      case 'continued':
        this.state = 'running';
        break;
      default:
        result satisfies never;
    }
    if (this.state === 'done') children.delete(this.pid);
    this.onChange?.();
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }

  wait(stops: boolean): MaybePromise<void> {
    if (this.settled(stops)) return;
    if (this.activity.concurrent > 0 || watchers > 0) return this.waitLater(stops);
    try {
      while (!this.settled(stops)) {
        const result = waitpid(this.pid, { block: true, stops });
        if (result !== undefined) this.apply(result);
      }
    } catch (error) {
      if (errnoOf(error) !== 'ECHILD') throw error;
      this.apply({ kind: 'exited', pid: this.pid, status: 127 });
    }
  }

  private settled(stops: boolean): boolean {
    return this.state === 'done' || (stops && this.state === 'stopped');
  }

  private async waitLater(stops: boolean): Promise<void> {
    watchChildren();
    const alive = setInterval(() => {}, 0x7fffffff); // a signal handler alone does not keep the event loop alive
    try {
      while (!this.settled(stops)) await new Promise<void>((resolve) => this.waiters.push(resolve));
    } finally {
      clearInterval(alive);
      unwatchChildren();
    }
  }

  continued(): void {
    if (this.state === 'stopped') this.state = 'running';
  }

  signal(signal: number): void {
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }
}

/** Makes every later wait leave the event loop running: traps, a TUI or a cluster connection need it. */
export const waitWithEvents = (): void => watchChildren();

export interface Job {
  readonly id: number;
  readonly text: string;
  readonly stages: readonly Stage[];
  /** Host process group, when the shell does job control. */
  readonly group: number | undefined;
  /** Terminal modes when it was stopped, to give back on `fg`. */
  modes?: Uint8Array;
  /** The user has been told of the present state. */
  notified: boolean;
  /** The environment that started it: no other can wait for it. */
  readonly home: object;
  /** Set when the job's exit status is known to no one: `wait` then reports it. */
  readonly pid: number | undefined;
}

export const jobState = (job: Job): StageState =>
  job.stages.some((s) => s.state === 'running')
    ? 'running'
    : job.stages.some((s) => s.state === 'stopped')
      ? 'stopped'
      : 'done';

/** Exit status of a job: that of its last stage (or, with pipefail, of the last that failed). */
export function jobStatus(stages: readonly Stage[], pipefail: boolean): number {
  const last = stages.at(-1)?.status ?? 0;
  if (!pipefail || last !== 0) return last;
  for (let i = stages.length - 1; i >= 0; i--) if (stages[i]!.status !== 0) return stages[i]!.status;
  return 0;
}

/** The job table of one shell. */
export class Jobs {
  private readonly list: Job[] = [];
  /** Exit statuses of asynchronous lists that ended and nobody waited for, by pid. */
  private readonly ended = new Map<number, number>();
  /** Most recent first: `%+`, `%-`. */
  private recent: Job[] = [];
  /** Called whenever a job appears or changes. */
  onChange: (() => void) | undefined;

  get all(): readonly Job[] {
    return this.list;
  }

  add(text: string, stages: readonly Stage[], group: number | undefined, home: object): Job {
    const id = 1 + this.list.reduce((most, job) => Math.max(most, job.id), 0);
    const job: Job = { id, text, stages, group, home, notified: false, pid: stages.at(-1)?.pid };
    this.list.push(job);
    this.recent.unshift(job);
    for (const stage of stages) {
      stage.onChange = () => {
        job.notified = false;
        this.onChange?.();
      };
    }
    this.onChange?.();
    return job;
  }

  remove(job: Job): void {
    const at = this.list.indexOf(job);
    if (at >= 0) this.list.splice(at, 1);
    this.recent = this.recent.filter((j) => j !== job);
    if (job.pid !== undefined) this.ended.set(job.pid, jobStatus(job.stages, false));
    if (this.ended.size > 1024) this.ended.delete(this.ended.keys().next().value!);
    this.onChange?.();
  }

  touch(job: Job): void {
    this.recent = [job, ...this.recent.filter((j) => j !== job)];
  }

  byPid(pid: number): Job | undefined {
    return this.list.find((job) => job.stages.some((s) => s.pid === pid));
  }

  endedStatus(pid: number): number | undefined {
    const status = this.ended.get(pid);
    this.ended.delete(pid);
    return status;
  }

  /** `+`, `-` or `' '` as `jobs` marks it. */
  mark(job: Job): string {
    const order = this.ordered();
    return order[0] === job ? '+' : order[1] === job ? '-' : ' ';
  }

  /** Stopped jobs first (XCU jobs), then the most recent. */
  private ordered(): Job[] {
    const stopped = this.recent.filter((j) => jobState(j) === 'stopped');
    return [...stopped, ...this.recent.filter((j) => !stopped.includes(j))];
  }

  /** A job by its job control job ID (XBD 3.182): `%n`, `%+`, `%%`, `%-`, `%text`, `%?text`; undefined: no such job. */
  find(id: string): Job | 'ambiguous' | undefined {
    const name = id.slice(1);
    if (id === '%' || name === '%' || name === '+') return this.ordered()[0];
    if (name === '-') return this.ordered()[1] ?? this.ordered()[0];
    if (/^\d+$/.test(name)) return this.list.find((job) => job.id === Number(name));
    const found = this.list.filter((job) =>
      name.startsWith('?') ? job.text.includes(name.slice(1)) : job.text.startsWith(name),
    );
    return found.length > 1 ? 'ambiguous' : found[0];
  }

  /** Looks for children that have changed state. */
  refresh(): void {
    sweep();
  }
}

/** Sends a signal to every stage: by process group where there is one. */
export function signalJob(job: Job, signal: number): MaybePromise<void> {
  const { group } = job;
  const here = job.stages.filter((stage) => stage.where === '' && stage.state !== 'done');
  const sent = signalAgents(job.stages, signal, () => {
    if (group === undefined) for (const stage of here) void stage.signal(signal);
    else killGroup(group, signal);
  });
  // A stopped process acts on a signal only once it continues (XCU kill, dash does the same for TERM and HUP).
  if (group !== undefined && (signal === constants.signals.SIGTERM || signal === constants.signals.SIGHUP)) {
    return then(sent, () => {
      if (jobState(job) === 'stopped') killGroup(group, constants.signals.SIGCONT);
    });
  }
  return sent;
}

/** Milliseconds that the other stages wait for the last one's machine to say that it has the signal. */
const lastFirst = 250;

/**
 * Signals what runs elsewhere as a process group is signalled, as far as several machines can be: the last stage first, whose
 * status is the job's, or it might end of the end of its input, which the death of the others brings, before its signal comes.
 * `others` is called when the rest is signalled.
 */
export function signalAgents(stages: readonly Stage[], signal: number, others?: () => void): MaybePromise<void> {
  const away = stages.filter((stage) => stage.where !== '' && stage.state !== 'done');
  const rest = (): MaybePromise<void> => {
    others?.();
    const sent = away.flatMap((stage) => stage.signal(signal) ?? []);
    return sent.length === 0 ? undefined : Promise.all(sent).then(() => {});
  };
  if (stages.at(-1) !== away.at(-1)) return rest();
  const told = away.pop()?.signal(signal);
  if (told === undefined) return rest();
  const patience = new Promise<void>((resolve) => setTimeout(resolve, lastFirst).unref());
  return Promise.all([told, Promise.race([told, patience]).then(rest)]).then(() => {});
}

/** The state column of `jobs`: `Running`, `Done`, `Done(1)`, `Stopped (SIGTSTP)`, `Terminated`. */
export function describeState(job: Job): string {
  const state = jobState(job);
  if (state === 'running') return 'Running';
  const last = job.stages.at(-1)!;
  if (state === 'stopped') {
    const stopped = job.stages.find((s) => s.state === 'stopped')!;
    return `Stopped (SIG${signalName(stopped.status - 128) ?? 'STOP'})`;
  }
  if (last.endedBy !== undefined) return signalText[signalName(last.endedBy) ?? ''] ?? `Signal ${last.endedBy}`;
  return last.status === 0 ? 'Done' : `Done(${last.status})`;
}

const { SIGTTIN, SIGTTOU } = constants.signals;

/** What a terminal sends to its foreground process group (XBD 11.1.9, 11.1.10). */
const terminalSignals = ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGHUP'] as const;

/** A shell with a terminal. */
export interface TerminalOwner {
  readonly terminal: number | undefined;
  readonly pid: number;
  readonly interrupted: number | undefined;
  stopAsked: boolean;
}

/** Gives the terminal to a group while `run` lasts, and takes it back with its modes (XCU 2.11). */
export async function inForeground(
  owner: TerminalOwner,
  group: number | undefined,
  stages: readonly Stage[],
  run: () => MaybePromise<void>,
): Promise<void> {
  const terminal = owner.terminal!;
  const modes = saveTerminal(terminal);
  // What came before the group had the terminal came to this process, and was meant for the group.
  const passOn = (signal: NodeJS.Signals) => killGroup(group!, signal);
  if (group !== undefined) {
    for (const name of terminalSignals) process.prependOnceListener(name, passOn);
    giveTerminal(terminal, group);
    // Not to all at once: a Ctrl-Z that has just come would be undone.
    for (const stage of stages)
      if (stage instanceof HostProcess) stage.tooEarly = () => killGroup(group, constants.signals.SIGCONT);
    const missed = owner.interrupted ?? (owner.stopAsked ? constants.signals.SIGTSTP : undefined);
    if (missed !== undefined) killGroup(group, missed);
  }
  try {
    await run();
  } finally {
    owner.stopAsked = false;
    for (const stage of stages) if (stage instanceof HostProcess) stage.tooEarly = undefined;
    if (group !== undefined) {
      giveTerminal(terminal, owner.pid);
      for (const name of terminalSignals) process.off(name, passOn);
    }
    if (modes !== undefined) restoreTerminal(terminal, modes);
  }
}
