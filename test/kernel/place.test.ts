/** Placement: what an agent needs comes first, and lines that no one machine has are reached from near. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { place } from '../../src/kernel/scheduler/place.js';
import type { Constraint, Inventory, Plan, RuntimeInfo } from '../../src/wire/graph.js';
import { newAgentId, newJobId, newSessionId, type RuntimeName } from '../../src/wire/ids.js';

const test = suite('placement');
const home = 'home' as RuntimeName;

const runtime = (name: string, lines: readonly (readonly [number, 'in' | 'out'])[] = []): RuntimeInfo => ({
  name: name as RuntimeName,
  labels: [],
  languages: ['native', 'node'],
  devices: lines.map(([line, direction]) => ({ name: `${name}-${line}`, driver: 'gpio', direction, line })),
  kernel: false,
  agents: 0,
  load: 0,
  version: '1',
  node: '20',
  platform: 'linux',
});
const gpio = (line: number, direction: 'in' | 'out'): Constraint => ({
  kind: 'gpio',
  line,
  direction,
  why: `it opens GPIO line ${line}`,
});

function placed(constraints: readonly Constraint[], runtimes: readonly RuntimeInfo[]): string {
  const plan: Plan = {
    version: 1,
    job: newJobId(),
    session: newSessionId(home),
    home,
    source: './x.js',
    agents: [
      {
        id: newAgentId(),
        argv: ['./x.js'],
        program: { kind: 'node', path: '/x.js', text: '' },
        constraints,
        locality: [],
        operands: [],
        text: './x.js',
      },
    ],
    edges: [],
    context: { environment: {}, cwd: '/', umask: 0 },
  };
  const inventory: Inventory = { runtimes };
  return place(plan, inventory)[0]!.runtime;
}

const three = [runtime('home'), runtime('pi2', [[4, 'in']]), runtime('pi3', [[7, 'out']])];

test('where the line is', () => {
  assert.is(placed([gpio(4, 'in')], three), 'pi2');
  assert.is(placed([gpio(7, 'out')], three), 'pi3');
});
test('lines of two machines: at one of them', () => {
  assert.is(placed([gpio(4, 'in'), gpio(7, 'out')], three), 'pi2');
});
test('lines of two machines, and the user says where', () => {
  assert.is(placed([gpio(4, 'in'), gpio(7, 'out'), { kind: 'runtime', name: home, why: '`on home`' }], three), 'home');
});
test('one machine that has both is the only one that fits', () => {
  const both = runtime('pi4', [
    [4, 'in'],
    [7, 'out'],
  ]);
  assert.is(placed([gpio(4, 'in'), gpio(7, 'out')], [...three, both]), 'pi4');
});
test('a line that nobody has is no place', () => {
  assert.throws(() => placed([gpio(4, 'in'), gpio(9, 'out')], three), /no runtime has GPIO line 9 as output/);
});

test.run();
