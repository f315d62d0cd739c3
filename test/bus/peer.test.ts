import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Freshness, maxMessageBytes, open, seal } from '../../src/bus/envelope.js';
import { generateKeys } from '../../src/bus/identity.js';
import { MemoryHub } from '../../src/bus/memory.js';
import { WireError } from '../../src/wire/errors.js';
import { newMessageId, newSessionId, type RuntimeName } from '../../src/wire/ids.js';
import { type Body, type Envelope, freshMs } from '../../src/wire/messages.js';
import { topics } from '../../src/wire/topics.js';
import { makeMembers } from '../support/members.js';

const test = suite('peer');
const pi1 = 'pi1' as RuntimeName;
const pi2 = 'pi2' as RuntimeName;

async function two() {
  const hub = new MemoryHub();
  const members = makeMembers();
  const a = await members.peer('pi1', hub.connect());
  const b = await members.peer('pi2', hub.connect());
  return { hub, members, a, b, inbox: topics.runtimeInbox(members.cluster, pi2) };
}

const failure = async (promise: Promise<unknown>): Promise<WireError> => {
  const error = await promise.then(
    () => assert.unreachable('did not fail'),
    (e: unknown) => e,
  );
  assert.instance(error, WireError);
  return error as WireError;
};

test('a request is answered, an error comes back typed, silence times out', async () => {
  const { a, b, inbox } = await two();
  await b.serve(inbox, (body) => {
    if (body.type === 'ping') return { type: 'ok' };
    if (body.type === 'agent.list') throw new WireError('ENOENT', 'no such thing', { path: '/x' });
    return undefined;
  });
  assert.equal(await a.request(inbox, { type: 'ping' }), { type: 'ok' });
  const error = await failure(a.request(inbox, { type: 'agent.list' }));
  assert.equal([error.code, error.message, error.path], ['ENOENT', 'no such thing', '/x']);
  assert.is((await failure(a.request(inbox, { type: 'job.list' }, { timeoutMs: 20 }))).code, 'ETIMEDOUT');
  const waiting = failure(a.request(inbox, { type: 'job.list' }));
  await a.close();
  assert.is((await waiting).code, 'ECANCELED');
  assert.is((await failure(a.request(inbox, { type: 'ping' }))).code, 'ENOTCONN');
});

test('a session speaks with its home key and is answered on its own inbox', async () => {
  const { hub, members, b, inbox } = await two();
  const session = await members.peer('pi1', hub.connect(), newSessionId('pi1' as RuntimeName));
  let from: unknown;
  await b.serve(inbox, (_, envelope) => {
    from = envelope.from;
    return { type: 'ok' };
  });
  await session.request(inbox, { type: 'ping' });
  assert.equal(from, session.self);
});

test('one message reaches every matching handler once', async () => {
  const { a, b, inbox } = await two();
  const seen: string[] = [];
  await b.serve(inbox, () => void seen.push('inbox'));
  await b.serve('onesh/+/runtimes/+/inbox', () => void seen.push('pattern'));
  await a.send(inbox, { type: 'ping' });
  await new Promise(setImmediate);
  assert.equal(seen.sort(), ['inbox', 'pattern']);
});

test('what is forged, altered, stale, replayed or elsewhere is dropped and counted', async () => {
  const { hub, members, b, inbox } = await two();
  const wire = hub.connect();
  let handled = 0;
  await b.serve(inbox, () => void handled++);
  const body: Body = { type: 'ping' };
  const envelope = (more: object = {}): Envelope => ({
    v: 1,
    id: newMessageId(),
    from: { runtime: pi1 },
    to: inbox,
    time: Date.now(),
    body,
    ...more,
  });
  const keys = members.keysOf('pi1');
  const good = seal(envelope(), keys);
  const rows: [string, Uint8Array, object][] = [
    ['good', good, {}],
    ['again', good, { replayed: 1 }],
    ['not JSON', Buffer.from('hello'), { unsigned: 1 }],
    ['no signature', Buffer.from(JSON.stringify(envelope())), { unsigned: 1 }],
    ['other key', seal(envelope(), generateKeys()), { unsigned: 1 }],
    ['stranger', seal(envelope({ from: { runtime: 'mallory' } }), keys), { unsigned: 1 }],
    ['altered', Buffer.from(seal(envelope(), keys).toString().replace('ping', 'pong')), { unsigned: 1 }],
    ['other topic', seal(envelope({ to: topics.runtimeInbox(members.cluster, pi1) }), keys), { malformed: 1 }],
    ['old', seal(envelope({ time: Date.now() - freshMs - 1000 }), keys), { stale: 1 }],
    ['future', seal(envelope({ time: Date.now() + freshMs + 1000 }), keys), { stale: 1 }],
    ['more fields', seal(envelope({ extra: 1 }), keys), { malformed: 1 }],
    ['bad id', seal(envelope({ id: '../x' }), keys), { malformed: 1 }],
    [
      'bad body',
      seal(envelope({ body: { type: 'agent.signal', agent: 'a/#', signal: 'SIGHUP' } }), keys),
      { malformed: 1 },
    ],
    ['large', Buffer.alloc(maxMessageBytes + 1, 0x20), { malformed: 1 }],
  ];
  for (const [name, payload, want] of rows) {
    const before = { ...b.dropped };
    await wire.publish(inbox, payload);
    await new Promise(setImmediate);
    const now = b.dropped as Record<string, number>;
    const changed = Object.fromEntries(
      Object.entries(before).flatMap(([k, n]) => (now[k] === n ? [] : [[k, now[k]! - n]])),
    );
    assert.equal(changed, want, name);
  }
  assert.is(handled, 1);
});

