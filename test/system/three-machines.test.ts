/** The paper's programs on three runtimes joined by a real Mosquitto: three processes, no program changed. */
import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bus } from '../../src/bus/bus.js';
import { connectMqtt } from '../../src/bus/mqtt.js';
import { type Mosquitto, mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { isRunning, root, startCluster, type TestCluster, until } from '../support/system.js';

const test = suite('three machines');
let mosquitto: Mosquitto;
let cluster: TestCluster;

let watcher: Bus | undefined;
test.before(async () => {
  mosquitto = await startMosquitto();
  cluster = await startCluster(3, mosquitto.url);
  cpSync(path.join(root, 'examples/programs'), cluster.dir, { recursive: true });
});
test.after(async () => {
  await watcher?.close();
  await cluster.close();
  await mosquitto.close();
});

const line = (n: number) => path.join(cluster.gpio, `line${n}`);
const history = (n: number) => (existsSync(line(n)) ? readFileSync(line(n), 'latin1') : '');
let level = 0;
const toggle = () => {
  level = 1 - level;
  appendFileSync(line(4), String(level));
};

/** Toggles line 4 until `done`: nothing tells from outside when a program begins to watch. */
async function toggleUntil(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const timer = setInterval(toggle, 20);
  try {
    await until(done, what);
  } finally {
    clearInterval(timer);
  }
}

const pidsOf = async () => (await cluster.status()).jobs.flatMap((job) => job.agents.map((agent) => agent.pid!));

test('sensor, controller and actuator: an edge of line 4 of pi2 sets line 7 of pi3; Ctrl-C ends all of it', async () => {
  const shell = cluster.startSh('./sensor.js | on pi1 ./controller.js | ./actuator.js', { group: true });
  await toggleUntil(() => history(7).includes('1'), 'the lamp is lit');
  const { jobs } = await cluster.status();
  assert.equal(
    jobs.flatMap((job) => job.agents.map(({ text, runtime, state }) => ({ text, runtime, state }))),
    [
      { text: './sensor.js', runtime: 'pi2', state: 'running' },
      { text: 'on pi1 ./controller.js', runtime: 'pi1', state: 'running' },
      { text: './actuator.js', runtime: 'pi3', state: 'running' },
    ],
  );
  const pids = await pidsOf();
  assert.is(new Set(pids).size, 3);
  assert.ok(pids.every(isRunning));
  // As the terminal sends it: to the whole foreground process group.
  process.kill(-shell.pid, 'SIGINT');
  const { status, signal } = await shell.ended;
  assert.ok(status === 130 || signal === 'SIGINT', `${status} ${signal}`);
  await until(() => !pids.some(isRunning), 'no orphan is left');
  await until(async () => (await cluster.status()).jobs.length === 0, 'the job table is empty');
});

test('kill %1 ends a background job on every machine', async () => {
  const lit = history(7).length;
  const shell = cluster.startSh(
    './sensor.js | ./controller.js | ./actuator.js & read go; jobs; kill %1; wait %1; echo "status $?"',
    { input: null },
  );
  await toggleUntil(() => history(7).length > lit, 'the lamp is set');
  const pids = await pidsOf();
  assert.is(pids.length, 3);
  shell.child.stdin!.end('go\n');
  const { status, stdout, stderr } = await shell.ended;
  assert.is(stderr, '');
  assert.match(stdout, /^\[1\] \+ Running +\.\/sensor\.js \| \.\/controller\.js \| \.\/actuator\.js\nstatus 143\n$/);
  assert.is(status, 0);
  await until(() => !pids.some(isRunning), 'no orphan is left');
});

/** True once a runtime watches line 4: it has the line's file open. */
function isWatched(pid: number): boolean {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).some((fd) => {
    try {
      return readlinkSync(path.join(directory, fd)) === line(4);
    } catch {
      return false; // closed since
    }
  });
}

