/** `oneos acl`: with its files a broker of one's own keeps the machines of a cluster apart, and the cluster works as before. */
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Mosquitto, mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { natsAvailable, startNats } from '../support/nats.js';
import { bin, cleanEnvironment, run } from '../support/system.js';

const test = suite('broker rules');

/** What each broker is told of the files. */
const brokers = {
  mosquitto: {
    available: mosquittoAvailable,
    begin: startMosquitto,
    options: [],
    settings: (files: string) => `acl_file ${files}/mosquitto.acl\npassword_file ${files}/mosquitto.passwd`,
  },
  nats: {
    available: natsAvailable,
    begin: startNats,
    options: ['--nats'],
    settings: (files: string) => readFileSync(path.join(files, 'nats-users.conf'), 'utf8'),
  },
} as const;

interface Account {
  readonly username: string;
  readonly password: string;
}

/** A client with somebody's account that hears as much of `filters` as the broker lets it. */
async function listen(url: string, account: Account, filters: readonly string[]) {
  const client: MqttClient = await mqtt.connectAsync(url, { ...account, clientId: `spy-${account.username}` });
  const heard: string[] = [];
  client.on('message', (topic) => heard.push(topic));
  for (const filter of filters) await client.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
  return { client, heard };
}

for (const [name, { available, begin, options, settings }] of Object.entries(brokers)) {
  (available() ? test : test.skip)(`${name}: a machine hears and says what is its own`, async () => {
    const base = mkdtempSync(path.join(os.tmpdir(), 'onesh-acl-'));
    const broker: Mosquitto = await begin();
    const machines = ['pi1', 'pi2', 'pi3'];
    const home = (machine: string) => path.join(base, machine);
    const oneos = async (machine: string, ...args: string[]) => {
      const env = { ...cleanEnvironment(base), ONESH_HOME: home(machine) };
      const ended = await run([path.join(bin, 'oneos'), ...args], { env, cwd: base });
      assert.is(ended.status, 0, `${machine}: oneos ${args.join(' ')}: ${ended.stderr}`);
      return ended.stdout;
    };
    try {
      for (const machine of machines) mkdirSync(home(machine), { mode: 0o700 });
      await oneos('pi1', 'up', '-d', '--name', 'pi1', '--broker', broker.url);
      for (const machine of ['pi2', 'pi3']) {
        const [, , url, token] = (await oneos('pi1', 'token')).trim().split(' ');
        await oneos(machine, 'join', '-d', '--name', machine, url!, token!);
      }
      const files = path.join(base, 'files');
      await oneos('pi1', 'acl', ...options, files);
      const account = (who: string) => JSON.parse(readFileSync(path.join(files, `${who}.json`), 'utf8')) as Account;
      const before = account('pi2');
      await oneos('pi1', 'acl', ...options, files);
      assert.equal(account('pi2'), before, 'accounts are kept');
      for (const machine of [...machines].reverse()) await oneos(machine, 'down');
      for (const machine of machines)
        copyFileSync(path.join(files, `${machine}.json`), path.join(home(machine), 'broker.json'));
      assert.is(statSync(path.join(files, 'pi2.json')).mode & 0o777, 0o600);
      await broker.stop();
      await broker.configure(settings(files));
      await broker.start();
      for (const machine of machines) await oneos(machine, 'up', '-d');

      const env = { ...cleanEnvironment(base), ONESH_HOME: home('pi1') };
      const script = 'on pi2 echo over two machines | on pi3 tr a-z A-Z; echo $?';
      const ended = await run([path.join(bin, 'onesh'), '-c', script], { env, cwd: base });
      assert.is(ended.stdout, 'OVER TWO MACHINES\n0\n', ended.stderr);

      const cluster = /c-[0-9a-z]{16}/.exec(await oneos('pi1', 'status', '--json'))![0];
      const at = (topic: string) => `onesh/${cluster}/${topic}`;
      const foreign = ['sessions/pi3/s-1/inbox', 'agents/pi3/a-1/stdin', 'files/pi3/t-1', 'kernel/scheduler', 'join/x'];
      const spy = await listen(broker.url, account('pi2'), [
        '#',
        at('#'),
        ...foreign.map(at),
        at('agents/+/+/stdin'),
        at('sessions/+/+/inbox'),
        at('runtimes/+/inbox'),
        at('sessions/pi2/s-1/inbox'),
      ]);
      const friend = await listen(broker.url, account('pi3'), [
        at('runtimes/+/status'),
        at('boot'),
        at('sessions/pi3/s-1/inbox'),
        at('agents/pi3/#'),
      ]);
      // What pi3 may hear reaches it, and not pi2; the last is pi2's own, so that it is known when all before has passed.
      for (const topic of [...foreign, 'sessions/pi2/s-1/inbox'])
        await friend.client.publishAsync(at(topic), 'x', { qos: 1 });
      const until = async (who: typeof spy, topic: string) => {
        while (!who.heard.includes(at(topic))) await new Promise((resolve) => who.client.once('message', resolve));
      };
      await until(spy, 'sessions/pi2/s-1/inbox');
      const own = (topic: string) =>
        /\/(boot|runtimes\/\w+\/status|(sessions|agents|files)\/pi2\/.*|runtimes\/pi2\/inbox|sessions\/\w+\/[\w-]+\/status)$/.test(
          topic,
        );
      assert.equal(
        spy.heard.filter((topic) => !own(topic)),
        [],
      );
      await until(friend, 'sessions/pi3/s-1/inbox');
      await until(friend, 'agents/pi3/a-1/stdin');
      // pi2 speaks for another, for the name server, and then as it may.
      friend.heard.length = 0;
      for (const topic of [
        'runtimes/pi3/status',
        'boot',
        'join/x',
        'sessions/pi3/s-1/status',
        'sessions/pi3/s-1/inbox',
      ])
        await spy.client.publishAsync(at(topic), 'forged', { qos: 1 }).catch(() => undefined);
      await until(friend, 'sessions/pi3/s-1/inbox');
      assert.equal(
        friend.heard.filter((topic) => topic === at('runtimes/pi3/status') || topic === at('boot')),
        [],
      );
      for (const each of [spy, friend]) await each.client.endAsync(true);
      await expectRefused(broker.url, { username: 'pi2', password: 'wrong' });
      // NATS delivers over subjects that every one of these accounts may hear, but no MQTT client can ask for.
      if (broker.natsPort !== undefined)
        assert.match(await natsAnswer(broker.natsPort, account('pi2')), /^-ERR 'Authorization Violation'/m);
    } finally {
      for (const machine of [...machines].reverse())
        await run([path.join(bin, 'oneos'), 'down'], {
          env: { ...cleanEnvironment(base), ONESH_HOME: home(machine) },
          cwd: base,
        });
      await broker.close();
      rmSync(base, { recursive: true, force: true });
    }
  });
}

/** What a nats-server says to one that would hear every delivery to MQTT clients over its own protocol. */
async function natsAnswer(port: number, { username, password }: Account): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (data: Buffer) => (text += data));
  const login = JSON.stringify({ verbose: true, user: username, pass: password });
  socket.write(`CONNECT ${login}\r\nSUB $MQTT.sub.> 1\r\nPING\r\n`);
  const closed = once(socket, 'close');
  while (!/^(PONG|-ERR)/m.test(text)) await Promise.race([once(socket, 'data'), closed]);
  socket.destroy();
  return text;
}

async function expectRefused(url: string, account: Account): Promise<void> {
  const refused = await mqtt.connectAsync(url, { ...account, clientId: 'stranger', reconnectPeriod: 0 }).then(
    (client) => client.endAsync(true).then(() => false),
    () => true,
  );
  assert.ok(refused, 'a wrong password is refused');
}

test.run();