test('an answer goes to the sender alone', async () => {
  const { hub, members, a, b, inbox } = await two();
  await b.serve(inbox, () => ({ type: 'ok' }));
  let leaked = 0;
  const victim = topics.kernel(members.cluster, 'scheduler');
  await hub.connect().subscribe(victim, () => void leaked++);
  const id = newMessageId();
  await a.bus.publish(
    inbox,
    seal(
      { v: 1, id, from: a.self, reply: victim, to: inbox, time: Date.now(), body: { type: 'ping' } },
      members.keysOf('pi1'),
    ),
  );
  await new Promise(setImmediate);
  assert.is(leaked, 0);
});

test('too large a message is refused before it is sent', async () => {
  const { a, inbox } = await two();
  const text = 'x'.repeat(maxMessageBytes);
  assert.is((await failure(a.request(inbox, { type: 'file.list', path: text }))).code, 'EMSGSIZE');
});

test('the signed text stays readable, with any string in it', () => {
  const keys = generateKeys();
  const body: Body = { type: 'file.list', path: '/a"},"sig":"b\u2028\udc80 €' };
  const envelope: Envelope = { v: 1, id: newMessageId(), from: { runtime: pi2 }, to: 't', time: 1, body };
  const payload = seal(envelope, keys);
  assert.match(payload.toString(), /^\{"v":1,.*,"sig":"[\w-]{86}"\}$/s);
  assert.equal(
    open(payload, 't', () => keys.publicKey),
    envelope,
  );
});

test('a machine whose clock is an hour off is understood, and its old messages are not', async () => {
  for (const hours of [1, -1]) {
    const hub = new MemoryHub();
    const members = makeMembers();
    const off = hours * 3_600_000;
    const a = await members.peer('pi1', hub.connect(), undefined, () => Date.now() + off);
    const b = await members.peer('pi2', hub.connect());
    const recorded: Uint8Array[] = [];
    const inbox = topics.runtimeInbox(members.cluster, pi2);
    await hub.connect().subscribe(inbox, ({ payload }) => void recorded.push(payload));
    const seen: string[] = [];
    await b.serve(inbox, (body) => {
      seen.push((body as { path?: string }).path ?? body.type);
      return { type: 'ok' };
    });
    await a.serve(topics.runtimeInbox(members.cluster, pi1), () => ({ type: 'ok' }));
    // Several at once: none is lost while the clock is being learned, and they stay in order.
    const asked = ['/1', '/2', '/3'].map((path) => a.request(inbox, { type: 'file.list', path }));
    assert.equal(await Promise.all(asked), [{ type: 'ok' }, { type: 'ok' }, { type: 'ok' }]);
    assert.equal(seen, ['/1', '/2', '/3']);
    assert.equal(await b.request(topics.runtimeInbox(members.cluster, pi1), { type: 'ping' }), { type: 'ok' });
    assert.equal([a.dropped.stale, b.dropped.stale], [0, 0]);
    // Recorded and sent again: refused, whether it is remembered or too old by the sender's own clock.
    const wire = hub.connect();
    const first = recorded.find((payload) => Buffer.from(payload).includes('"/1"'))!;
    await wire.publish(inbox, first);
    const old: Envelope = {
      v: 1,
      id: newMessageId(),
      from: { runtime: pi1 },
      to: inbox,
      time: Date.now() + off - freshMs - 1000,
      body: { type: 'ping' },
    };
    await wire.publish(inbox, seal(old, members.keysOf('pi1')));
    // Good by this machine's clock, but not by its sender's.
    const { id: _, ...rest } = old;
    await wire.publish(inbox, seal({ ...rest, id: newMessageId(), time: Date.now() }, members.keysOf('pi1')));
    await new Promise(setImmediate);
    assert.equal([b.dropped.replayed, b.dropped.stale], [1, 2]);
    assert.equal(seen, ['/1', '/2', '/3']);
    await a.close();
    await b.close();
  }
});

test('a stale message of a sender that does not answer is dropped in the end', async () => {
  const { hub, members, a, b, inbox } = await two();
  let handled = 0;
  await b.serve(inbox, () => void handled++);
  await a.close();
  const envelope: Envelope = {
    v: 1,
    id: newMessageId(),
    from: { runtime: pi1 },
    to: inbox,
    time: Date.now() - 3_600_000,
    body: { type: 'ping' },
  };
  await hub.connect().publish(inbox, seal(envelope, members.keysOf('pi1')));
  const deadline = performance.now() + 20_000;
  while (b.dropped.stale === 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal([b.dropped.stale, handled], [1, 0]);
  await b.close();
});

test('freshness keeps a bounded memory and lets no replay through', () => {
  const freshness = new Freshness(100);
  const now = 1_000_000_000;
  const sent: Envelope[] = [];
  for (let i = 0; i < 1000; i++) {
    const envelope: Envelope = {
      v: 1,
      id: newMessageId(),
      from: { runtime: pi1 },
      to: 't',
      time: now + i,
      body: { type: 'ping' },
    };
    assert.is(freshness.check(envelope, now + i), undefined);
    sent.push(envelope);
  }
  for (const envelope of sent) assert.ok(freshness.check(envelope, now + 1000) !== undefined);
});

test.run();
