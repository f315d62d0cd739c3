/** The agents of one runtime: requests about them, and their common end. */
import path from 'node:path';
import { pipe } from '../host/libc.js';
import { WireError } from '../wire/errors.js';
import type { FileEvent } from '../wire/files.js';
import type { AgentId, RuntimeName, SessionId } from '../wire/ids.js';
import type { AgentReport, SpawnRequest } from '../wire/messages.js';
import { Agent, type AgentServices } from './agent.js';
import { Guard } from './guard.js';
import { closeQuietly } from './pipes.js';
import { endLeftovers, killProcessesOf } from './processes.js';

/** Milliseconds that the reports of ended agents may take when the runtime closes. */
const closingReports = 1000;

export class Agents {
  /** Those that run, and those that have ended but left processes in their group. */
  private readonly agents = new Map<AgentId, Agent>();
  private readonly guard: Guard;
  private closing = false;

  constructor(private readonly services: AgentServices) {
    const directory = path.join(services.home, 'agents');
    endLeftovers(directory);
    this.guard = new Guard(directory);
  }

  /** Agents running now. */
  get count(): number {
    let count = 0;
    for (const agent of this.agents.values()) if (agent.running) count += 1;
    return count;
  }

  list(): AgentReport[] {
    return [...this.agents.values()].flatMap((a) => (a.running && a.last !== undefined ? [a.last] : []));
  }

  /**
   * Starts the agents of a request: all, or none. A program that is not there or cannot be run does not fail the request: the
   * others of its pipeline run, as in any shell, and it ends with status 127 or 126.
   * @throws WireError EEXIST, ECANCELED while closing; what opening its streams throws; EAGAIN, EMFILE …
   */
  async spawn(request: SpawnRequest, forked?: Agent['forked']): Promise<void> {
    if (this.closing) throw new WireError('ECANCELED', `${this.services.name} is stopping`);
    for (const { id } of request.agents)
      if (this.agents.has(id)) throw new WireError('EEXIST', `${id}: there is such an agent`);
    this.guard.start();
    const made = request.agents.map((plan) => new Agent(plan, request, this.services, forked));
    for (const agent of made) this.agents.set(agent.plan.id, agent);
    const joined = new Map<string, number>();
    try {
      // Its parts are independent, but for the first error all of them are undone.
      await settled(made.map((agent) => agent.prepare()));
      this.joinNeighbours(request, joined);
      await settled(made.map((agent) => agent.wire((fd) => joined.get(`${agent.plan.id} ${fd}`))));
      if (this.closing) throw new WireError('ECANCELED', `${this.services.name} is stopping`);
      for (const agent of made) await agent.start();
    } catch (error) {
      for (const agent of made) {
        if (agent.pid === undefined) agent.discard();
        else void agent.end('SIGKILL');
        this.agents.delete(agent.plan.id);
      }
      throw error;
    } finally {
      for (const fd of joined.values()) closeQuietly(fd);
    }
    for (const agent of made) void agent.exited.then(() => this.sweep());
    this.services.changed();
  }

  /** Kernel pipes between agents that both start here. */
  private joinNeighbours(request: SpawnRequest, joined: Map<string, number>): void {
    const here = new Set(request.agents.map((a) => a.id));
    for (const { from, to } of request.edges) {
      if (from.kind !== 'agent' || to.kind !== 'agent' || !here.has(from.agent) || !here.has(to.agent)) continue;
      const ends = pipe();
      joined.set(`${from.agent} ${from.fd}`, ends.write);
      joined.set(`${to.agent} ${to.fd}`, ends.read);
    }
  }

  /** Forgets agents that have ended and of whose group nothing is left. */
  private sweep(): void {
    for (const [id, agent] of this.agents) if (agent.last?.state === 'exited' && !agent.lingers) this.agents.delete(id);
  }

  /** An event for a program here, from `runtime`. */
  tell(event: FileEvent, runtime: RuntimeName): void {
    this.agents.get(event.owner.agent)?.tell(event, runtime);
  }

  /** What an agent was started by; undefined when there is no such agent. */
  requestOf(id: AgentId): SpawnRequest | undefined {
    return this.agents.get(id)?.request;
  }

  /** Signals an agent's process group, and what it has forked: on one machine that would be of its group. */
  signal(id: AgentId, signal: NodeJS.Signals): void {
    this.agents.get(id)?.signal(signal);
    for (const [child, { forked, running }] of this.agents)
      if (running && forked?.parent === id) this.signal(child, signal);
  }

  /** A session has gone: none of its agents stays, nor what they left behind. */
  async endSession(session: SessionId): Promise<void> {
    await this.end(
      [...this.agents.values()].filter((a) => a.request.session === session),
      'SIGHUP',
    );
  }

  private async end(agents: readonly Agent[], signal: 'SIGHUP' | 'SIGTERM'): Promise<void> {
    if (agents.length === 0) return;
    await Promise.all(agents.map((agent) => agent.end(signal)));
    // What left the group.
    killProcessesOf(new Set(agents.map((a) => a.plan.id)));
    this.sweep();
  }

  /** A machine is lost: streams with their other end there are broken, so that nobody waits for it. */
  breakStreams(runtime: RuntimeName): void {
    for (const agent of this.agents.values()) agent.breakStreams(runtime);
  }

  /** Ends everything and waits until it has ended and been reported. */
  async close(): Promise<void> {
    this.closing = true;
    const all = [...this.agents.values()];
    await this.end(all, 'SIGTERM');
    const reported = Promise.all(all.map((agent) => agent.exited));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      reported,
      new Promise((resolve) => {
        timer = setTimeout(resolve, closingReports);
      }),
    ]);
    clearTimeout(timer);
    this.services.waiting.close();
    this.guard.close();
  }
}

/** Waits for all, then throws the first error. */
async function settled(all: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(all)) if (result.status === 'rejected') throw result.reason;
}
