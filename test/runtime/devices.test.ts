/** Every device driver: what a reader gets, what a writer does, what a slow reader costs, what a wrong configuration says. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryHub } from '../../src/bus/memory.js';
import { setModuleRoot } from '../../src/host/modules.js';
import { type DeviceConfig, parseDevices } from '../../src/runtime/devices/config.js';
import { Devices } from '../../src/runtime/devices/devices.js';
import { forgetLibgpiod } from '../../src/runtime/devices/gpio-hardware.js';
import type { StreamReader } from '../../src/stream/stream.js';
import { root, until } from './lab.js';

setModuleRoot(path.join(root, 'package.json'));
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-devices-'));
const at = (name: string) => path.join(dir, name);
const hub = new MemoryHub();
const bus = hub.connect();
const open: Devices[] = [];
const make = (...list: object[]): Devices => {
  const devices = new Devices(parseDevices(list), bus);
  open.push(devices);
  return devices;
};
const text = (chunk: Uint8Array | undefined): string | undefined =>
  chunk === undefined ? undefined : Buffer.from(chunk).toString();
async function readAll(reader: StreamReader): Promise<string> {
  let all = '';
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) all += text(chunk);
  return all;
}
/** Reads until `count` lines are there. */
async function readLines(reader: StreamReader, count: number): Promise<string> {
  let all = '';
  while (all.split('\n').length <= count) all += text(await reader.read());
  return all;
}

const test = suite('devices');
test.after(() => {
  for (const devices of open) devices.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a simulated sensor: as many readings as it is said to have, the same every time', async () => {
  for (const wave of ['sine', 'square', 'saw', 'noise']) {
    const config = { name: 's', driver: 'simulated', intervalMs: 1, count: 20, seed: 3, wave };
    const first = await readAll(await make(config).openRead('s'));
    assert.match(first, /^(\d+\.\d\d\n){20}$/);
    assert.is(await readAll(await make(config).openRead('s')), first);
  }
});

test('a simulated sensor cannot be written', async () => {
  const error = await make({ name: 's', driver: 'simulated' })
    .openWrite('s')
    .catch((e) => e);
  assert.is(error.code, 'EACCES');
});

test('two readers share one source: neither reads it twice', async () => {
  writeFileSync(at('count'), '');
  const argv = ['sh', '-c', `echo run >> ${at('count')}; echo hello; exec sleep 1000`];
  const devices = make({ name: 'cmd', driver: 'command', argv });
  const [a, b] = await Promise.all([devices.openRead('cmd'), devices.openRead('cmd')]);
  assert.is(text(await a.read()), 'hello\n');
  assert.is(text(await b.read()), 'hello\n');
  assert.is(readFileSync(at('count'), 'utf8'), 'run\n');
  a.cancel();
  b.cancel();
});

test('a command that cannot be started is an error of its readers', async () => {
  const reader = await make({ name: 'c', driver: 'command', argv: [at('nosuch')] }).openRead('c');
  const error = await reader.read().catch((e) => e);
  assert.is(error.code, 'ENOENT');
});

test('what is written to a command is its standard input', async () => {
  const devices = make({ name: 'c', driver: 'command', argv: ['sh', '-c', `tr a-z A-Z > ${at('upper')}`] });
  const writer = await devices.openWrite('c');
  await writer.write(Buffer.from('shout\n'));
  await writer.end();
  assert.is(readFileSync(at('upper'), 'utf8'), 'SHOUT\n');
});

test('a file is read from its start by each reader, and appended to', async () => {
  writeFileSync(at('file'), 'one\n');
  const devices = make({ name: 'f', driver: 'file', path: at('file') });
  assert.is(await readAll(await devices.openRead('f')), 'one\n');
  const writer = await devices.openWrite('f');
  await writer.write(Buffer.from('two\n'));
  await writer.end();
  assert.is(await readAll(await devices.openRead('f')), 'one\ntwo\n');
});

