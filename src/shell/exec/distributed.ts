/**
 * Pipelines that the cluster has a part in: lowered to a plan, placed, and run. Agents elsewhere are started by their
 * runtimes; a program placed on this machine is an ordinary host process of the shell; the shell joins what meets here.
 */
import { pipe } from '../../host/libc.js';
import { WireError } from '../../wire/errors.js';
import type { Plan, PlanAgent } from '../../wire/graph.js';
import type { RuntimeName } from '../../wire/ids.js';
import type { AgentReport, RoutedEdge } from '../../wire/messages.js';
import { traceparent } from '../../wire/trace.js';
import { HostFile, type OpenFile } from '../files.js';
import type { Stage } from '../jobs.js';
import { exiting, type Outcome, ok, reasonOf, ShellError } from '../outcome.js';
import type { ClusterPort } from '../plan/cluster.js';
import type { Lowered } from '../plan/lower.js';
import { report } from '../report.js';
import { builtinOf, type Env } from '../state.js';
import { announceStarted, signalsDelivered, waitForeground } from './external.js';
import { forwardSignals } from './forward.js';
import { lowerStages } from './lowering.js';
import { drainTo, feedFrom } from './pump.js';
import { applyRedirections } from './redirect.js';
import { RemoteStage } from './remote-stage.js';
import { InProcessStage, type PreparedStage, settleWrites, startHere, startProgram, startStages } from './stages.js';

/** Runs a pipeline some of whose stages may be agents. `background`: as a job of this shell. */
export async function runPlanned(
  prepared: readonly PreparedStage[],
  text: string,
  env: Env,
  background: boolean,
): Promise<Outcome> {
  const release = () => {
    for (const stage of prepared) stage.env.files.releaseAll();
  };
  try {
    const cluster = await env.shell.cluster();
    const lowered = await lowerStages(prepared, text, env, cluster, {
      all: false,
      // A script on standard input is the shell's to read; what is typed at a terminal is the foreground's.
      input: !background && (!env.options.stdin || env.shell.interactive),
    });
    if (lowered.plan.agents.length === 0) {
      const native = await startStages(prepared, env, false);
      return await finish(native.stages, text, env, background);
    }
    await joinNeighbours(prepared, lowered);
    const flushes: Promise<void>[] = [];
    const stages = await submit(prepared, lowered, env, cluster, flushes);
    const outcome = await finish(stages, text, env, background);
    if (background) return outcome;
    await Promise.allSettled(flushes);
    return await settleWrites(prepared, outcome);
  } catch (error) {
    release();
    return report(
      error instanceof ShellError ? error : new ShellError(faultOf(error), 126, 'utility', { cause: error }),
      env,
    );
  }
}

/** What is wrong, and with what. */
function faultOf(error: unknown): string {
  const reason = reasonOf(error);
  const path = error instanceof WireError ? error.path : undefined;
  return path === undefined || reason.includes(path) ? reason : `${path}: ${reason}`;
}

async function finish(stages: readonly Stage[], text: string, env: Env, background: boolean): Promise<Outcome> {
  if (background) {
    const job = env.shell.jobs.add(text, stages, undefined, env);
    env.lastAsync = job.pid;
    announceStarted(env, job);
    return ok;
  }
  const stop = forwardSignals(stages, env);
  let signal: number | undefined;
  let outcome: Outcome;
  try {
    outcome = await waitForeground(stages, text, undefined, env);
    // Sent to the whole group, it ended a program here before this process has looked at its own signals.
    if (stages.some((stage) => stage.endedBy !== undefined)) await signalsDelivered();
  } finally {
    signal = stop();
  }
  if (signal === undefined) return outcome;
  // It was meant for the shell as well, which acts on it now that nothing of the job is left anywhere.
  env.shell.interrupted ??= signal;
  return exiting(128 + signal);
}

/** Pipes between neighbours of which one at least stays with the shell, then the agents' own redirections. */
async function joinNeighbours(prepared: readonly PreparedStage[], lowered: Lowered): Promise<void> {
  const { agents, plan } = lowered;
  for (let i = 0; i + 1 < prepared.length; i++) {
    const [a, b] = [agents[i], agents[i + 1]];
    const direct = plan.edges.some(
      (e) => e.from.kind === 'agent' && e.to.kind === 'agent' && e.from.agent === a?.id && e.to.agent === b?.id,
    );
    if (direct) continue;
    const ends = pipe();
    prepared[i]!.env.files.set(1, new HostFile(ends.write, true));
    prepared[i + 1]!.env.files.set(0, new HostFile(ends.read, true));
  }
  for (let i = 0; i < prepared.length; i++) {
    const stage = prepared[i]!;
    if (agents[i] === undefined || stage.kind !== 'expanded') continue;
    const applied = await applyRedirections(stage.simple.redirections, stage.env);
    stage.written = applied.keep();
  }
}

