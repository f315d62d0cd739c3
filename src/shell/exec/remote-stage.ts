/** A stage of a job that is an agent of some runtime: its reports make its state. */
import os from 'node:os';
import type { PlanAgent } from '../../wire/graph.js';
import type { RuntimeName } from '../../wire/ids.js';
import type { AgentReport } from '../../wire/messages.js';
import type { Stage, StageState } from '../jobs.js';
import { errnoOf, type MaybePromise, reasonOf, signalName } from '../outcome.js';
import type { ClusterPort } from '../plan/cluster.js';
import { complain } from '../report.js';
import type { Env } from '../state.js';

/** Exit status of an agent whose machine was lost: nobody knows its own (ssh reports the same). */
export const lostStatus = 255;

const { SIGHUP, SIGINT, SIGKILL, SIGTERM } = os.constants.signals;
const ending: ReadonlySet<number> = new Set([SIGHUP, SIGINT, SIGKILL, SIGTERM]);

export class RemoteStage implements Stage {
  readonly text: string;
  state: StageState = 'running';
  status = 0;
  endedBy: number | undefined;
  onChange: (() => void) | undefined;
  /** Its streams that end at the session; the stage is over when they are. */
  readonly outputs: Promise<void>[] = [];
  /** Resolves when its machine is lost. */
  readonly lost: Promise<void>;
  private markLost: () => void = () => {};
  private readonly over: Promise<void>;
  private markOver: () => void = () => {};
  private wakers: (() => void)[] = [];
  /** Its end is known; its streams may still flow. */
  private ended = false;
  /** Process id on its own machine. */
  remotePid: number | undefined;

  constructor(
    private readonly agent: PlanAgent,
    readonly where: RuntimeName,
    private readonly cluster: ClusterPort,
    private readonly env: Env,
    private readonly forget: () => void,
  ) {
    const { activity } = env.shell;
    this.text = agent.text;
    this.lost = new Promise((resolve) => {
      this.markLost = resolve;
    });
    this.over = new Promise((resolve) => {
      this.markOver = resolve;
    });
    activity.concurrent += 1;
  }

  /** Nobody knows what became of it: its machine has gone, or does not answer. */
  lose(why: string): void {
    if (this.ended) return;
    complain(this.env, `${this.text}: ${why}`);
    this.markLost();
    this.finish(lostStatus);
  }

  /** A number no process of this machine has: `$!`, `wait` and `kill` find the job by it. */
  readonly pid = nextNumber++;

  apply(report: AgentReport): void {
    if (this.ended) return;
    this.remotePid = report.pid ?? this.remotePid;
    if (report.message !== undefined && report.state === 'exited') complain(this.env, report.message);
    switch (report.state) {
      case 'starting':
      case 'running':
        this.change('running', 0);
        return;
      case 'stopped':
        this.change('stopped', 128 + os.constants.signals.SIGSTOP);
        return;
      case 'lost':
        this.lose(report.message ?? `runtime ${this.where} lost`);
        return;
      case 'exited': {
        const signal = report.signal === undefined ? undefined : os.constants.signals[report.signal as NodeJS.Signals];
        this.endedBy = signal;
        this.finish(signal === undefined ? (report.status ?? 0) : 128 + signal);
        return;
      }
      default:
        report.state satisfies never;
    }
  }

  private finish(status: number): void {
    this.ended = true;
    void Promise.allSettled(this.outputs).then(() => {
      this.env.shell.activity.concurrent -= 1;
      this.change('done', status);
      this.markOver();
      this.forget();
    });
  }

  private change(state: StageState, status: number): void {
    this.state = state;
    this.status = status;
    this.onChange?.();
    const wakers = this.wakers;
    this.wakers = [];
    for (const wake of wakers) wake();
  }

  async wait(stops: boolean): Promise<void> {
    if (!stops) return this.over;
    while (this.state === 'running') await new Promise<void>((resolve) => this.wakers.push(resolve));
  }

  continued(): void {
    if (this.state === 'stopped') this.change('running', 0);
  }

  signal(signal: number): MaybePromise<void> {
    const name = signalName(signal);
    if (name === undefined) return;
    return this.cluster.signal(this.where, this.agent.id, `SIG${name}`).catch((error: unknown) => {
      // It has ended already: its report is on the way. Anything else, and a user who wants it to end must not wait for ever.
      if (errnoOf(error) !== 'ESRCH' && ending.has(signal)) this.lose(reasonOf(error));
    });
  }
}

/** Above the largest process id of Linux (PID_MAX_LIMIT, 2^22). */
let nextNumber = 0x400001;
