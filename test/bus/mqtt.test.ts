import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bus, BusState } from '../../src/bus/bus.js';
import { selfSigned } from '../../src/bus/certificate.js';
import { generateKeys } from '../../src/bus/identity.js';
import { connectMqtt } from '../../src/bus/mqtt.js';
import { WireError } from '../../src/wire/errors.js';
import { type Mosquitto, mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { freePort } from '../support/server-process.js';
import { collector } from './contract.js';

const plain = suite('MQTT connect');

const failure = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => assert.unreachable('connected'),
    (e: unknown) => e,
  );
  assert.instance(error, WireError);
  return `${(error as WireError).code} ${(error as WireError).message}`;
};

plain('what can go wrong is one clear line', async () => {
  const port = await freePort();
  const silent = createServer(() => undefined);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const closing = createServer((socket) => socket.destroy());
  closing.listen(0, '127.0.0.1');
  await once(closing, 'listening');
  const at = (server: typeof silent) => (server.address() as { port: number }).port;
  for (const [url, want] of [
    [`mqtt://127.0.0.1:${port}`, `ECONNREFUSED cannot reach broker mqtt://127.0.0.1:${port}: connection refused`],
    [
      `mqtt://user:secret@127.0.0.1:${port}`,
      `ECONNREFUSED cannot reach broker mqtt://127.0.0.1:${port}: connection refused`,
    ],
    [
      `mqtt://127.0.0.1:${at(silent)}`,
      `ETIMEDOUT cannot reach broker mqtt://127.0.0.1:${at(silent)}: connection timed out`,
    ],
    [
      `mqtt://127.0.0.1:${at(closing)}`,
      `ECONNREFUSED cannot reach broker mqtt://127.0.0.1:${at(closing)}: connection closed`,
    ],
  ] as const) {
    assert.is(await failure(connectMqtt({ url, clientId: 'x', connectTimeoutMs: 200 })), want);
  }
  silent.close();
  closing.close();
});

if (mosquittoAvailable()) {
  plain('another broker over TLS is believed when an authority vouches for its name, or its key is known', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'onesh-tls-'));
    // Mosquitto reads its certificate as a user of its own.
    await chmod(directory, 0o755);
    const keys = generateKeys();
    const ca = selfSigned(keys, 'localhost');
    const [certfile, keyfile] = [path.join(directory, 'cert.pem'), path.join(directory, 'key.pem')];
    await writeFile(certfile, ca);
    await writeFile(keyfile, keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const mosquitto = await startMosquitto(`certfile ${certfile}\nkeyfile ${keyfile}`);
    const url = `mqtts://localhost:${mosquitto.port}`;
    const other = selfSigned(generateKeys(), 'localhost');
    for (const [more, where, want] of [
      [{ ca }, url, 'connected'],
      [{ trusts: (key: string) => key === keys.publicKey }, url, 'connected'],
      [{}, url, 'EACCES'],
      [{ ca: other }, url, 'EACCES'],
      [{ trusts: () => false }, url, 'EACCES'],
      // Vouched for, but under another name.
      [{ ca }, `mqtts://127.0.0.1:${mosquitto.port}`, 'EACCES'],
      [{ ca }, `mqtt://127.0.0.1:${mosquitto.port}`, 'ECONNREFUSED'],
    ] as const) {
      const got = await connectMqtt({ url: where, clientId: 'x', ...more }).then(
        async (bus) => {
          await bus.close();
          return 'connected';
        },
        (error: WireError) => error.code,
      );
      assert.is(got, want, `${Object.keys(more)} ${where}`);
    }
    await mosquitto.close();
    await rm(directory, { recursive: true });
  });
} else plain.skip('Mosquitto', () => undefined);

plain.run();

const test = suite('MQTT across a broker restart');
let mosquitto: Mosquitto;
let clients = 0;
const connect = () => connectMqtt({ url: mosquitto.url, clientId: `restart-${++clients}` });
const state = (bus: Bus, want: BusState) =>
  new Promise<void>((resolve) => {
    if (bus.state === want) return resolve();
    const stop = bus.onState((now) => {
      if (now !== want) return;
      stop();
      resolve();
    });
  });

if (mosquittoAvailable()) {
  test.before(async () => {
    mosquitto = await startMosquitto();
  });
  test.after(() => mosquitto.close());

  test('subscriptions are renewed, QoS 1 messages kept and sent in order, QoS 0 dropped', async () => {
    const [a, b] = [await connect(), await connect()];
    const got = collector();
    await b.subscribe('r/#', got.handler, { qos: 1 });
    await mosquitto.stop();
    await Promise.all([state(a, 'disconnected'), state(b, 'disconnected')]);
    await a.publish('r/lost', Buffer.from('0'));
    const sent = [1, 2, 3].map((n) => a.publish('r/kept', Buffer.from(String(n)), { qos: 1 }));
    // The subscriber is back first: a clean session has no queue at the broker.
    const late = b.subscribe('late', got.handler, { qos: 1 });
    a.onState((now) => now === 'connected' && void 0);
    await mosquitto.start();
    await Promise.all([state(b, 'connected'), late]);
    await Promise.all(sent);
    const kept: string[] = [];
    // If the publisher was back before the subscriber, its messages went to nobody: then send them once more.
    await a.publish('r/end', Buffer.from(''), { qos: 1 });
    for (let text = await got.take(); text !== 'r/end '; text = await got.take()) kept.push(text);
    assert.ok(kept.length === 0 || kept.join() === 'r/kept 1,r/kept 2,r/kept 3', kept.join());
    await a.publish('late', Buffer.from('x'), { qos: 1 });
    assert.is(await got.take(), 'late x');
    await a.close();
    await b.close();
  });

  test('a QoS 1 message under way when the connection breaks is resolved after the next', async () => {
    const a = await connect();
    const sent = a.publish('x', Buffer.alloc(100_000), { qos: 1 });
    await mosquitto.stop();
    await mosquitto.start();
    await sent;
    assert.is(a.state, 'connected');
    await a.close();
  });

  test('close and abort end every wait', async () => {
    const [a, b] = [await connect(), await connect()];
    await mosquitto.stop();
    await Promise.all([state(a, 'disconnected'), state(b, 'disconnected')]);
    const waits = [a.publish('x', Buffer.alloc(1), { qos: 1 }), b.subscribe('x', () => undefined)];
    const ends = waits.map(failure);
    await a.close();
    b.abort();
    for (const end of ends) assert.match(await end, /^ENOTCONN/);
    await mosquitto.start();
  });
} else test.skip('Mosquitto', () => undefined);

test.run();
