/**
 * What streams survive: cables pulled and plugged in again, brokers restarted, messages lost, doubled and overtaken, slow readers,
 * great lengths. `node scripts/test.mjs --fuzz stream/faults` takes the long form: 30 s without a cable, 1 GB through a slow
 * reader, 64 GiB in all.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bus } from '../../src/bus/bus.js';
import { MemoryHub } from '../../src/bus/memory.js';
import { connectMqtt } from '../../src/bus/mqtt.js';
import { openStreams } from '../../src/stream/streams.js';
import { newClusterId } from '../../src/wire/ids.js';
import { makeCable } from '../support/cable.js';
import { eventually, makeNode } from '../support/direct.js';
import { makeEdge } from '../support/edges.js';
import { lossy } from '../support/lossy.js';
import { makeMembers } from '../support/members.js';
import { mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { chunks, digest, drain } from './contract.js';

const long = process.env.ONESH_LONG === '1';
const test = suite('faults of streams');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A broker, two runtimes, and a cable between each two of them. */
async function laboratory() {
  const mosquitto = await startMosquitto();
  const [uplinkA, uplinkB] = [await makeCable(mosquitto.port), await makeCable(mosquitto.port)];
  const members = makeMembers();
  for (const name of ['pi1', 'pi2']) members.keysOf(name);
  const bus = (port: number, clientId: string) => connectMqtt({ url: `mqtt://127.0.0.1:${port}`, clientId });
  const [busA, busB] = [await bus(uplinkA.port, 'pi1'), await bus(uplinkB.port, 'pi2')];
  const a = await makeNode(members, 'pi1', busA);
  const b = await makeNode(members, 'pi2', busB);
  const between = await makeCable(b.mesh.contact()!.port);
  return {
    mosquitto,
    a,
    b,
    between,
    cables: [uplinkA, uplinkB, between],
    close: async () => {
      for (const node of [a, b]) await node.close();
      for (const each of [busA, busB]) await each.close();
      for (const each of [uplinkA, uplinkB, between]) await each.close();
      await mosquitto.close();
    },
  };
}

if (mosquittoAvailable()) {
  test('every cable is pulled in mid-stream, then one after the other', async () => {
    const lab = await laboratory();
    const { a, b, between, cables } = lab;
    const edge = makeEdge();
    const writer = a.streams.openWriter(edge);
    const got = drain(await b.streams.openReader(edge));
    const hash = digest();
    let written = 0;
    const write = async (total: number, seed: number) => {
      for (const chunk of chunks(total, 200_000, seed)) {
        hash.update(chunk);
        await writer.write(chunk);
        written += chunk.length;
      }
    };
    await write(1 << 20, 1);
    await b.announce(between.port);
    await eventually('a direct connection', () => a.mesh.peers.length === 1);
    const byBroker = between.carried;
    await write(8 << 20, 2);
    assert.ok(between.carried - byBroker > 4 << 20, 'the direct connection carries it');
    // Nothing gets anywhere.
    for (const cable of cables) cable.pull();
    const writing = write(12 << 20, 3);
    await eventually('it is noticed', () => a.mesh.peers.length + b.mesh.peers.length === 0, 30_000);
    if (long) await pause(30_000);
    for (const cable of cables) cable.plug();
    await writing;
    // No direct path for a while: the broker carries it, and after it, the direct path again.
    await eventually('a direct connection again', () => a.mesh.peers.length === 1 && b.mesh.peers.length === 1, 60_000);
    between.pull();
    const more = write(12 << 20, 4);
    await eventually('it is noticed', () => a.mesh.peers.length + b.mesh.peers.length === 0, 30_000);
    await more;
    between.plug();
    await eventually('a direct connection once more', () => a.mesh.peers.length === 1, 60_000);
    // The broker is not needed while there is a direct connection.
    await lab.mosquitto.stop();
    await write(4 << 20, 5);
    await lab.mosquitto.start();
    await writer.end();
    assert.equal(await got, { length: written, hash: hash.digest('hex') });
    await lab.close();
  });
} else test.skip('Mosquitto', () => undefined);

