/** Gathers what lowering needs to know of each stage: selectors, operands, programs, devices of the inventory. */
import { existsSync } from 'node:fs';
import { printCommand } from '../../../grammar/index.js';
import type { Inventory } from '../../wire/graph.js';
import type { RuntimeName } from '../../wire/ids.js';
import { locate } from '../namespace.js';
import { ShellError } from '../outcome.js';
import type { ClusterPort } from '../plan/cluster.js';
import { type Lowered, type LowerOperand, type LowerStage, lower } from '../plan/lower.js';
import type { Env } from '../state.js';
import { readProgram, remoteOperands, type Selector, workingRuntime } from './operands.js';
import { isProgram, type PreparedStage } from './stages.js';

/** What a utility does with its operand `index`. An output line can be read too: its level. */
function wayOf(argv: readonly string[], index: number): LowerOperand['use'] {
  if (argv[0] === 'tee') return argv.some((word) => /^-[a-z]*a|^--append$/.test(word)) ? 'append' : 'write';
  return argv[0] === 'cp' && index === argv.length - 1 ? 'write' : 'read';
}

export interface LoweringOptions {
  /** Every program is an agent, however local: for showing the plan. */
  readonly all: boolean;
  /** The first stage may read the session's standard input. */
  readonly input: boolean;
}

export async function lowerStages(
  prepared: readonly PreparedStage[],
  source: string,
  env: Env,
  cluster: ClusterPort,
  options: LoweringOptions,
): Promise<Lowered> {
  const inventory = await cluster.inventory();
  const stages: LowerStage[] = [];
  for (const stage of prepared) stages.push(await lowerStage(stage, inventory, cluster, options));
  const first = stages[0];
  // A device is read, not typed into: such a stage leaves the terminal to others.
  const reads = first === undefined || first.operands.some(({ use }) => use === 'read');
  const input = options.input && !reads && first.gpio.length === 0;
  return lower(stages, {
    session: cluster.session,
    home: cluster.home,
    source,
    environment: Object.fromEntries(env.environment().map((entry) => splitEntry(entry))),
    cwd: env.cwd,
    umask: env.umask,
    input,
  });
}

function splitEntry(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return [entry.slice(0, at), entry.slice(at + 1)];
}

async function lowerStage(
  stage: PreparedStage,
  inventory: Inventory,
  cluster: ClusterPort,
  options: LoweringOptions,
): Promise<LowerStage> {
  const local: LowerStage = {
    agent: false,
    argv: [],
    text: stage.kind === 'code' ? printCommand(stage.command) : stage.fields.join(' '),
    selector: undefined,
    program: undefined,
    gpio: [],
    near: [],
    operands: [],
    working: undefined,
    hostOperand: undefined,
    environment: {},
    redirected: new Set(),
  };
  if (stage.kind === 'code' || stage.fields.length === 0 || !isProgram(stage.fields, stage.env)) return local;
  const { selector, argv } = placeOfProgram(takeSelector(stage.fields), stage.env);
  // Of another machine's program only that machine knows what it is.
  const program = selector?.why === undefined ? readProgram(argv, stage.env) : undefined;
  const working = workingRuntime(stage.env);
  const asItIs = program === undefined && selector === undefined && working !== undefined;
  const absolute = asItIs && hasAll(working, argv, stage.env);
  const operands: LowerOperand[] = [];
  for (const { index, place } of remoteOperands(argv, stage.env, absolute)) {
    const use = wayOf(argv, index);
    if (place.kind === 'net') {
      const { path, runtime: provider, hostPath } = place;
      // Of a word of a command in another machine's directory only that machine knows whether it is a file's name.
      const file = argv[index]!.startsWith('/') || use !== 'read' || (await isThere(cluster, provider, hostPath));
      if (file) operands.push({ kind: 'net', index, path, provider, hostPath, use });
      continue;
    }
    const owner = inventory.runtimes.find((r) => r.devices.some((d) => d.name === place.name));
    if (owner !== undefined) operands.push({ kind: 'device', index, path: place.path, provider: owner.name, use });
  }
  const lines = program?.kind === 'node' ? cluster.gpioLines(program.text) : [];
  const gpio = lines.flatMap(({ line, direction }) => (typeof line === 'number' ? [{ line, direction }] : []));
  const near = lines.flatMap(({ line }) => (typeof line === 'string' ? nearLine(line, inventory) : []));
  const agent =
    options.all || working !== undefined || selector !== undefined || operands.length > 0 || program !== undefined;
  if (!agent) return local;
  const assigned = await stage.simple.assign(stage.env);
  return {
    agent,
    argv,
    text: stage.fields.join(' '),
    selector,
    program,
    gpio,
    near,
    operands,
    working,
    hostOperand: operands.length === 0 && working === undefined ? undefined : hostOperand(argv, stage.env),
    environment: Object.fromEntries(assigned),
    redirected: new Set(stage.simple.redirections.map((r) => r.fd)),
  };
}

