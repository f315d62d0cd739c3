/** Leases, with a clock of their own: who is in office, and who is so no more. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Coordination } from '../../src/kernel/coordination/coordination.js';
import { openCoordination } from '../../src/kernel/coordination/embedded.js';
import { Lease } from '../../src/kernel/lease.js';
import { WireError } from '../../src/wire/errors.js';
import type { RuntimeName } from '../../src/wire/ids.js';
import { random } from '../support/lossy.js';

const test = suite('lease');
const ttlMs = 1500;
const doubtMs = 15_000;

/** Candidates for one lease, a clock, and a coordination that may be out of reach, or lose an answer. */
async function lab() {
  const kept = await openCoordination(undefined);
  const at = { now: 0, away: false, loseNext: false };
  const reach = async <T>(operation: () => Promise<T>): Promise<T> => {
    if (at.away) throw new WireError('ETIMEDOUT', 'away');
    const value = await operation();
    if (!at.loseNext) return value;
    at.loseNext = false;
    throw new WireError('ETIMEDOUT', 'the answer was lost');
  };
  const coordination: Coordination = {
    get: (key) => reach(() => kept.get(key)),
    list: (group) => reach(() => kept.list(group)),
    put: (key, value, revision) => reach(() => kept.put(key, value, revision)),
    remove: (key, revision) => reach(() => kept.remove(key, revision)),
  };
  const lease = (self: string) =>
    new Lease({
      coordination,
      key: 'leases/scheduler',
      self: self as RuntimeName,
      ttlMs,
      doubtMs,
      now: () => at.now,
    });
  return { at, lease };
}

/** Both take turns for `ms`. */
async function pass(at: { now: number }, ms: number, ...leases: readonly Lease[]): Promise<void> {
  for (const end = at.now + ms; at.now < end; at.now += 300) for (const lease of leases) await lease.step();
}

test('the first takes it and keeps it', async () => {
  const { at, lease } = await lab();
  const [a, b] = [lease('a'), lease('b')];
  await pass(at, 10_000, a, b);
  assert.ok(a.epoch !== undefined);
  assert.is(b.epoch, undefined);
  assert.is(b.holder, 'a');
});

test('one that is silent is followed when its lease has run out, not before', async () => {
  const { at, lease } = await lab();
  const [a, b] = [lease('a'), lease('b')];
  await pass(at, 600, a, b);
  const epoch = a.epoch!;
  await pass(at, 1200, b);
  assert.is(b.epoch, undefined);
  await pass(at, 600, b);
  assert.ok(b.epoch! > epoch);
  // Whoever has slept knows it by the clock alone, and hears it at the next step.
  assert.is(a.epoch, undefined);
  await a.step();
  assert.is(a.epoch, undefined);
  assert.is(a.holder, 'b');
});

test('one that is given back is free at once', async () => {
  const { at, lease } = await lab();
  const [a, b] = [lease('a'), lease('b')];
  await pass(at, 600, a, b);
  await a.release();
  await b.step();
  assert.ok(b.epoch !== undefined);
});

test('while nobody is answered the holder stays, for a while, and nobody is in a hurry afterwards', async () => {
  const { at, lease } = await lab();
  const [a, b] = [lease('a'), lease('b')];
  await pass(at, 600, a, b);
  const { epoch } = a;
  at.away = true;
  await pass(at, 9000, a, b);
  assert.is(a.epoch, epoch);
  assert.is(b.epoch, undefined);
  at.away = false;
  // The first to be answered again is not the holder.
  await pass(at, 900, b, a);
  assert.is(a.epoch, epoch);
  assert.is(b.epoch, undefined);
  at.away = true;
  await pass(at, doubtMs + 2 * ttlMs, a, b);
  assert.is(a.epoch, undefined);
});

test('one that has slept is not in doubt, whatever it is not answered', async () => {
  const { at, lease } = await lab();
  const a = lease('a');
  await pass(at, 600, a);
  at.away = true;
  at.now += 5000;
  await a.step();
  assert.is(a.epoch, undefined);
});

test('an answer that was lost changes nothing', async () => {
  const { at, lease } = await lab();
  const [a, b] = [lease('a'), lease('b')];
  at.loseNext = true;
  await a.step();
  await pass(at, 600, a, b);
  const epoch = a.epoch!;
  assert.ok(epoch !== undefined);
  at.loseNext = true;
  await pass(at, 3000, a, b);
  assert.is(a.epoch, epoch);
});

test('whatever is stopped, lost and out of reach, two are never in office at one time while it answers', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { at, lease } = await lab();
    const next = random(seed);
    const leases = [lease('a'), lease('b'), lease('c')];
    const sleeps = [0, 0, 0];
    let last = 0;
    let terms = 0;
    for (let turn = 0; turn < 300; turn++) {
      at.now += 20 + next() * 150;
      const who = Math.floor(next() * 3);
      if (next() < 0.02) sleeps[who] = at.now + next() * 4000;
      if (next() < 0.05) at.loseNext = true;
      if (sleeps[who]! <= at.now) await leases[who]!.step();
      at.loseNext = false;
      const epochs = leases.flatMap(({ epoch }) => (epoch === undefined ? [] : [epoch]));
      assert.ok(epochs.length <= 1, `seed ${seed}, turn ${turn}: ${epochs.length} are in office`);
      if (epochs[0] !== undefined && epochs[0] !== last) {
        assert.ok(epochs[0] > last, `seed ${seed}, turn ${turn}: an epoch came again`);
        last = epochs[0];
        terms += 1;
      }
    }
    assert.ok(terms > 0, `seed ${seed}: nobody was ever in office`);
  }
});

test.run();
