/**
 * The scheduler kernel agent (paper §3.3): knows which runtimes are up, places plans, commands runtimes to start agents, and
 * keeps the job table. A machine that is lost takes its agents with it, and their session is told.
 */
import type { Subscription } from '../../bus/bus.js';
import type { OnGone } from '../../bus/members.js';
import type { Peer } from '../../bus/peer.js';
import { WireError } from '../../wire/errors.js';
import type { Inventory, Placement, Plan, RuntimeInfo } from '../../wire/graph.js';
import type { AgentId, RuntimeName, SessionId, UserName } from '../../wire/ids.js';
import type { Body, Envelope, RoutedEdge, RuntimeStatus, SessionStatus } from '../../wire/messages.js';
import { topics } from '../../wire/topics.js';
import type { Coordination } from '../coordination/coordination.js';
import { type Job, JobTable } from './jobs.js';
import { place } from './place.js';

export interface Scheduler {
  close(): Promise<void>;
}

interface Known {
  readonly incarnation: number;
  /** undefined: it is down. */
  readonly info: RuntimeInfo | undefined;
}

/** Milliseconds a runtime has to answer a spawn request. */
const spawnPatience = 10_000;

/** Most milliseconds for one question to a session. */
const sessionPatience = 4000;

/** Who sessions are; without it everything is the one user's own. */
export interface Users {
  /** @throws WireError EACCES when the session is nobody's */
  userOf(session: SessionId): UserName | Promise<UserName>;
  isOwner(user: UserName): boolean;
}

export interface SchedulerOptions {
  readonly peer: Peer;
  /** Keeps the job table. */
  readonly coordination: Coordination;
  /** Tells of machines that were revoked. */
  readonly onGone: OnGone;
  readonly users: Users | undefined;
  /**
   * Milliseconds that the sessions of jobs from before the scheduler's start have to be heard of again, and their machines twice
   * that: as long as connecting again takes. Default 20 000.
   */
  readonly returnMs?: number;
  /** Resolves once the members have heard that the scheduler is here: they start nothing for anybody else. */
  readonly known?: () => Promise<void>;
  /** False once another machine may be the scheduler: nothing is answered any more. */
  readonly isOpen?: () => boolean;
}

