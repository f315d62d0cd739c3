/** A process that has waited for its program is that program, as if it had been started for it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WaitingProcess } from '../../src/runtime/waiting.js';
import type { Program } from '../../src/wire/graph.js';
import { end, type Lab, makeLab, type RunOptions, readText, sessionEnd, until } from './lab.js';

/** Processes of this one's that wait. */
function waiting(contextFile: string): number[] {
  const found = readdirSync('/proc').filter((name) => {
    try {
      const [, , file, what] = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0');
      return file === contextFile && what?.trim() === 'waiting';
    } catch {
      return false;
    }
  });
  return found.map(Number);
}

const always = suite('processes that wait');
let lab: Lab;
always.before(async () => {
  lab = await makeLab({ home: [], pi: [] }, 'always');
  mkdirSync(path.join(lab.dir, 'work'));
});
always.after(() => lab.close());

const write = (name: string, text: string): Extract<Program, { kind: 'node' }> => {
  const file = path.join(lab.dir, name);
  writeFileSync(file, text);
  return { kind: 'node', path: file, text };
};

/** What a program sees of its start, as JSON. */
const seen = `
const { readFileSync } = require('fs');
const umask = process.umask();
console.log(JSON.stringify({
  argv: process.argv.slice(1), execArgv: process.execArgv, cwd: process.cwd(), umask, env: process.env,
  main: require.main === module, cached: Object.keys(require.cache), input: readFileSync(0, 'utf8'),
  command: readFileSync('/proc/self/cmdline', 'latin1').split('\\0')[0], environ: readFileSync('/proc/self/environ', 'latin1'),
}));
process.exitCode = 7;`;

const run = async (where: string, text: string, options: RunOptions = {}, argv: readonly string[] = []) => {
  const program = write('seen.js', text);
  const agent = await lab.run(where, program, [program.path, ...argv], options);
  await agent.stdin.write(Buffer.from('input'));
  await agent.stdin.end();
  const [out, errors, report] = await Promise.all([agent.text(), agent.errors(), agent.exited]);
  return { out, errors, report, path: program.path };
};

for (const where of ['home', 'pi']) {
  always(`on ${where}: arguments, environment, directory, mask, input, status`, async () => {
    const cwd = path.join(lab.dir, 'work');
    const environment = { SECRET: 'one', LANG: 'C.UTF-8' };
    const {
      out,
      errors,
      report,
      path: file,
    } = await run(where, seen, { cwd, umask: 0o027, environment }, ['a', 'b c']);
    assert.is(errors, '');
    assert.is(report.status, 7);
    const found = JSON.parse(out) as Record<string, unknown> & { readonly env: Record<string, string> };
    const { ONESH_AGENT, ONESH_RUNTIME, TRACEPARENT, PATH, ...env } = found.env;
    assert.equal(env, environment);
    assert.is(ONESH_RUNTIME, where);
    assert.ok(ONESH_AGENT && TRACEPARENT && PATH);
    assert.equal(found.argv, [file, 'a', 'b c']);
    assert.equal(found.execArgv, []);
    assert.is(found.cwd, cwd);
    assert.is(found.umask, 0o027);
    assert.is(found.input, 'input');
    assert.is(found.main, true);
    assert.equal(found.cached, [file]);
    // It has waited, it shows as what it is, and what it was made with tells nothing of others.
    assert.is(found.command, `${process.execPath} ${file} a b c`);
    assert.not.match(String(found.environ), /SECRET|ONESH_AGENT/);
  });
}

always('an error names the lines of the program', async () => {
  const { errors, report } = await run('pi', "\nthrow new Error('wrong')");
  assert.is(report.status, 1);
  assert.match(errors, /seen\.js:2\n/);
  assert.match(errors, /Error: wrong/);
});

always('what Node.js reads at its start makes it a fresh process', async () => {
  const { out } = await run('pi', seen, { environment: { NODE_OPTIONS: '--no-warnings' } });
  assert.is((JSON.parse(out) as { command: string }).command, process.execPath);
});

always('a pipeline on one machine', async () => {
  const upper = write('upper.js', "process.stdin.on('data', (d) => process.stdout.write(String(d).toUpperCase()))");
  const twice = write('twice.js', "process.stdin.on('data', (d) => process.stdout.write(`${d}${d}`))");
  const [a, b] = [upper, twice].map((program) => lab.makeAgent(program, [program.path]));
  const agents = [a!, b!].map((agent) => ({ agent, runtime: 'pi' }));
  const { writers, readers } = await lab.spawn(agents, [
    [sessionEnd, end(a!, 0)],
    [end(a!, 1), end(b!, 0)],
    [end(b!, 1), sessionEnd],
  ]);
  await writers.get(0)!.write(Buffer.from('ab'));
  await writers.get(0)!.end();
  assert.is(await readText(readers.get(2)!), 'ABAB');
  assert.is((await lab.exited(a!.id)).status, 0);
  assert.is((await lab.exited(b!.id)).status, 0);
});

always('a signal ends it', async () => {
  const program = write('sleeper.js', "console.log('up'); setInterval(() => {}, 1000)");
  const agent = await lab.run('pi', program, [program.path]);
  assert.is(Buffer.from((await agent.stdout.read())!).toString(), 'up\n');
  await agent.signal('SIGTERM');
  assert.is((await agent.exited).signal, 'SIGTERM');
});

always('its end is known whenever it is asked for, also before anybody has heard that it has begun', async () => {
  const { path: program } = write('over.js', 'process.exitCode = 5');
  const process_ = new WaitingProcess(lab.contextFile, {}, () => {});
  const directory = path.join(lab.dir, 'over');
  const description = { ...process_.ends, home: 'pi', runtime: 'pi', agent: 'a', program, loads: false, cwd: lab.dir };
  const more = { inCwd: true, directory, devices: {}, gpio: false, confined: false };
  const stdio = ['/dev/null', '/dev/null', '/dev/null'];
  const order = { args: [], environment: {}, directory: lab.dir, umask: 0, stdio };
  const gone = new Promise((resolve) => process_.child.once('exit', resolve));
  assert.is(await process_.become({ ...order, description: { ...description, ...more } }), true);
  await gone;
  assert.equal(await process_.exited, [5, null]);
  process_.calls.close();
});

const lately = suite('processes that wait for the next program');

lately('one is there after a program was started, is taken by the next, and none outlives its runtime', async () => {
  const own = await makeLab({ home: [], pi: [] }, 'lately');
  try {
    const file = path.join(own.dir, 'pid.js');
    const text = 'console.log(process.pid)';
    writeFileSync(file, text);
    const pid = async (): Promise<number> => {
      const agent = await own.run('pi', { kind: 'node', path: file, text }, [file]);
      return Number(await agent.text());
    };
    assert.equal(waiting(own.contextFile), []);
    await pid();
    await until(() => waiting(own.contextFile).length === 1);
    const [next] = waiting(own.contextFile);
    assert.is(await pid(), next);
    await until(() => waiting(own.contextFile).length === 1);
    // One that is killed meanwhile is not missed.
    process.kill(waiting(own.contextFile)[0]!, 'SIGKILL');
    assert.ok((await pid()) > 0);
    await until(() => waiting(own.contextFile).length === 1);
  } finally {
    await own.close();
  }
  await until(() => waiting(own.contextFile).length === 0);
});

always.run();
lately.run();
