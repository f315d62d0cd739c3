/**
 * Lowers a pipeline, its words expanded, to an agent graph. Pure: what has to be asked of the world comes in as arguments.
 *
 * Stages that the cluster has no part in stay with the shell; where one meets an agent, the edge ends at the session.
 */
import type { Constraint, Endpoint, Locality, Operand, Plan, PlanAgent, PlanEdge, Program } from '../../wire/graph.js';
import { newAgentId, newJobId, newStreamId, type RuntimeName, type SessionId } from '../../wire/ids.js';

/** What lowering needs to know of one stage. */
export interface LowerStage {
  /** False: the stage stays with the shell. */
  readonly agent: boolean;
  /** Words without the `on SELECTOR` prefix. */
  readonly argv: readonly string[];
  readonly text: string;
  readonly selector: { readonly kind: 'runtime' | 'label'; readonly name: string; readonly why?: string } | undefined;
  /** The program when it has a context of its own, and the GPIO lines it opens. */
  readonly program: Program | undefined;
  readonly gpio: readonly { readonly line: number; readonly direction: 'in' | 'out' }[];
  /** Machines of lines that it opens by name: it may run anywhere, and best there. */
  readonly near: readonly { readonly runtime: RuntimeName; readonly line: string }[];
  readonly operands: readonly LowerOperand[];
  /** The runtime of the working directory, when that is not the home runtime's own file system. */
  readonly working: RuntimeName | undefined;
  /** A word besides them that names a file of the home runtime. */
  readonly hostOperand: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Descriptors that a redirection took: their bytes are the session's, not the neighbour's. */
  readonly redirected: ReadonlySet<number>;
}

export type LowerOperand = {
  readonly index: number;
  readonly path: string;
  readonly provider: RuntimeName;
  /** What the program does with it where it comes as a stream. */
  readonly use: 'read' | 'write' | 'append';
} & ({ readonly kind: 'device' } | { readonly kind: 'net'; readonly hostPath: string });

export interface LowerContext {
  readonly session: SessionId;
  readonly home: RuntimeName;
  readonly source: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly umask: number;
  /** The first stage reads the session's standard input. */
  readonly input: boolean;
}

/** A plan, and which stage each agent and each session endpoint belongs to. */
export interface Lowered {
  readonly plan: Plan;
  /** By stage: its agent. */
  readonly agents: readonly (PlanAgent | undefined)[];
  /** By edge id: the stage and descriptor of the agent whose other end is the session's. */
  readonly sessionEnds: ReadonlyMap<string, { readonly stage: number; readonly fd: number }>;
}

export function lower(stages: readonly LowerStage[], context: LowerContext): Lowered {
  const agents: (PlanAgent | undefined)[] = [];
  const edges: PlanEdge[] = [];
  const sessionEnds = new Map<string, { stage: number; fd: number }>();
  const edge = (from: Endpoint, to: Endpoint): PlanEdge => {
    const made: PlanEdge = { id: newStreamId(), from, to };
    edges.push(made);
    return made;
  };
  for (const stage of stages) {
    if (!stage.agent) {
      agents.push(undefined);
      continue;
    }
    const made = lowerAgent(stage, context.home);
    agents.push(made);
    for (const operand of made.operands) {
      if (operand.kind !== 'stream') continue;
      const { provider, use } = stage.operands.find((o) => o.index === operand.index)!;
      const outside: Endpoint = { kind: 'path', path: operand.path, provider, mode: use };
      const inside: Endpoint = { kind: 'agent', agent: made.id, fd: operand.fd };
      if (use === 'read') edge(outside, inside);
      else edge(inside, outside);
    }
  }
  stages.forEach((stage, i) => {
    const agent = agents[i];
    if (agent === undefined) return;
    const end = (fd: number): Endpoint => ({ kind: 'agent', agent: agent.id, fd });
    const session = (fd: number, to: 'in' | 'out') => {
      const outside: Endpoint = { kind: 'session', label: `stage ${i + 1} fd ${fd}` };
      const made = to === 'in' ? edge(outside, end(fd)) : edge(end(fd), outside);
      sessionEnds.set(made.id, { stage: i, fd });
    };
    const before = i > 0 ? agents[i - 1] : undefined;
    const after = agents[i + 1];
    const fromAgent = before !== undefined && !stage.redirected.has(0) && !stages[i - 1]!.redirected.has(1);
    const toAgent = after !== undefined && !stage.redirected.has(1) && !stages[i + 1]!.redirected.has(0);
    // The upstream agent of a pair makes the edge.
    if (!fromAgent && (i > 0 || context.input || stage.redirected.has(0))) session(0, 'in');
    if (toAgent) edge(end(1), { kind: 'agent', agent: after.id, fd: 0 });
    else session(1, 'out');
    session(2, 'out');
  });
  return {
    plan: {
      version: 1,
      job: newJobId(),
      session: context.session,
      home: context.home,
      source: context.source,
      agents: agents.filter((a) => a !== undefined),
      edges,
      context: { environment: context.environment, cwd: context.cwd, umask: context.umask },
    },
    agents,
    sessionEnds,
  };
}