/** The machine of a GPIO line that is opened by name. */
function nearLine(line: string, { runtimes }: Inventory): LowerStage['near'] {
  const [, machine, device] = /^(?:\/net\/([^/]+))?(?:\/dev\/)?([^/:]+)$/.exec(line) ?? [];
  const [, runtime] = /^([^/:]+):\d+$/.exec(line) ?? [undefined, machine];
  const found = runtimes.find((r) =>
    runtime === undefined ? r.devices.some((d) => d.name === device) : r.name === runtime,
  );
  return found === undefined ? [] : [{ runtime: found.name, line }];
}

const isThere = (cluster: ClusterPort, runtime: RuntimeName, path: string): Promise<boolean> =>
  cluster.file(runtime, { type: 'file.access', path, mode: 0 }).then(
    () => true,
    () => false,
  );

/**
 * True when `runtime` has all that a command in one of its directories names: then the command runs there with its words as they
 * are. If not, what is there comes to it as streams.
 */
const hasAll = (runtime: RuntimeName, argv: readonly string[], env: Env): boolean =>
  hostOperand(argv, env) === undefined &&
  remoteOperands(argv, env, true).every(({ place }) => place.kind === 'net' && place.runtime === runtime);

/** A word that names a file of this machine, or one to be made: the program must find it where it runs. */
function hostOperand(argv: readonly string[], env: Env): string | undefined {
  return argv.find((word, i) => {
    if (i === 0 || word === '' || word.startsWith('-')) return false;
    const place = locate(word, env);
    return place.kind === 'host' && (wayOf(argv, i) !== 'read' || existsSync(place.path));
  });
}

interface Selected {
  readonly selector: Selector | undefined;
  readonly argv: readonly string[];
}

/** A program of another machine, by its path in `/net`, runs there, where that machine knows it by its own path. */
function placeOfProgram({ selector, argv }: Selected, env: Env): Selected {
  const [name = '', ...args] = argv;
  const place = selector === undefined && name.startsWith('/net/') ? locate(name, env) : undefined;
  if (place?.kind !== 'net') return { selector, argv };
  return {
    selector: { kind: 'runtime', name: place.runtime, why: `${name} is a program of it` },
    argv: [place.hostPath, ...args],
  };
}

/** `on NAME command …`, `on '#label' command …`. @throws ShellError */
export function takeSelector(fields: readonly string[]): Selected {
  if (fields[0] !== 'on') return { selector: undefined, argv: fields };
  const [, target, ...argv] = fields;
  if (target === undefined || target === '' || argv.length === 0) {
    throw new ShellError('on: usage: on RUNTIME|#LABEL command [argument …]', 2);
  }
  const selector: Selector = target.startsWith('#')
    ? { kind: 'label', name: target.slice(1) }
    : { kind: 'runtime', name: target as RuntimeName };
  return { selector, argv };
}
