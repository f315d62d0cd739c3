/** Streams over direct TLS connections: the contract, who gets in, and moving between carriers in mid-stream. */
import { once } from 'node:events';
import { connect as tlsConnect } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tlsIdentity } from '../../src/bus/certificate.js';
import { generateKeys } from '../../src/bus/identity.js';
import { MemoryHub } from '../../src/bus/memory.js';
import { newSessionId, type RuntimeName } from '../../src/wire/ids.js';
import { eventually, makeNode, type Node } from '../support/direct.js';
import { makeEdge } from '../support/edges.js';
import { makeMembers } from '../support/members.js';
import { chunks, digest, drain, type StreamLab, streamContract } from './contract.js';

/** Two runtimes; `ready`: connected before the first stream. */
async function pair(ready: boolean): Promise<{ a: Node; b: Node; hub: MemoryHub; close(): Promise<void> }> {
  const hub = new MemoryHub();
  const members = makeMembers();
  for (const name of ['pi1', 'pi2']) members.keysOf(name);
  const a = await makeNode(members, 'pi1', hub.connect());
  const b = await makeNode(members, 'pi2', hub.connect());
  const close = async () => {
    await a.close();
    await b.close();
  };
  if (ready) {
    const reader = await b.streams.openReader(makeEdge());
    await a.announce();
    await b.announce();
    await eventually('a connection', () => a.mesh.peers.length > 0 && b.mesh.peers.length > 0);
    reader.cancel();
  }
  return { a, b, hub, close };
}

const over = (ready: boolean) => async (): Promise<StreamLab> => {
  const { a, b, close } = await pair(ready);
  return {
    stream: (options = {}) => {
      const edge = makeEdge();
      return {
        writer: () => a.streams.openWriter(edge, options),
        reader: async () => {
          const reader = await b.streams.openReader(edge, options);
          if (!ready) await b.announce();
          return reader;
        },
      };
    },
    close,
  };
};

streamContract('direct TLS', over(true), 32);
streamContract('topics that give way to direct TLS', over(false));

const test = suite('direct connections');

