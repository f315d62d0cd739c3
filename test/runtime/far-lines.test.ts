/** `onoff` on GPIO lines of another machine, named in every way. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Lab, makeLab, until } from './lab.js';

const test = suite('GPIO lines of another machine');
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-lines-'));
const line = (n: number): string => path.join(dir, `line${n}`);
const history = (n: number): string => (existsSync(line(n)) ? readFileSync(line(n), 'latin1') : '');
let lab: Lab;
test.before(async () => {
  const emulated = { driver: 'gpio', chip: 'emulated', dir };
  lab = await makeLab({
    home: [{ ...emulated, name: 'own', line: 2, direction: 'in' }],
    pi: [
      { ...emulated, name: 'button', line: 4, direction: 'in' },
      { ...emulated, name: 'led', line: 7, direction: 'out' },
      { name: 'clock', driver: 'simulated', intervalMs: 1000 },
    ],
  });
});
test.after(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

const run = async (text: string) => {
  const program = `const { Gpio } = require('onoff');\n${text}`;
  const file = path.join(lab.dir, 'gpio.js');
  writeFileSync(file, program);
  const agent = await lab.run('home', { kind: 'node', path: file, text: program }, [file]);
  await agent.stdin.end();
  return agent;
};
const out = async (text: string): Promise<string> => {
  const agent = await run(text);
  const [said, errors] = await Promise.all([agent.text(), agent.errors()]);
  await agent.exited;
  return said + errors;
};

for (const name of ['7', "'led'", "'/dev/led'", "'pi:7'", "'/net/pi/dev/led'"]) {
  test(`new Gpio(${name}, 'out') sets the line, and reads it`, async () => {
    const before = history(7).length;
    const text = `const led = new Gpio(${name}, 'out'); led.writeSync(1);
      console.log(led.readSync()); led.write(0).then(() => led.read()).then((v) => { console.log(v); led.unexport(); })`;
    assert.is(await out(text), '1\n0\n');
    await until(() => history(7).length === before + 2);
    assert.is(history(7).slice(before), '10');
  });
}

test('the level of an input, synchronously and not', async () => {
  for (const level of [1, 0]) {
    appendFileSync(line(4), String(level));
    const text = "const b = new Gpio('button', 'in'); console.log(b.readSync()); b.read((e, v) => console.log(e, v))";
    assert.is(await out(text), `${level}\nnull ${level}\n`);
  }
});

test('a watch sees every edge, in order, and ends with the program', async () => {
  appendFileSync(line(4), '0');
  const agent = await run(`const button = new Gpio(4, 'in', 'both'); const seen = [];
    button.watch((error, level) => { seen.push(level); if (seen.length === 500) { console.log(seen.join('')); button.unwatchAll(); } });
    console.log('watching');`);
  let said = '';
  const more = async (): Promise<boolean> => {
    const chunk = await agent.stdout.read();
    if (chunk !== undefined) said += Buffer.from(chunk);
    return chunk !== undefined;
  };
  while (!said.includes('watching\n')) assert.ok(await more());
  appendFileSync(line(4), '10'.repeat(250));
  while (await more());
  assert.is(said, `watching\n${'10'.repeat(250)}\n`);
  assert.is((await agent.exited).status, 0);
});

const failures = [
  { text: "new Gpio('none', 'out')", want: /ENODEV/ },
  { text: "new Gpio('pi:9', 'out')", want: /ENODEV/ },
  { text: "new Gpio('elsewhere:7', 'out')", want: /ENODEV/ },
  { text: "new Gpio(99, 'in')", want: /ENODEV/ },
  { text: "new Gpio('clock', 'in')", want: /no GPIO line.*EINVAL/ },
  { text: "new Gpio('led', 'in')", want: /is an output.*EINVAL/ },
  { text: "new Gpio('button', 'in').writeSync(1)", want: /EPERM/ },
];
for (const { text, want } of failures)
  test(`${text} fails`, async () => {
    assert.match((await out(text)).replaceAll('\n', ' '), want);
  });

test('of two lines that fit, the own machine’s comes first', async () => {
  appendFileSync(line(2), '1');
  assert.is(await out("console.log(new Gpio(2, 'in').readSync(), Gpio.accessible)"), '1 true\n');
});

test.run();