test('1 000 edges of line 4 of pi2 reach a file of the home runtime, none lost and in order', async () => {
  const pi2 = cluster.pidOf(2);
  await until(() => !isWatched(pi2), 'the programs of the tests before have let go of the line');
  const shell = cluster.startSh('./sensor.js | on pi3 ./logger.js edges.log', { group: true });
  const log = path.join(cluster.dir, 'edges.log');
  const logged = () => (existsSync(log) ? readFileSync(log) : Buffer.alloc(0));
  await until(() => isWatched(pi2), 'the sensor watches');
  const sent: number[] = [];
  for (let i = 0; i < 1000; i++) {
    toggle();
    sent.push(level);
  }
  await until(() => logged().length >= sent.length, 'every edge is logged');
  assert.equal([...logged()], sent);
  process.kill(-shell.pid, 'SIGINT');
  await shell.ended;
});

test('both spellings of the GPIO class work', async () => {
  for (const name of ['Gpio', 'GPIO']) {
    const text = `#!/usr/bin/env node\nconst { ${name} } = require('onoff'); new ${name}(7, 'out').writeSync(1);\n`;
    writeFileSync(path.join(cluster.dir, 'set.js'), text, { mode: 0o755 });
    const before = history(7).length;
    const { status, stderr } = await cluster.sh('./set.js');
    assert.is(stderr, '');
    assert.is(status, 0);
    assert.is(history(7).length, before + 1);
  }
});

test('presence is a retained message, and a last will when the runtime dies; what its agents wrote before stays', async () => {
  watcher = await connectMqtt({ url: mosquitto.url, clientId: 'watcher' });
  const first = new Map<string, { state: string; retained: boolean }>();
  const last = new Map<string, string>();
  await watcher.subscribe('onesh/+/runtimes/+/status', ({ topic, payload, retained }) => {
    const { body } = JSON.parse(Buffer.from(payload).toString()) as { body: { state: string } };
    const name = topic.split('/')[3]!;
    // A runtime repeats its presence now and then: only what the broker keeps comes marked as retained, and comes first.
    if (!first.has(name)) first.set(name, { state: body.state, retained });
    last.set(name, body.state);
  });
  await until(() => first.size === 3, 'three births are retained');
  assert.equal([...first.values()], Array(3).fill({ state: 'online', retained: true }));
  const shell = cluster.startSh('cat /dev/sensor3 > before.log; echo "status $?"; wc -l < before.log');
  const log = path.join(cluster.dir, 'before.log');
  await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('\n'), 'a reading is written');
  process.kill(cluster.pidOf(3), 'SIGKILL');
  const { stdout, stderr } = await shell.ended;
  assert.is(stderr, 'onesh: line 1: cat /dev/sensor3: runtime pi3 lost\n');
  assert.match(stdout, /^status 255\n[1-9]\d*\n$/);
  assert.match(readFileSync(log, 'utf8'), /^(\d+\.\d\d\n)+$/);
  await until(() => last.get('pi3') === 'offline', 'its will is told');
});

test('a broker that cannot be reached is one line, and nothing hangs', async () => {
  const shell = cluster.startSh('on pi2 sleep 1000; echo never', { group: true });
  await until(async () => (await pidsOf()).length === 1, 'it runs');
  await mosquitto.stop();
  // Its machine cannot be told to end it, and Ctrl-C ends the wait all the same.
  process.kill(-shell.pid, 'SIGINT');
  const interrupted = await shell.ended;
  assert.is(interrupted.signal ?? interrupted.status, 'SIGINT');
  // A broker that is stopped may still tell the last wills of those it cuts off.
  assert.match(
    interrupted.stderr,
    /^onesh: line 1: on pi2 sleep 1000: (pi2 has not answered agent\.signal .* \(the broker cannot be reached\)|runtime pi2 lost)\n$/,
    interrupted.stderr,
  );
  assert.is(interrupted.stdout, '');
  const { status, stdout, stderr } = await cluster.sh('echo before; cat /dev/sensor2; echo "status $?"; true');
  assert.is(stdout, 'before\nstatus 126\n');
  assert.match(stderr, /^onesh: line 1: cannot reach broker mqtt:\/\/127\.0\.0\.1:\d+: connection refused\n$/);
  assert.is(status, 0);
});

if (mosquittoAvailable()) test.run();
