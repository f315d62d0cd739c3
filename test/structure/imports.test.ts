/** The house of the design: imports point one way, there are no circles, and heavy modules stay out of the start-up path. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = process.env.ONESH_ROOT ?? process.cwd();
const test = suite('imports');

function files(directory: string): string[] {
  return readdirSync(path.join(root, directory)).flatMap((name) => {
    const at = path.join(directory, name);
    if (statSync(path.join(root, at)).isDirectory()) return files(at);
    return /\.tsx?$/.test(name) ? [at] : [];
  });
}

interface Import {
  readonly from: string;
  readonly to: string;
  /** `import type`: gone at run time. */
  readonly type: boolean;
}

const sources = [...files('grammar'), ...files('src')];

const imports: Import[] = sources.flatMap((from) => {
  const text = readFileSync(path.join(root, from), 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gms)) {
    const target = match[2]!;
    const to = target.startsWith('.')
      ? (['.ts', '.tsx']
          .map((e) => path.join(path.dirname(from), target.replace(/\.js$/, e)))
          .find((f) => sources.includes(f)) ?? target)
      : target;
    found.push({ from, to, type: match[1] !== undefined });
  }
  return found;
});

const layer = (file: string): string => (file.startsWith('grammar/') ? 'grammar' : file.split('/')[1]!);

/** Which layers each may import, and why no more. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  grammar: [], // text -> AST: nothing of ours
  wire: [], // the contract everyone shares: a leaf
  host: ['wire'], // the C library: bytes and strings only
  bus: ['wire'],
  stream: ['wire', 'bus'], // the topic carrier is made on a bus
  shell: ['grammar', 'wire', 'host', 'bus', 'stream'],
  kernel: ['wire', 'bus', 'stream'], // meets the others in wire
  runtime: ['wire', 'host', 'bus', 'stream'],
  web: ['wire', 'bus', 'stream'],
  bin: ['grammar', 'wire', 'host', 'bus', 'stream', 'shell', 'kernel', 'runtime', 'web'], // the only composition roots
};

test('imports point one way', () => {
  const wrong = imports
    .filter(
      ({ from, to }) => sources.includes(to) && layer(from) !== layer(to) && !allowed[layer(from)]?.includes(layer(to)),
    )
    .map(({ from, to }) => `${from} -> ${to}`);
  assert.equal(wrong, []);
});

/** Inside the shell: state <- expand <- plan <- exec <- builtins <- session <- ui. */
const shellOrder = ['state', 'expand', 'plan', 'exec', 'builtins', 'session', 'ui'];
const shellRank = (file: string): number => {
  const part = file.split('/')[2]!.replace(/\.tsx?$/, '');
  const at = shellOrder.indexOf(part);
  return Math.max(at, 0); // outcome, files, jobs, report, namespace: the state's own parts
};

test('inside the shell each stage knows only the ones before it', () => {
  const wrong = imports
    .filter(({ from, to, type }) => !type && layer(from) === 'shell' && sources.includes(to) && layer(to) === 'shell')
    .filter(({ from, to }) => shellRank(to) > shellRank(from))
    .map(({ from, to }) => `${from} -> ${to}`);
  assert.equal(wrong, []);
});

test('only grammar imports chevrotain, and only grammar and the shell import grammar', () => {
  const wrong = imports.filter(({ from, to }) => to === 'chevrotain' && layer(from) !== 'grammar').map((i) => i.from);
  assert.equal(wrong, []);
});

test('there are no circles', () => {
  const graph = new Map<string, string[]>();
  for (const { from, to, type } of imports) {
    if (!type && sources.includes(to)) graph.set(from, [...(graph.get(from) ?? []), to]);
  }
  const circles: string[] = [];
  const state = new Map<string, 'open' | 'closed'>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === 'closed') return;
    if (state.get(file) === 'open') {
      circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    state.set(file, 'closed');
  };
  for (const file of sources) visit(file, []);
  assert.equal(circles, []);
});

test('the start-up path loads nothing heavy', () => {
  const heavy = [
    'ink',
    'react',
    'mqtt',
    'aedes',
    'acorn',
    'magic-string',
    'lowdb',
    'valibot',
    'ws',
    'koffi',
    '@nats-io',
  ];
  const reached = new Set<string>();
  const found: string[] = [];
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { to, type } of imports.filter((i) => i.from === file)) {
      if (type) continue;
      if (sources.includes(to)) visit(to);
      else if (heavy.some((h) => to === h || to.startsWith(`${h}/`))) found.push(`${file} -> ${to}`);
    }
  };
  visit('src/bin/onesh.ts');
  assert.equal(found, []);
  assert.ok(reached.size > 30, 'the walk reached the shell');
});

test('no file is longer than 600 lines', () => {
  const long = sources.filter((file) => readFileSync(path.join(root, file), 'utf8').split('\n').length > 601);
  assert.equal(long, []);
});

test.run();