const languages = { native: 'native', node: 'Node.js', python: 'Python', wasm: 'WebAssembly', shell: 'shell' } as const;

function lowerAgent(stage: LowerStage, home: RuntimeName): PlanAgent {
  const constraints: Constraint[] = [];
  const locality: Locality[] = [];
  const operands: Operand[] = [];
  if (stage.selector !== undefined) {
    const {
      why = `\`on ${stage.selector.kind === 'label' ? `#${stage.selector.name}` : stage.selector.name}\` says so`,
    } = stage.selector;
    constraints.push(
      stage.selector.kind === 'label'
        ? { kind: 'label', label: stage.selector.name, why }
        : { kind: 'runtime', name: stage.selector.name as RuntimeName, why },
    );
  }
  const program: Program = stage.program ?? { kind: 'native', name: stage.argv[0]! };
  if (stage.program !== undefined) {
    const { kind } = stage.program;
    constraints.push({ kind: 'language', language: kind, why: `${stage.argv[0]} is a ${languages[kind]} program` });
    for (const { line, direction } of stage.gpio) {
      constraints.push({ kind: 'gpio', line, direction, why: `${stage.argv[0]} opens GPIO line ${line}` });
    }
  }

  for (const { runtime, line } of stage.near) locality.push({ runtime, why: `GPIO line ${line} is there` });
  const native = program.kind === 'native';
  const providers = new Set(stage.operands.map((o) => o.provider));
  // A native program must be where all its files are; what is elsewhere then reaches it as streams.
  const [only] = providers.size === 1 && stage.hostOperand === undefined ? providers : [];
  let fd = 3;
  for (const operand of stage.operands) {
    locality.push({ runtime: operand.provider, why: `${operand.path} is there` });
    // A file's own machine can open it by its own path; anything else arrives as a stream.
    if (operand.kind === 'net' && native && only !== undefined && stage.selector === undefined) {
      operands.push({
        kind: 'host',
        index: operand.index,
        path: operand.path,
        runtime: operand.provider,
        hostPath: operand.hostPath,
      });
    } else operands.push({ kind: 'stream', index: operand.index, path: operand.path, fd: fd++ });
  }
  if (native && stage.selector === undefined) {
    const why =
      only !== undefined
        ? `${stage.operands[0]!.path} lives there`
        : stage.hostOperand !== undefined
          ? `${stage.hostOperand} is a file of the home runtime`
          : stage.working !== undefined
            ? 'the working directory is there'
            : `${stage.argv[0]} is a program of the home runtime`;
    const otherwise = stage.hostOperand === undefined ? stage.working : undefined;
    constraints.push({ kind: 'runtime', name: only ?? otherwise ?? home, why });
  }
  return {
    id: newAgentId(),
    argv: stage.argv,
    program,
    constraints,
    locality,
    ...(Object.keys(stage.environment).length === 0 ? {} : { environment: stage.environment }),
    operands,
    text: stage.text,
  };
}