/** Sends the plan off and joins every stream that has an end here. */
async function submit(
  prepared: readonly PreparedStage[],
  lowered: Lowered,
  env: Env,
  cluster: ClusterPort,
  flushes: Promise<void>[],
): Promise<readonly Stage[]> {
  const { plan } = lowered;
  const { activity } = env.shell;
  const remote = new Map<string, RemoteStage>();
  // A stage must know its streams before it can be over: reports wait until all are joined.
  let early: AgentReport[] | undefined = [];
  const stopLost = cluster.onLost((runtime) => {
    for (const stage of remote.values()) if (stage.where === runtime) stage.lose(`runtime ${runtime} lost`);
  });
  const stopReports = cluster.onReport((reported) => {
    if (reported.job !== plan.job) return;
    if (early === undefined) remote.get(reported.agent)?.apply(reported);
    else early.push(reported);
  });
  const stop = () => {
    stopLost();
    stopReports();
  };
  activity.concurrent += 1;
  try {
    const placements = await cluster.submit(plan);
    const where = new Map<string, RuntimeName>(placements.map((p) => [p.agent, p.runtime]));
    const isHere = (agent: PlanAgent) => where.get(agent.id) === plan.home && agent.program.kind === 'native';
    // The last of them to end stops listening.
    const forget = () => {
      if ([...remote.values()].every((stage) => stage.state === 'done')) stop();
    };
    for (const agent of plan.agents) {
      if (!isHere(agent)) remote.set(agent.id, new RemoteStage(agent, where.get(agent.id)!, cluster, env, forget));
    }
    if (remote.size === 0) stop();
    await joinStreams(prepared, lowered, { where, isHere, remote, flushes }, env, cluster);
    const reports = early;
    early = undefined;
    for (const reported of reports) remote.get(reported.agent)?.apply(reported);
    return await startLocal(prepared, lowered, remote, env);
  } catch (error) {
    await cluster.abandon(plan.job).catch(() => {});
    stop();
    throw error;
  } finally {
    activity.concurrent -= 1;
  }
}

interface Sides {
  readonly where: ReadonlyMap<string, RuntimeName>;
  readonly isHere: (agent: PlanAgent) => boolean;
  readonly remote: ReadonlyMap<string, RemoteStage>;
  /** What is being written to paths, from here. */
  readonly flushes: Promise<void>[];
}

/** One end of an edge on this side: the stage and its descriptor. */
interface Here {
  readonly stage: number;
  readonly fd: number;
  /** The descriptor's file is the session's already, rather than one to be made. */
  readonly session: boolean;
}

