/**
 * The job table: which agents run where, and for whom. A job is kept by the coordination from before its session hears that it
 * was placed until its last agent has ended, so that a scheduler that starts anew knows it. Of its agents only the places are
 * kept: how they are, their runtimes say.
 */
import { WireError } from '../../wire/errors.js';
import type { AgentId, JobId, RuntimeName } from '../../wire/ids.js';
import type { AgentReport, JobRecord } from '../../wire/messages.js';
import { isJobRecord } from '../../wire/schema.js';
import type { Coordination } from '../coordination/coordination.js';

type AgentEntry = { -readonly [K in keyof JobRecord['agents'][number]]: JobRecord['agents'][number][K] } & {
  /** From before this scheduler started: its runtime has not said yet that it is there. */
  unheard?: boolean;
};

export interface Job {
  readonly record: Omit<JobRecord, 'agents'>;
  readonly agents: ReadonlyMap<AgentId, AgentEntry>;
  /** Resolves with its revision once it is kept. */
  kept: Promise<number>;
}

const isOver = ({ state }: AgentEntry): boolean => state === 'exited' || state === 'lost';
const keyOf = (job: JobId): string => `jobs/${job}`;

export class JobTable {
  private readonly jobs = new Map<JobId, Job>();
  private readonly removals = new Set<Promise<void>>();

  private constructor(private readonly coordination: Coordination) {}

  /** @throws WireError EBADMSG for an entry that is no job */
  static async open(coordination: Coordination): Promise<JobTable> {
    const table = new JobTable(coordination);
    for (const { key, value, revision } of await coordination.list('jobs')) {
      if (!isJobRecord(value) || keyOf(value.job) !== key) throw new WireError('EBADMSG', `${key}: not a job`);
      const { agents, ...record } = value;
      table.jobs.set(value.job, {
        record,
        agents: new Map(agents.map((agent) => [agent.id, { ...agent, unheard: true }])),
        kept: Promise.resolve(revision),
      });
    }
    return table;
  }

  get(job: JobId): Job | undefined {
    return this.jobs.get(job);
  }

  all(): readonly Job[] {
    return [...this.jobs.values()];
  }

  records(): readonly JobRecord[] {
    return this.all().map(({ record, agents }) => ({
      ...record,
      agents: [...agents.values()].map(({ unheard: _, ...agent }) => agent),
    }));
  }

  /** Enters a job; its `kept` rejects with what the coordination throws. */
  add({ agents, ...record }: JobRecord): Job {
    const kept = this.coordination.put(keyOf(record.job), { ...record, agents }, 0);
    kept.catch(() => {}); // whoever submitted it waits for it
    const job: Job = { record, agents: new Map(agents.map((agent) => [agent.id, { ...agent }])), kept };
    this.jobs.set(record.job, job);
    return job;
  }

  remove(id: JobId): void {
    const job = this.jobs.get(id);
    if (job === undefined) return;
    this.jobs.delete(id);
    // One that stays is known for what it is at the next start: none of its agents is there.
    const removal = job.kept.then((revision) => this.coordination.remove(keyOf(id), revision)).catch(() => {});
    this.removals.add(removal);
    void removal.then(() => this.removals.delete(removal));
  }

  /** Resolves once what has ended is kept no more. */
  async settled(): Promise<void> {
    await Promise.all(this.removals);
  }

  /** Takes in what a runtime says of an agent. A job whose agents have all ended is forgotten. */
  apply(report: AgentReport): void {
    const job = this.jobs.get(report.job);
    const agent = job?.agents.get(report.agent);
    if (job === undefined || agent === undefined || agent.runtime !== report.runtime) return;
    agent.state = report.state;
    delete agent.unheard;
    if (report.pid !== undefined) agent.pid = report.pid;
    if (report.status !== undefined) agent.status = report.status;
    if (report.signal !== undefined) agent.signal = report.signal;
    if ([...job.agents.values()].every(isOver)) this.remove(report.job);
  }

  /** Every agent on a lost machine is lost. */
  lose(runtime: RuntimeName): void {
    this.loseIf((agent) => agent.runtime === runtime);
  }

  /** True when agents of `runtime` are to be asked for. */
  isUnheard(runtime: RuntimeName): boolean {
    return this.all().some(({ agents }) => [...agents.values()].some((a) => a.runtime === runtime && a.unheard));
  }

  /** `runtime` has said which agents it has: others that it was thought to have ended while no scheduler heard it. */
  hear(runtime: RuntimeName, reports: readonly AgentReport[]): void {
    for (const report of reports) if (report.runtime === runtime) this.apply(report);
    this.loseIf((agent) => agent.runtime === runtime && agent.unheard === true);
  }

  /** Agents of machines that have not been heard are lost. */
  loseUnheard(): void {
    this.loseIf((agent) => agent.unheard === true);
  }

  private loseIf(test: (agent: AgentEntry) => boolean): void {
    for (const { record, agents } of this.all())
      for (const agent of agents.values())
        if (test(agent) && !isOver(agent))
          this.apply({ type: 'agent.state', job: record.job, agent: agent.id, runtime: agent.runtime, state: 'lost' });
  }
}
