import { once } from 'node:events';
import { connect as tcpConnect } from 'node:net';
import { connect } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientIdOf, type Identity, mayPublish, maySubscribe } from '../../src/bus/acl.js';
import { type Broker, startBroker } from '../../src/bus/broker.js';
import { fingerprint, generateKeys, type Keys } from '../../src/bus/identity.js';
import { connectMqtt } from '../../src/bus/mqtt.js';
import { isJoinPassword, joinPassword, joinUser, makeToken } from '../../src/bus/token.js';
import { WireError } from '../../src/wire/errors.js';
import { newClusterId, newSessionId, type RuntimeName } from '../../src/wire/ids.js';
import { topics } from '../../src/wire/topics.js';
import { acceptAll } from '../support/open-broker.js';
import { collector } from './contract.js';

const test = suite('embedded broker');
const cluster = newClusterId();
const [pi1, pi2] = ['pi1' as RuntimeName, 'pi2' as RuntimeName];
const session = newSessionId(pi2);
const context = { cluster, services: { nameserver: pi1, scheduler: pi1 } };
const member: Identity = { kind: 'runtime', name: pi2 };
const kernel: Identity = { kind: 'runtime', name: pi1 };
const user: Identity = { kind: 'runtime', name: pi2, session };
const joiner: Identity = { kind: 'join', id: 'x1' };
const other = newClusterId();

test('publish rules', () => {
  for (const [identity, topic, want] of [
    [member, topics.runtimeStatus(cluster, pi2), true],
    [member, topics.runtimeStatus(cluster, pi1), false],
    [user, topics.runtimeStatus(cluster, pi2), false],
    [member, topics.runtimeInbox(cluster, pi1), true],
    [member, topics.kernel(cluster, 'scheduler'), true],
    [user, topics.sessionStatus(cluster, session), true],
    [member, topics.sessionStatus(cluster, session), false],
    [member, topics.boot(cluster), false],
    [kernel, topics.boot(cluster), true],
    [member, topics.join(cluster, 'x1'), false],
    [kernel, topics.join(cluster, 'x1'), true],
    [member, `onesh/${cluster}/agents/pi1/a-1/stdin`, true],
    [member, topics.runtimeInbox(other, pi1), false],
    [member, 'elsewhere', false],
    [joiner, topics.kernel(cluster, 'nameserver'), true],
    [joiner, topics.kernel(cluster, 'scheduler'), false],
    [joiner, topics.runtimeInbox(cluster, pi1), false],
  ] as const) {
    assert.is(mayPublish(context, identity, topic), want, `${JSON.stringify(identity)} ${topic}`);
  }
});

test('subscribe rules', () => {
  for (const [identity, filter, want] of [
    [member, topics.runtimeInbox(cluster, pi2), true],
    [member, topics.runtimeInbox(cluster, pi1), false],
    [member, `onesh/${cluster}/runtimes/+/inbox`, false],
    [member, `onesh/${cluster}/#`, false],
    [member, '#', false],
    [member, topics.runtimeStatus(cluster, '+'), true],
    [member, topics.boot(cluster), true],
    [member, topics.kernel(cluster, 'scheduler'), false],
    [kernel, topics.kernel(cluster, 'scheduler'), true],
    [kernel, topics.kernel(cluster, 'storage'), false],
    [user, topics.sessionInbox(cluster, session), true],
    [user, topics.sessionInbox(cluster, newSessionId(pi2)), false],
    [member, topics.sessionInbox(cluster, session), false],
    [member, `onesh/${cluster}/agents/pi2/a-1/stdin`, true],
    [user, `onesh/${cluster}/agents/pi2/a-1/stdin/credit`, true],
    [member, `onesh/${cluster}/files/pi2/t-1`, true],
    [member, `onesh/${cluster}/agents/pi1/a-1/stdin`, false],
    [member, `onesh/${cluster}/files/pi1/t-1`, false],
    [member, `onesh/${cluster}/agents/#`, false],
    [member, `onesh/${cluster}/agents/+/+/stdin`, false],
    [joiner, topics.join(cluster, 'x1'), true],
    [joiner, topics.join(cluster, 'x2'), false],
    [joiner, topics.join(cluster, '+'), false],
    [joiner, topics.boot(cluster), false],
  ] as const) {
    assert.is(maySubscribe(context, identity, filter), want, `${JSON.stringify(identity)} ${filter}`);
  }
});

const refused = async (promise: Promise<unknown>) => {
  const error = await promise.catch((e: unknown) => e);
  assert.instance(error, WireError);
  assert.is((error as WireError).code, 'EACCES');
};

