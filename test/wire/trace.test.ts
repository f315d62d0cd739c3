import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AgentId, type JobId, newAgentId, newJobId } from '../../src/wire/ids.js';
import { traceparent } from '../../src/wire/trace.js';

const test = suite('trace context');
const job = 'j-0000000000000001' as JobId;
const agent = 'a-zzzzzzzzzzzzzzz0' as AgentId;
const own = '00-00000000000000000000000000000001-ffffffffffffffe0-01';
const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const span = '00f067aa0ba902b7';

for (const [outer, want] of [
  [undefined, own],
  [`00-${trace}-${span}-01`, `00-${trace}-ffffffffffffffe0-01`],
  [`00-${trace}-${span}-00`, `00-${trace}-ffffffffffffffe0-00`],
  // A later version says more.
  [`cc-${trace}-${span}-01-more`, `00-${trace}-ffffffffffffffe0-01`],
  // Not valid (section 3.2.2): a new trace begins.
  [`ff-${trace}-${span}-01`, own],
  [`00-${trace.toUpperCase()}-${span}-01`, own],
  [`00-${'0'.repeat(32)}-${span}-01`, own],
  [`00-${trace}-${'0'.repeat(16)}-01`, own],
  [`00-${trace}-${span}`, own],
  ['', own],
] as const)
  test(`in ${outer}`, () => assert.is(traceparent(job, agent, outer), want));

test('agents of one job are in one trace, each a span of its own', () => {
  const id = newJobId();
  const all = Array.from({ length: 100 }, () => traceparent(id, newAgentId(), undefined).split('-'));
  assert.is(new Set(all.map(([, of]) => of)).size, 1);
  assert.is(new Set(all.map(([, , each]) => each)).size, 100);
});

test('ids of another make are no fault', () => {
  assert.match(
    traceparent('j-uuuuuuuuuuuuuuuu' as JobId, 'a-iiiiiiiiiiiiiiii' as AgentId, undefined),
    /^00-0{12}f{20}-f{16}-01$/,
  );
});

test.run();
