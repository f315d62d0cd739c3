/** A stream over a direct TLS connection between two processes, against a bare Node.js TLS socket: throughput and round trip. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { generateKeys, type Keys } from '../../src/bus/identity.js';
import { streamLimits } from '../../src/stream/stream.js';
import type { Contact } from '../../src/wire/messages.js';
import { bareIdentity, makeNode } from '../direct-node.js';
import type { Ask } from '../direct-peer.js';
import { edgeOf, here, there } from '../edge.js';
import { alternate, medians } from '../measure.js';
import type { Row } from '../row.js';

const chunk = Buffer.alloc(streamLimits.frame);

async function bareSocket(keys: Keys, port: number): Promise<TLSSocket> {
  const socket = connect({ ...bareIdentity(keys), host: '127.0.0.1', port });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  return socket;
}

/** MiB a second over a bare socket, until the other side has read it all. */
async function bareRate(keys: Keys, port: number, bytes: number): Promise<number> {
  const socket = await bareSocket(keys, port);
  const started = performance.now();
  for (let at = 0; at < bytes; at += chunk.length) if (!socket.write(chunk)) await once(socket, 'drain');
  socket.resume();
  socket.end();
  await once(socket, 'close');
  return bytes / 1048.576 / (performance.now() - started);
}

/** Microseconds of a round trip of one byte. */
async function bareTrip(keys: Keys, port: number, count: number): Promise<number> {
  const socket = await bareSocket(keys, port);
  const trip = async () => {
    const back = once(socket, 'data');
    socket.write(Buffer.from([1]));
    await back;
  };
  await trip();
  const started = performance.now();
  for (let i = 0; i < count; i++) await trip();
  const micros = ((performance.now() - started) * 1000) / count;
  socket.destroy();
  return micros;
}

/** A bare TLS socket to a process of its own. */
export async function bareTls(): Promise<{ rate(bytes: number): Promise<number>; close(): void }> {
  const [mine, theirs] = [generateKeys(), generateKeys()];
  const child = startPeer(theirs, { [here]: mine.publicKey, [there]: theirs.publicKey });
  const [{ bare }] = (await once(child, 'message')) as [{ bare: number }];
  return { rate: (bytes) => bareRate(mine, bare, bytes), close: () => child.disconnect() };
}

function startPeer(keys: Keys, publicKeys: Readonly<Record<string, string>>): ChildProcess {
  const child = fork(new URL('./direct-peer.mjs', import.meta.url), [], { stdio: 'inherit' });
  child.send({ pem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), publicKeys });
  return child;
}

export const direct: Row = {
  name: 'direct',
  run: async ({ quick }) => {
    const [mine, theirs] = [generateKeys(), generateKeys()];
    const publicKeys = { [here]: mine.publicKey, [there]: theirs.publicKey };
    const child = startPeer(theirs, publicKeys);
    const [{ contact, bare }] = (await once(child, 'message')) as [{ contact: Contact; bare: number }];
    const node = await makeNode(here, mine, publicKeys);
    await node.hear(there, theirs, contact);
    let streams = 0;
    const ask = async (more: Ask) => {
      const ready = once(child, 'message');
      child.send(more);
      await ready;
    };
    const open = async (echo: boolean) => {
      const [stream, back] = [++streams, ++streams];
      await ask({ stream, ...(echo ? { echo: back } : {}) });
      const writer = node.streams.openWriter(edgeOf(stream, here, there));
      const reader = echo ? await node.streams.openReader(edgeOf(back, there, here)) : undefined;
      while (node.mesh.peers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return { writer, reader };
    };
    const rate = async (bytes: number) => {
      const { writer } = await open(false);
      const started = performance.now();
      for (let at = 0; at < bytes; at += chunk.length) await writer.write(chunk);
      await writer.end();
      return bytes / 1048.576 / (performance.now() - started);
    };
    const trip = async (count: number) => {
      const { writer, reader } = await open(true);
      const once = async () => {
        await writer.write(Buffer.from([1]));
        await reader!.read();
      };
      await once();
      const started = performance.now();
      for (let i = 0; i < count; i++) await once();
      const micros = ((performance.now() - started) * 1000) / count;
      await writer.end();
      return micros;
    };
    const bytes = quick ? 16 << 20 : 512 << 20;
    const trips = quick ? 200 : 5000;
    const runs = quick ? 1 : 9;
    const rates = await alternate({ onesh: () => rate(bytes), 'TLS socket': () => bareRate(mine, bare, bytes) }, runs);
    const times = await alternate({ onesh: () => trip(trips), 'TLS socket': () => bareTrip(mine, bare, trips) }, runs);
    await node.mesh.close();
    child.disconnect();
    return [
      {
        row: 'stream over direct TLS, 64 KiB chunks',
        unit: 'MiB/s',
        medians: medians(rates),
        targets: [{ against: 'TLS socket', limit: 0.85, is: 'at least' }],
      },
      {
        row: 'round trip over direct TLS, one byte',
        unit: 'µs',
        medians: medians(times),
        targets: [{ against: 'TLS socket', limit: 1.5, is: 'at most' }],
      },
    ];
  },
};