test('a file that is followed gives what is appended from then on, across a truncation', async () => {
  writeFileSync(at('log'), 'old\n');
  const reader = await make({ name: 'f', driver: 'file', path: at('log'), follow: true }).openRead('f');
  appendFileSync(at('log'), 'new\n');
  assert.is(await readLines(reader, 1), 'new\n');
  writeFileSync(at('log'), 'x\n');
  assert.is(await readLines(reader, 1), 'x\n');
  reader.cancel();
});

test('a topic: each message a line, each line a message', async () => {
  const devices = make({ name: 'm', driver: 'mqtt', topic: 'house/power' });
  const reader = await devices.openRead('m');
  const got: string[] = [];
  await bus.subscribe('house/power', ({ payload }) => got.push(Buffer.from(payload).toString()));
  const writer = await devices.openWrite('m');
  await writer.write(Buffer.from('230\n23'));
  await writer.write(Buffer.from('1\nlast'));
  await writer.end();
  assert.is(await readLines(reader, 3), '230\n231\nlast\n');
  assert.equal(got, ['230', '231', 'last']);
  reader.cancel();
});

test('an emulated line: its level, then every edge; setting it again is no edge', async () => {
  const devices = make(
    { name: 'in', driver: 'gpio', line: 4, direction: 'in', chip: 'emulated', dir: at('gpio') },
    { name: 'out', driver: 'gpio', line: 7, direction: 'out', chip: 'emulated', dir: at('gpio') },
  );
  const reader = await devices.openRead('in');
  assert.is(text(await reader.read()), '0\n');
  appendFileSync(at('gpio/line4'), '1101');
  assert.is(await readLines(reader, 3), '1\n0\n1\n');
  reader.cancel();
  const writer = await devices.openWrite('out');
  await writer.write(Buffer.from('1\n'));
  await writer.end();
  assert.is(readFileSync(at('gpio/line7'), 'utf8'), '1');
  assert.is(text(await (await devices.openRead('out')).read()), '1\n');
  assert.is((await devices.openWrite('in').catch((e) => e)).code, 'EACCES');
});

test('a reader that falls behind holds the source back, or loses its oldest readings', async () => {
  const devices = make(
    { name: 'block', driver: 'simulated', intervalMs: 1, count: 3000, policy: 'block' },
    { name: 'drop', driver: 'simulated', intervalMs: 1, count: 3000, policy: 'drop-oldest' },
  );
  const [blocked, dropped] = [await devices.openRead('block'), await devices.openRead('drop')];
  // The other readers of the same devices tell how far the sources have come.
  const pace = await devices.openRead('drop');
  const all = await readAll(pace);
  assert.is(all.split('\n').length, 3001);
  const late = await readAll(dropped);
  assert.ok(late.length < all.length && all.endsWith(late), 'the newest readings are kept');
  const whole = await readAll(blocked);
  assert.is(whole.split('\n').length, 3001);
});

/**
 * Stand-ins for libgpiod's tools, which need real chips: a line is a file of levels, as for the emulated chip. They take the
 * options of the named major version and no others.
 */
function libgpiodTools(version: 1 | 2): string {
  const bin = at(`bin${version}`);
  mkdirSync(bin);
  const tool = (name: string, script: string) => {
    writeFileSync(path.join(bin, name), `#!/bin/sh\nexec 2>>${at('tools.log')}\n${script}\n`);
    chmodSync(path.join(bin, name), 0o755);
  };
  const chip = version === 1 ? 'gpiochip0' : '-c gpiochip0';
  const refuse = 'echo "wrong options: $0 $*" >&2; exit 1';
  tool(
    'gpioget',
    `[ "$1" = --version ] && { echo 'gpioget (libgpiod) v${version}.6.3'; exit; }
[ "$*" = '${version === 2 ? '--numeric ' : ''}${chip} 4' ] || { ${refuse}; }
tail -c 1 ${at('chip')}/line4`,
  );
  tool(
    'gpiomon',
    `[ "$*" = '${version === 1 ? '--line-buffered ' : ''}--format=%e ${chip} 4' ] || { ${refuse}; }
from=$(($(wc -c < ${at('chip')}/line4) + 1))
: > ${at('chip')}/watched
exec tail -c "+$from" -f ${at('chip')}/line4`,
  );
  tool(
    'gpioset',
    `case "$*" in
  '${version === 1 ? '--mode=exit' : '--toggle=0'} ${chip} 7='[01]) printf %s "\${*##*=}" >> ${at('chip')}/line7 ;;
  '${version === 1 ? '--mode=signal ' : ''}${chip} 7='[01]) exec sleep 1000 ;;
  *) ${refuse} ;;
esac`,
  );
  return bin;
}