test('both find each other, have one connection, and the broker carries no byte of their streams', async () => {
  const { a, b, hub, close } = await pair(true);
  const seen: string[] = [];
  await hub.connect().subscribe('#', ({ topic }) => void seen.push(topic));
  const edges = Array.from({ length: 20 }, (_, i) => (i % 2 ? makeEdge() : makeEdge('pi2', 'pi1')));
  await Promise.all(
    edges.map(async (edge) => {
      const [from, to] = edge.fromRuntime === a.name ? [a, b] : [b, a];
      const reader = await to.streams.openReader(edge);
      const writer = from.streams.openWriter(edge);
      const got = drain(reader);
      await writer.write(Buffer.alloc(100_000));
      await writer.end();
      assert.is((await got).length, 100_000);
    }),
  );
  assert.equal(
    seen.filter((topic) => /\/(agents|files)\//.test(topic)),
    [],
  );
  assert.equal([a.mesh.peers, b.mesh.peers], [[{ runtime: 'pi2' }], [{ runtime: 'pi1' }]]);
  await close();
});

test('a session dials runtimes; its streams come to it, those of its runtime do not', async () => {
  const hub = new MemoryHub();
  const members = makeMembers();
  const home = await makeNode(members, 'pi1', hub.connect());
  const other = await makeNode(members, 'pi2', hub.connect());
  const session = newSessionId('pi1' as RuntimeName);
  const shell = await makeNode(members, 'pi1', hub.connect(), { listen: false, session });
  await other.announce();
  await home.announce();
  for (const end of ['to', 'from'] as const) {
    const edge = end === 'to' ? makeEdge('pi2', 'pi1', 'to') : makeEdge('pi1', 'pi2', 'from');
    const [from, to] = end === 'to' ? [other, shell] : [shell, other];
    const writer = from.streams.openWriter(edge);
    const reader = await to.streams.openReader(edge);
    await writer.write(Buffer.from('x'));
    assert.equal([...(await reader.read())!], [120]);
    await eventually('a connection', () => shell.mesh.peers.length === 1);
    assert.equal(other.mesh.peers, [{ runtime: 'pi1', session }]);
    await writer.write(Buffer.from('y'));
    assert.equal([...(await reader.read())!], [121]);
    await Promise.all([writer.end(), reader.read()]);
  }
  // With a session connected, a stream to its runtime still finds the runtime itself.
  const edge = makeEdge('pi2', 'pi1');
  const writer = other.streams.openWriter(edge);
  const got = drain(await home.streams.openReader(edge));
  await writer.write(Buffer.alloc(1000));
  await writer.end();
  assert.is((await got).length, 1000);
  for (const node of [shell, home, other]) await node.close();
});

test('who cannot be dialled dials: the offer goes over the bus', async () => {
  const hub = new MemoryHub();
  const members = makeMembers();
  const hidden = await makeNode(members, 'pi1', hub.connect(), { listen: false });
  const open = await makeNode(members, 'pi2', hub.connect());
  // `hidden` has no address at all; `open` says a wrong one first, as behind a router.
  const status = { type: 'runtime.status', state: 'online', name: open.name, incarnation: 1 } as const;
  const speaker = await members.peer('pi2', hub.connect());
  const wrong = { port: 1, addresses: ['127.0.0.1'], machine: open.mesh.contact()!.machine };
  await speaker.send(`onesh/${members.cluster}/runtimes/pi2/status`, { ...status, direct: wrong }, { retain: true });
  const edge = makeEdge();
  const writer = hidden.streams.openWriter(edge);
  const got = drain(await open.streams.openReader(edge));
  await eventually('a connection', () => hidden.mesh.peers.length === 1 && open.mesh.peers.length === 1);
  await writer.write(Buffer.alloc(100_000));
  await writer.end();
  assert.is((await got).length, 100_000);
  for (const node of [hidden, open]) await node.close();
  await speaker.close();
});

test('nobody gets in without the registered key, or for another cluster', async () => {
  const { a, b, close } = await pair(false);
  const { port } = b.mesh.contact()!;
  const cluster = 'c-0000000000000000';
  let refused = 0;
  for (const [what, keys, text] of [
    ['a stranger', generateKeys(), JSON.stringify({ v: 1, cluster, from: { runtime: 'pi1' }, to: { runtime: 'pi2' } })],
    ['no greeting at all', generateKeys(), 'hello there, what a nice day'],
    ['an oversize frame', generateKeys(), undefined],
  ] as const) {
    const socket = tlsConnect({ ...tlsIdentity(keys, 'pi1'), host: '127.0.0.1', port, ALPNProtocols: ['onesh/1'] });
    await once(socket, 'secureConnect');
    const head = Buffer.alloc(16);
    head.writeUInt32BE(text === undefined ? 1 << 30 : text.length, 0);
    socket.write(Buffer.concat([head, Buffer.from(text ?? '')]));
    socket.resume();
    await once(socket, 'close');
    assert.equal(b.mesh.peers, [], what);
    assert.is(b.mesh.refused, ++refused, what);
  }
  // One that says it is pi2 but has another key: the dialling side does not speak to it.
  const hub = new MemoryHub();
  const members = makeMembers();
  const honest = await makeNode(members, 'pi1', hub.connect());
  const forged = await makeNode(members, 'pi2', hub.connect(), { keys: generateKeys() });
  await forged.announce();
  const reader = await honest.streams.openReader(makeEdge('pi2', 'pi1'));
  const stream = honest.streams.openWriter(makeEdge('pi1', 'pi2'));
  await stream.write(Buffer.from('secret'));
  await eventually('a refusal', () => honest.mesh.refused > 0);
  assert.equal([honest.mesh.peers, forged.mesh.peers], [[], []]);
  reader.cancel();
  stream.abort();
  for (const node of [honest, forged]) await node.close();
  await a.announce();
  await close();
});

test('the connection of a key that is registered no more is cut', async () => {
  const hub = new MemoryHub();
  const members = makeMembers();
  const a = await makeNode(members, 'pi1', hub.connect());
  const b = await makeNode(members, 'pi2', hub.connect());
  await b.announce();
  const reader = await b.streams.openReader(makeEdge());
  const writer = a.streams.openWriter(makeEdge());
  await eventually('a connection', () => a.mesh.peers.length === 1 && b.mesh.peers.length === 1);
  members.keys.delete('pi1');
  await eventually('no connection', () => a.mesh.peers.length === 0 && b.mesh.peers.length === 0);
  reader.cancel();
  writer.abort();
  for (const node of [a, b]) await node.close();
});

test('a stream moves to topics and back in mid-stream, every byte once and in order', async () => {
  const { a, b, close } = await pair(true);
  const edge = makeEdge();
  const writer = a.streams.openWriter(edge);
  const got = drain(await b.streams.openReader(edge));
  const hash = digest();
  const total = 48 << 20;
  let written = 0;
  let cuts = 0;
  let restore: (() => void) | undefined;
  for (const chunk of chunks(total, 200_000, 23)) {
    hash.update(chunk);
    await writer.write(chunk);
    written += chunk.length;
    if (written < (total / 8) * (cuts + 1) || cuts >= 6) continue;
    cuts += 1;
    if (restore === undefined) restore = (cuts % 4 === 1 ? a : b).mesh.cut();
    else {
      restore();
      restore = undefined;
      if (cuts === 4) await eventually('a connection again', () => a.mesh.peers.length > 0);
    }
  }
  restore?.();
  await writer.end();
  assert.equal(await got, { length: total, hash: hash.digest('hex') });
  assert.is(cuts, 6);
  await close();
});

test('of a thousand streams none starves: a small one gets through while others are full', async () => {
  const { a, b, close } = await pair(true);
  const size = 64 << 10;
  const count = 1000;
  let finished = 0;
  const done: Promise<unknown>[] = [];
  const idle = makeEdge();
  const idleReader = await b.streams.openReader(idle);
  const idleWriter = a.streams.openWriter(idle);
  // Nobody reads these two: they must not hold up the others.
  const stuck = [makeEdge(), makeEdge()];
  const stuckReaders = await Promise.all(stuck.map((edge) => b.streams.openReader(edge)));
  const stuckWriters = stuck.map((edge) => a.streams.openWriter(edge));
  const stuckWrites = stuckWriters.map(async (writer) => {
    for (;;) await writer.write(Buffer.alloc(size));
  });
  for (const each of stuckWrites) each.catch(() => undefined);
  const firstAt: number[] = [];
  for (let i = 0; i < count; i++) {
    const edge = makeEdge();
    const reader = await b.streams.openReader(edge);
    const writer = a.streams.openWriter(edge);
    done.push(
      (async () => {
        for (let n = 0; n < 2; n++) await writer.write(Buffer.alloc(size));
        await writer.end();
      })(),
      (async () => {
        let length = 0;
        for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
          if (length === 0) firstAt.push(finished);
          length += chunk.length;
        }
        finished += 1;
        assert.is(length, 2 * size);
      })(),
    );
  }
  await idleWriter.write(Buffer.from('me too'));
  assert.is(String(await idleReader.read()), 'me too');
  assert.ok(finished < count, 'the small stream did not wait for the others to end');
  await Promise.all(done);
  for (const reader of stuckReaders) reader.cancel();
  await Promise.all([idleWriter.end(), idleReader.read()]);
  assert.is(finished, count);
  await close();
});

test.run();