async function joinStreams(
  prepared: readonly PreparedStage[],
  lowered: Lowered,
  sides: Sides,
  env: Env,
  cluster: ClusterPort,
): Promise<void> {
  const { plan, agents, sessionEnds } = lowered;
  const { activity } = env.shell;
  const byId = new Map(plan.agents.map((agent) => [agent.id as string, agent]));
  const runtimeOf = (end: RoutedEdge['from']): RuntimeName =>
    end.kind === 'agent' ? sides.where.get(end.agent)! : end.kind === 'path' ? end.provider : plan.home;
  const here = (edge: { id: string }, end: RoutedEdge['from']): Here | undefined => {
    if (end.kind === 'session') return { ...sessionEnds.get(edge.id)!, session: true };
    if (end.kind === 'path') return undefined;
    const agent = byId.get(end.agent)!;
    return sides.isHere(agent) ? { stage: agents.indexOf(agent), fd: end.fd, session: false } : undefined;
  };
  for (const plain of plan.edges) {
    const from = here(plain, plain.from);
    const to = here(plain, plain.to);
    if (from !== undefined && to !== undefined) {
      // A session end meets a program of this shell: the descriptor is in place. Two programs: a kernel pipe.
      if (!from.session && !to.session) {
        const ends = pipe();
        prepared[from.stage]!.env.files.set(from.fd, new HostFile(ends.write, true));
        prepared[to.stage]!.env.files.set(to.fd, new HostFile(ends.read, true));
      }
      continue;
    }
    const edge: RoutedEdge = { ...plain, fromRuntime: runtimeOf(plain.from), toRuntime: runtimeOf(plain.to) };
    if (from !== undefined) {
      const file = endFile(prepared, from, 'from');
      const writer = cluster.openWriter(edge);
      if (file === undefined) await writer.end();
      else {
        const flush = drainTo(writer, file, activity);
        flush.catch(() => {});
        if (plain.to.kind !== 'path') continue;
        trackFlush(env, flush);
        sides.flushes.push(flush);
      }
    } else if (to !== undefined) {
      const file = endFile(prepared, to, 'to');
      const reader = await cluster.openReader(edge);
      if (file === undefined) {
        reader.cancel();
        continue;
      }
      const source = plain.from.kind === 'agent' ? sides.remote.get(plain.from.agent) : undefined;
      const fed = feedFrom(reader, file, activity, source?.lost);
      source?.outputs.push(fed);
    }
  }
  // What an agent elsewhere had of this shell's descriptors is now held by the streams alone.
  agents.forEach((agent, i) => {
    if (agent !== undefined && !sides.isHere(agent)) prepared[i]!.env.files.releaseAll();
  });
}

function trackFlush(env: Env, flush: Promise<unknown>): void {
  env.shell.flushes.add(flush);
  void flush.finally(() => env.shell.flushes.delete(flush)).catch(() => {});
}

/** The open file at this side of an edge: the session's own, or one end of a new pipe whose other end the program gets. */
function endFile(prepared: readonly PreparedStage[], end: Here, side: 'from' | 'to'): OpenFile | undefined {
  const { files } = prepared[end.stage]!.env;
  if (end.session) return files.get(end.fd)?.retain();
  const ends = pipe();
  const theirs = side === 'from' ? ends.write : ends.read;
  files.set(end.fd, new HostFile(theirs, true));
  return new HostFile(side === 'from' ? ends.read : ends.write, true);
}

/** Starts the stages that run on this machine, and lists all of them in order. */
async function startLocal(
  prepared: readonly PreparedStage[],
  lowered: Lowered,
  remote: ReadonlyMap<string, RemoteStage>,
  env: Env,
): Promise<readonly Stage[]> {
  const { agents } = lowered;
  const stages: Stage[] = new Array(prepared.length);
  const later: number[] = [];
  for (let i = 0; i < prepared.length; i++) {
    const stage = prepared[i]!;
    const agent = agents[i];
    const elsewhere = agent === undefined ? undefined : remote.get(agent.id);
    if (elsewhere !== undefined) {
      stages[i] = elsewhere;
      continue;
    }
    if (stage.kind === 'code' || (agent === undefined && !isStartable(stage))) {
      later.push(i);
      continue;
    }
    const fields = agent === undefined ? stage.fields : hostArguments(agent);
    const own = agent === undefined ? undefined : agentVariables(agent, lowered.plan);
    const made = await startProgram({ ...stage, fields }, undefined, undefined, own);
    stages[i] = 'pid' in made ? made : new InProcessStage(fields.join(' '), () => made, env.shell.activity);
  }
  for (const i of later) stages[i] = startHere(prepared[i]!, env);
  return stages;
}

const isStartable = (stage: Extract<PreparedStage, { kind: 'expanded' }>): boolean =>
  stage.fields.length > 0 &&
  builtinOf(stage.fields, stage.env) === undefined &&
  !stage.env.functions.has(stage.fields[0]!);

/** What every agent finds in its environment, wherever it runs. */
const agentVariables = (agent: PlanAgent, { home, job, context }: Plan) =>
  [
    ['ONESH_AGENT', agent.id],
    ['ONESH_RUNTIME', home],
    ['TRACEPARENT', traceparent(job, agent.id, agent.environment?.TRACEPARENT ?? context.environment.TRACEPARENT)],
  ] as const;

/** The arguments of an agent that runs here: a streamed path is `/dev/fd/N`. */
function hostArguments(agent: PlanAgent): readonly string[] {
  const argv = [...agent.argv];
  for (const operand of agent.operands)
    argv[operand.index] = operand.kind === 'stream' ? `/dev/fd/${operand.fd}` : operand.hostPath;
  return argv;
}