for (const version of [1, 2] as const) {
  test(`libgpiod ${version}: levels, edges, and an output that is held`, async () => {
    const before = process.env.PATH;
    process.env.PATH = `${libgpiodTools(version)}:${before}`;
    forgetLibgpiod();
    mkdirSync(at('chip'));
    writeFileSync(at('chip/line4'), '1');
    writeFileSync(at('chip/line7'), '');
    try {
      const devices = make(
        { name: 'in', driver: 'gpio', line: 4, direction: 'in', chip: 'libgpiod' },
        { name: 'out', driver: 'gpio', line: 7, direction: 'out', chip: 'libgpiod' },
      );
      const reader = await devices.openRead('in');
      assert.is(text(await reader.read()), '1\n');
      await until(() => existsSync(at('chip/watched')));
      appendFileSync(at('chip/line4'), version === 1 ? '01' : '21');
      assert.is(await readLines(reader, 2), '0\n1\n');
      reader.cancel();
      const writer = await devices.openWrite('out');
      await writer.write(Buffer.from('1\n0\n1\n'));
      await writer.end();
      await until(() => readFileSync(at('chip/line7'), 'utf8') === '101');
      assert.is(existsSync(at('tools.log')) ? readFileSync(at('tools.log'), 'utf8') : '', '');
      devices.close();
    } finally {
      process.env.PATH = before;
      forgetLibgpiod();
      rmSync(at('chip'), { recursive: true });
    }
  });
}

test('auto without any way to a line says what there could be', () => {
  const before = process.env.PATH;
  process.env.PATH = at('nothing');
  forgetLibgpiod();
  try {
    const devices = make({ name: 'in', driver: 'gpio', line: 4, direction: 'in' });
    assert.throws(() => devices.line(4), /no way to it here.*libgpiod.*emulated/);
  } finally {
    process.env.PATH = before;
    forgetLibgpiod();
  }
});

const wrong: readonly { list: unknown; want: RegExp }[] = [
  { list: 'x', want: /^devices: / },
  { list: [{ name: 'a' }], want: /^devices\.0\.driver: / },
  { list: [{ name: 'a', driver: 'nosuch' }], want: /^devices\.0\.driver: / },
  { list: [{ name: 'a/b', driver: 'simulated' }], want: /^devices\.0\.name: must be / },
  { list: [{ name: '..', driver: 'simulated' }], want: /^devices\.0\.name: must be / },
  { list: [{ name: 'null', driver: 'simulated' }], want: /^devices\.0\.name: is the name of a host device/ },
  { list: [{ name: 'a', driver: 'simulated', typo: 1 }], want: /^devices\.0\.typo: / },
  { list: [{ name: 'a', driver: 'file', path: 'relative' }], want: /^devices\.0\.path: must be an absolute path/ },
  { list: [{ name: 'a', driver: 'gpio', line: 4 }], want: /^devices\.0\.direction: / },
  {
    list: [{ name: 'a', driver: 'gpio', line: 4, direction: 'in', chip: 'emulated' }],
    want: /^devices\.0\.dir: is needed/,
  },
  {
    list: [
      { name: 'a', driver: 'simulated' },
      { name: 'a', driver: 'simulated' },
    ],
    want: /^devices: two devices have the same name/,
  },
];
for (const { list, want } of wrong) {
  test(`refused: ${JSON.stringify(list)}`, () => {
    let message = '';
    try {
      parseDevices(list);
    } catch (error) {
      message = (error as Error).message;
    }
    assert.match(message, want);
  });
}

test('a device that is not there', async () => {
  const devices = make();
  assert.is((await devices.openRead('x').catch((e) => e)).code, 'ENODEV');
  const none: readonly DeviceConfig[] = parseDevices([]);
  assert.is(none.length, 0);
});

test.run();