test('only a registered key gets in, and only to what is its own', async () => {
  const keys = generateKeys();
  const owner = generateKeys();
  const token = makeToken(cluster, owner.publicKey);
  const broker: Broker<Identity> = await startBroker<Identity>({
    keys: owner,
    authenticate: ({ clientId, username, password, publicKey, binding }) => {
      if (username === joinUser(token.id) && isJoinPassword(password, token.key, clientId, binding)) return joiner;
      return username === pi2 && clientId === clientIdOf(pi2) && publicKey === keys.publicKey ? member : undefined;
    },
    mayPublish: (identity, topic) => mayPublish(context, identity, topic),
    maySubscribe: (identity, filter) => maySubscribe(context, identity, filter),
  });
  const { url } = broker;
  const trusts = (key: string) => key === owner.publicKey;
  const as = (clientId: string, more: { keys?: Keys; password?: string } = {}) =>
    connectMqtt({ url, clientId, username: pi2, trusts, ...more });
  await refused(connectMqtt({ url, clientId: pi2, trusts }));
  await refused(as(pi2));
  await refused(as(pi2, { password: 'guess' }));
  await refused(as(pi2, { keys: generateKeys() }));
  await refused(as('pi3', { keys }));
  // A broker with another key than the one that is meant gets to know nothing.
  await refused(connectMqtt({ url, clientId: pi2, username: pi2, keys }));
  await refused(connectMqtt({ url, clientId: pi2, username: pi2, keys, trusts: (key) => key === keys.publicKey }));
  // A token's password is good for its client id on its own connection.
  let binding = '';
  const join = (password: (binding: string) => string) =>
    connectMqtt({
      url,
      clientId: 'join-x1',
      username: joinUser(token.id),
      password,
      trusts: (key) => fingerprint(key) === token.fingerprint,
    });
  await refused(join((now) => joinPassword('other', 'join-x1', now)));
  const newcomer = await join((now) => {
    binding = now;
    return joinPassword(token.key, 'join-x1', now);
  });
  assert.is(binding.length, 43);
  await refused(join(() => joinPassword(token.key, 'join-x1', binding)));
  await newcomer.close();
  const bus = await as(pi2, { keys });
  await refused(bus.subscribe('#', () => undefined));
  const got = collector();
  await bus.subscribe(topics.boot(cluster), got.handler);
  await bus.subscribe(topics.runtimeInbox(cluster, pi2), got.handler);
  await bus.publish(topics.boot(cluster), Buffer.from('forged'), { qos: 1, retain: true });
  await bus.publish(topics.runtimeInbox(cluster, pi2), Buffer.from('mine'), { qos: 1 });
  assert.is(await got.take(), `${topics.runtimeInbox(cluster, pi2)} mine`);
  assert.is(bus.state, 'connected', 'a refused publish does not cut the connection');
  const left = new Promise((resolve) => bus.onState(resolve));
  broker.expel((_, key) => key !== keys.publicKey);
  assert.is(bus.state, 'connected');
  broker.expel((who, key) => who === member && key === keys.publicKey);
  assert.is(await left, 'disconnected');
  await bus.close();
  await broker.close();
});

test('what is not TLS is not spoken to', async () => {
  const broker = await startBroker(acceptAll);
  const socket = tcpConnect(broker.port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = Buffer.alloc(0);
  socket.on('data', (data) => (answer = Buffer.concat([answer, data])));
  // CONNECT in the clear.
  socket.write(Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x66]));
  await once(socket, 'close');
  assert.is.not(answer[0], 0x20, 'no CONNACK');
  await broker.close();
});

test('a port in use is one clear line', async () => {
  const broker = await startBroker(acceptAll);
  const error = await startBroker({ ...acceptAll, port: broker.port }).catch((e: unknown) => e);
  assert.is((error as WireError).message, `127.0.0.1:${broker.port}: address already in use`);
  await broker.close();
});

test('a frozen subscriber does not stall the others for ever', async () => {
  const broker = await startBroker(acceptAll);
  const frozen = connect({ port: broker.port, host: '127.0.0.1', rejectUnauthorized: false });
  frozen.on('error', () => undefined);
  await once(frozen, 'secureConnect');
  // CONNECT (clean session, client id "f"), then SUBSCRIBE to "t"; its answers are never read.
  frozen.write(Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x66]));
  frozen.write(Buffer.from([0x82, 6, 0, 1, 0, 1, 0x74, 0]));
  await once(frozen, 'data');
  frozen.pause();
  const [a, b] = [
    await connectMqtt({ url: broker.url, clientId: 'a', trusts: () => true }),
    await connectMqtt({ url: broker.url, clientId: 'b', trusts: () => true }),
  ];
  let count = 0;
  let finish = () => {};
  const all = new Promise<void>((resolve) => (finish = resolve));
  await b.subscribe('t', () => ++count === 200 && finish());
  const payload = Buffer.alloc(64 << 10);
  for (let i = 0; i < 200; i++) await a.publish('t', payload);
  await all;
  frozen.destroy();
  await a.close();
  await b.close();
  await broker.close();
});

test.run();