/** @throws WireError EBADMSG when what was kept is no job table; EACCES when the broker refuses its topics */
export async function startScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const { peer, coordination, onGone, users, returnMs = 20_000, isOpen = () => true, known } = options;
  const { cluster } = peer;
  const runtimes = new Map<RuntimeName, Known>();
  const jobs = await JobTable.open(coordination);
  let closed = false;

  const inventory = (): Inventory => ({
    runtimes: [...runtimes.values()]
      .flatMap(({ info }) => (info === undefined ? [] : [info]))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  });
  const isUp = (name: RuntimeName): boolean => runtimes.get(name)?.info !== undefined;
  const inbox = (name: RuntimeName): string => topics.runtimeInbox(cluster, name);

  // --- jobs -----------------------------------------------------------------------------------------------------------

  /** Agents of a job that are still there, by runtime. */
  const living = (job: Job, only?: readonly AgentId[]): [AgentId, RuntimeName][] =>
    [...job.agents].flatMap(([id, { runtime, state }]): [AgentId, RuntimeName][] =>
      state !== 'exited' && state !== 'lost' && (only === undefined || only.includes(id)) && isUp(runtime)
        ? [[id, runtime]]
        : [],
    );

  const signal = async (job: Job, name: string, only?: readonly AgentId[]): Promise<void> => {
    await Promise.all(
      living(job, only).map(([agent, runtime]) =>
        peer.request(inbox(runtime), { type: 'agent.signal', agent, signal: name }).catch(() => {}),
      ),
    );
  };

  /** Agents that a job from before the scheduler's start has on `runtime`: are they there? */
  const askAgain = async (runtime: RuntimeName): Promise<void> => {
    if (!jobs.isUnheard(runtime)) return;
    const answer = await peer.request(inbox(runtime), { type: 'agent.list' });
    if (answer.type === 'agents') jobs.hear(runtime, answer.agents);
  };

  /** Ends what sessions left behind that went while there was no scheduler. */
  const askSessions = async (): Promise<void> => {
    const deadline = performance.now() + returnMs;
    const isThere = async (session: SessionId): Promise<boolean> => {
      do {
        const timeoutMs = Math.min(sessionPatience, returnMs);
        const answer = peer.ask(topics.sessionInbox(cluster, session), { type: 'login.get' }, { timeoutMs });
        const heard = await answer.then(
          ({ from }) => from.session === session,
          (error: WireError) => error.code === 'ECANCELED',
        );
        if (heard) return true;
      } while (!closed && performance.now() < deadline);
      return closed;
    };
    const sessions = new Set(jobs.all().map((job) => job.record.session));
    await Promise.all([...sessions].map(async (each) => ((await isThere(each)) ? undefined : endSession(each))));
  };

  const endSession = async (session: SessionId): Promise<void> => {
    if (!isOpen()) return;
    for (const job of jobs.all()) if (job.record.session === session) await signal(job, 'SIGHUP');
    const timer = setTimeout(() => {
      if (!isOpen()) return;
      for (const job of jobs.all()) {
        if (job.record.session === session) void signal(job, 'SIGKILL').then(() => jobs.remove(job.record.job));
      }
    }, 3000);
    timer.unref();
  };

  const placeFor = async (plan: Plan): Promise<Placement[]> => {
    if (users === undefined) return place(plan, inventory());
    const user = await users.userOf(plan.session);
    const welcome = (who: UserName | 'owners') => who === user || (who === 'owners' && users.isOwner(user));
    return place(plan, inventory(), ({ openTo }) => openTo?.some(welcome) ?? true);
  };

  const submit = async (plan: Plan): Promise<readonly Placement[]> => {
    const begun = jobs.get(plan.job);
    if (begun !== undefined) {
      // The scheduler before this one began it, and its answer was lost: what it started nobody would hear of.
      await signal(begun, 'SIGKILL');
      throw new WireError('ECANCELED', 'the scheduler was lost while it started this job');
    }
    const placements = await placeFor(plan);
    await known?.();
    const where = new Map<string, RuntimeName>(placements.map((p) => [p.agent, p.runtime]));
    // Native programs on the home runtime are the shell's own processes.
    const isShells = (id: AgentId): boolean =>
      where.get(id) === plan.home && plan.agents.find((a) => a.id === id)?.program.kind === 'native';
    const ofShell = (end: RoutedEdge['from']): boolean => end.kind === 'agent' && isShells(end.agent);
    const at = (end: RoutedEdge['from']): RuntimeName =>
      end.kind === 'agent' ? where.get(end.agent)! : end.kind === 'path' ? end.provider : plan.home;
    const edges: RoutedEdge[] = plan.edges.map((edge) => ({
      ...edge,
      fromRuntime: at(edge.from),
      toRuntime: at(edge.to),
      ...(ofShell(edge.from) ? { fromSession: true } : {}),
      ...(ofShell(edge.to) ? { toSession: true } : {}),
    }));
    const spawned = plan.agents.filter((a) => !isShells(a.id));
    const requests: Promise<unknown>[] = [];
    const { job: id, session, home, source } = plan;
    const agents = spawned.map((a) => ({
      id: a.id,
      text: a.text,
      runtime: where.get(a.id)!,
      state: 'starting' as const,
    }));
    const job =
      agents.length === 0 ? undefined : jobs.add({ job: id, session, home, source, started: Date.now(), agents });
    if (job !== undefined) requests.push(job.kept);
    for (const name of new Set(spawned.map((a) => where.get(a.id)!))) {
      const agents = spawned.filter((a) => where.get(a.id) === name);
      const ids = new Set(agents.map((a) => a.id));
      const touches = (end: RoutedEdge['from']): boolean => end.kind === 'agent' && ids.has(end.agent);
      const body: Body = {
        type: 'agent.spawn',
        job: plan.job,
        session: plan.session,
        home: plan.home,
        agents,
        edges: edges.filter((e) => touches(e.from) || touches(e.to)),
        context: plan.context,
      };
      requests.push(peer.request(inbox(name), body, { timeoutMs: spawnPatience }));
    }
    // A path's provider opens its end, unless it hosts the agent at the other end too.
    const providers = new Map<RuntimeName, RoutedEdge[]>();
    for (const edge of edges) {
      const [outside, inside] =
        edge.from.kind === 'path'
          ? [edge.from, edge.to]
          : edge.to.kind === 'path'
            ? [edge.to, edge.from]
            : [undefined, undefined];
      if (outside === undefined) continue;
      if (inside.kind === 'agent' && where.get(inside.agent) === outside.provider && !isShells(inside.agent)) continue;
      providers.set(outside.provider, [...(providers.get(outside.provider) ?? []), edge]);
    }
    for (const [name, list] of providers)
      requests.push(peer.request(inbox(name), { type: 'stream.open', session: plan.session, edges: list }));
    const results = await Promise.allSettled(requests);
    const failed = results.find((r) => r.status === 'rejected');
    if (failed !== undefined) {
      if (job !== undefined) await signal(job, 'SIGKILL');
      jobs.remove(plan.job);
      throw failed.reason;
    }
    return placements;
  };

  // --- service --------------------------------------------------------------------------------------------------------

  const serve = async (body: Body, { from }: Envelope): Promise<Body | undefined> => {
    if (!isOpen()) return undefined;
    switch (body.type) {
      case 'inventory.get':
        return { type: 'inventory', inventory: inventory() };
      case 'job.place':
        return { type: 'job.placed', placements: await placeFor(body.plan) };
      case 'job.submit':
        if (body.plan.session !== from.session || body.plan.home !== from.runtime)
          throw new WireError('EPERM', 'a session submits its own plans');
        return { type: 'job.placed', placements: await submit(body.plan) };
      case 'job.signal': {
        const job = jobs.get(body.job);
        if (job === undefined) throw new WireError('ESRCH', `${body.job}: no such job`);
        if (job.record.home !== from.runtime) throw new WireError('EPERM', `${body.job} is another machine's`);
        await signal(job, body.signal, body.agents);
        return { type: 'ok' };
      }
      case 'job.list':
        return { type: 'jobs', jobs: jobs.records() };
      case 'agent.state':
        if (body.runtime === from.runtime) jobs.apply(body);
        return undefined;
      default:
        throw new WireError('ENOSYS', `the scheduler does not answer ${body.type}`);
    }
  };

  const stopWatching = onGone((name) => {
    jobs.lose(name);
    runtimes.delete(name);
  });
  const hearRuntime = (body: Body, { from }: Envelope): undefined => {
    const status = body as unknown as RuntimeStatus;
    if (status.type !== 'runtime.status' || status.name !== from.runtime) return undefined;
    const known = runtimes.get(status.name);
    // A late will of a former life says nothing about this one.
    if (known !== undefined && status.incarnation < known.incarnation) return undefined;
    if (status.state === 'offline' || (known?.info !== undefined && status.incarnation > known.incarnation))
      jobs.lose(status.name);
    runtimes.set(status.name, {
      incarnation: status.incarnation,
      info: status.state === 'online' ? status.info : undefined,
    });
    // Whoever does not answer is asked again when it next says how it is.
    if (status.state === 'online') void askAgain(status.name).catch(() => {});
    return undefined;
  };
  const subscriptions: Subscription[] = [
    await peer.serve(topics.runtimeStatus(cluster, '+'), hearRuntime, { retained: true }),
    await peer.serve(topics.sessionStatus(cluster, '+/+'), (body, { from }) => {
      const status = body as unknown as SessionStatus;
      if (status.type === 'session.status' && status.state === 'offline' && status.session === from.session)
        void endSession(status.session);
      return undefined;
    }),
    await peer.serve(topics.kernel(cluster, 'scheduler'), serve),
  ];
  void askSessions();
  const giveUp = setTimeout(() => jobs.loseUnheard(), 2 * returnMs);
  giveUp.unref();
  return {
    close: async () => {
      closed = true;
      clearTimeout(giveUp);
      stopWatching();
      await Promise.all(subscriptions.map((s) => s.close()));
      await jobs.settled();
    },
  };
}