test('messages lost, doubled and overtaken while the direct connection comes and goes', async () => {
  for (let seed = 1; seed <= (long ? 20 : 3); seed++) {
    const hub = new MemoryHub();
    const members = makeMembers();
    for (const name of ['pi1', 'pi2']) members.keysOf(name);
    const a = await makeNode(members, 'pi1', lossy(hub.connect(), seed));
    const b = await makeNode(members, 'pi2', lossy(hub.connect(), seed + 100));
    await b.announce();
    const edge = makeEdge();
    const writer = a.streams.openWriter(edge);
    const got = drain(await b.streams.openReader(edge));
    const hash = digest();
    let written = 0;
    let restore: (() => void) | undefined;
    let step = 0;
    for (const chunk of chunks(12 << 20, 100_000, seed)) {
      hash.update(chunk);
      await writer.write(chunk);
      written += chunk.length;
      if (written < (++step + 1) * (1 << 20)) step -= 1;
      else if (restore === undefined) restore = (step % 4 < 2 ? a : b).mesh.cut();
      else {
        restore();
        restore = undefined;
      }
    }
    restore?.();
    await writer.end();
    assert.equal(await got, { length: written, hash: hash.digest('hex') }, `seed ${seed}`);
    for (const node of [a, b]) await node.close();
  }
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a slow reader bounds the memory of both machines', async () => {
  const hub = new MemoryHub();
  const members = makeMembers();
  for (const name of ['pi1', 'pi2']) members.keysOf(name);
  const a = await makeNode(members, 'pi1', hub.connect());
  const b = await makeNode(members, 'pi2', hub.connect());
  await b.announce();
  const edge = makeEdge();
  const reader = await b.streams.openReader(edge);
  const writer = a.streams.openWriter(edge);
  await eventually('a direct connection', () => a.mesh.peers.length === 1 && b.mesh.peers.length === 1);
  const total = long ? 1 << 30 : 96 << 20;
  const held = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  let written = 0;
  const lead = 512 << 10;
  const writing = (async () => {
    while (written < total) {
      await writer.write(Buffer.alloc(64 << 10));
      written += 64 << 10;
    }
    await writer.end();
  })();
  let read = 0;
  let most = 0;
  let ahead = 0;
  let sampled = 0;
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
    read += chunk.length;
    // The reader takes nothing until the writer is well ahead.
    while (written - read < lead && written < total) await new Promise(setImmediate);
    if (read - sampled < total / 32) continue;
    sampled = read;
    ahead = Math.max(ahead, written - read);
    most = Math.max(most, held() - before);
  }
  await writing;
  assert.is(read, total);
  assert.ok(most < 32 << 20, `${most >> 20} MiB were held`);
  assert.ok(ahead >= lead, 'the writer was ahead, its bytes in the buffers');
  for (const node of [a, b]) await node.close();
});

test('a stream of 64 GiB', async () => {
  const hub = new MemoryHub();
  const cluster = newClusterId();
  const size = 64 * 2 ** 30;
  // The short form sends the end only, beginning before an offset that 32 bits do not hold.
  const first = long ? 0 : size - (3 << 20);
  const wraps: ((bus: Bus) => Bus)[] = long ? [(bus) => bus] : [(bus) => bus, (bus) => lossy(bus, 5)];
  for (const wrap of wraps) {
    const edge = makeEdge();
    const writer = openStreams({ bus: wrap(hub.connect()), cluster }).openWriter(edge, { offset: first });
    const reader = await openStreams({ bus: wrap(hub.connect()), cluster }).openReader(edge, { offset: first });
    const received = (async () => {
      let length = 0;
      for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) length += chunk.length;
      return length;
    })();
    const chunk = Buffer.alloc(1 << 20);
    for (let at = first; at < size; at += chunk.length) await writer.write(chunk);
    await writer.end();
    assert.is(await received, size - first);
  }
});

test.run();
