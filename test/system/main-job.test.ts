/** The main job on the embedded default: no broker, no daemon, no configuration but the devices'. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, cleanEnvironment, start, until } from '../support/system.js';

const test = suite('main job');
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-main-'));
const env = cleanEnvironment(dir);
test.after(() => rmSync(dir, { recursive: true, force: true }));

const startSh = (script: string, group = false) =>
  start([path.join(bin, 'onesh'), '-c', script], { cwd: dir, env, group });
const sh = (script: string) => startSh(script).ended;
const file = (name: string) => readFileSync(path.join(dir, name), 'utf8');
/** What of `file` is there already. */
const sofar = (name: string) => {
  try {
    return file(name);
  } catch {
    return '';
  }
};
const readings = /^(\d+\.\d\d\n)+$/;

test('five readings of the default sensor in a file', async () => {
  const { status, stdout, stderr } = await sh('cat /dev/sensor1 | head -n 5 > s.log; wc -l < s.log');
  assert.equal({ status, stdout: stdout.trim(), stderr }, { status: 0, stdout: '5', stderr: '' });
  assert.match(file('s.log'), readings);
});

test('cat of a device into a file goes on until Ctrl-C, and what was written stays', async () => {
  const shell = startSh('cat /dev/sensor1 > on.log', true);
  await until(() => sofar('on.log').split('\n').length > 3, 'three readings');
  process.kill(-shell.pid, 'SIGINT');
  const { status, signal, stderr } = await shell.ended;
  assert.ok(status === 130 || signal === 'SIGINT', `${status} ${signal}`);
  assert.is(stderr, '');
  assert.match(file('on.log'), readings);
});

test('devices as the configuration declares them: one that ends, a file, a command', async () => {
  mkdirSync(env.ONESH_HOME!, { recursive: true });
  writeFileSync(path.join(dir, 'plain.txt'), 'a line\n');
  const devices = [
    { name: 'short', driver: 'simulated', intervalMs: 1, count: 7 },
    { name: 'notes', driver: 'file', path: path.join(dir, 'plain.txt') },
    { name: 'clock', driver: 'command', argv: ['echo', 'tick'] },
    { name: 'button', driver: 'gpio', line: 4, direction: 'in', chip: 'emulated', dir: path.join(dir, 'gpio') },
  ];
  writeFileSync(path.join(env.ONESH_HOME!, 'runtime.json'), JSON.stringify({ devices }));
  const { status, stdout, stderr } = await sh(
    'cat /dev/short > short.log; echo $?; wc -l < short.log; cat /dev/notes /dev/clock; read x < /dev/button; echo "$x"',
  );
  assert.is(stderr, '');
  assert.equal(stdout.replace(/ +/g, '').split('\n'), ['0', '7', 'aline', 'tick', '0', '']);
  assert.is(status, 0);
});

const wrong: readonly { script: string; status: number; stderr: RegExp; config?: string }[] = [
  { script: 'cat /dev/nosuch', status: 1, stderr: /^cat: .?\/dev\/nosuch.?: No such file or directory\n$/ },
  { script: 'cat < /dev/nosuch', status: 2, stderr: /^onesh: line 1: .*\/dev\/nosuch: No such file or directory\n$/ },
  { script: 'echo 1 > /dev/sensor1', status: 2, stderr: /^onesh: line 1: .*\/dev\/sensor1: .*cannot be written\n$/ },
  { script: 'on far true', status: 126, stderr: /^onesh: line 1: on far true: no runtime far \(runtimes: .*\)\n$/ },
  {
    script: 'cat /dev/sensor1',
    config: '{ "devices": [{ "name": "sensor1", "driver": "gpio" }] }',
    status: 126,
    stderr: /^onesh: line 1: .*runtime\.json: devices\.0\.line: .*\n$/,
  },
  {
    script: 'cat /dev/sensor1',
    config: '{ "devices": [{ "name": "a/b", "driver": "simulated" }, { "name": "sensor1", "driver": "simulated" }] }',
    status: 126,
    stderr: /^onesh: line 1: .*runtime\.json: devices\.0\.name: .*\n$/,
  },
];
for (const { script, status: want, stderr: said, config } of wrong) {
  test(`bad input: ${script}${config === undefined ? '' : ` with ${config}`}`, async () => {
    const configFile = path.join(env.ONESH_HOME!, 'runtime.json');
    mkdirSync(env.ONESH_HOME!, { recursive: true });
    if (config === undefined) rmSync(configFile, { force: true });
    else writeFileSync(configFile, config);
    const { status, stderr, stdout } = await sh(script);
    assert.match(stderr, said);
    assert.is(status, want);
    assert.is(stdout, '');
  });
}

test.run();
