/** An interactive session of a cluster, on a terminal: jobs on several machines, and the keys that act on them. */
import { cpSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, isRunning, root, startCluster, type TestCluster, until } from '../support/system.js';
import { openTerminal, type Terminal, terminalAvailable } from '../support/terminal.js';

const test = suite('interactive cluster');
let cluster: TestCluster;
let terminal: Terminal;

test.before(async () => {
  cluster = await startCluster(3);
  cpSync(path.join(root, 'examples/programs'), cluster.dir, { recursive: true });
  terminal = openTerminal([path.join(bin, 'onesh')], { cwd: cluster.dir, env: { ...cluster.env, PS1: '> ' } });
  await terminal.shows(/^>$/);
});
test.after(async () => {
  terminal.close();
  await cluster.close();
});

const enter = (text: string) => {
  terminal.type(text);
  terminal.press('Enter');
};
const pids = async () => (await cluster.status()).jobs.flatMap((job) => job.agents.map((agent) => agent.pid!));

test('a background job is in the panel, each stage with its machine and state', async () => {
  enter('./sensor.js | ./controller.js | ./actuator.js &');
  await terminal.shows(/\[1\] Running \.\/sensor\.js \| \.\/controller\.js \| \.\/actuator\.js/);
  await terminal.shows(/● \.\/sensor\.js · pi2.*● \.\/controller\.js · pi2.*● \.\/actuator\.js · pi3/s);
});

test('fg, Ctrl-Z, bg, kill: on every machine', async () => {
  const before = await pids();
  assert.is(before.length, 3);
  enter('fg');
  await until(async () => /fg\n\.\/sensor\.js/.test(terminal.screen()), 'it is in the foreground');
  terminal.press('C-z');
  await terminal.shows(/\[1\]\+ Stopped/);
  await terminal.shows(/◌ \.\/sensor\.js · pi2.*◌ \.\/actuator\.js · pi3/s);
  enter('bg');
  await terminal.shows(/● \.\/sensor\.js · pi2.*● \.\/actuator\.js · pi3/s);
  enter('kill %1');
  await until(() => !before.some(isRunning), 'none of it is left');
  // It is told before a prompt: the one after kill where it ended at once, else the next once the shell knows, as its panel says.
  await terminal.shows(/\[1\] (\+ )?Terminated/);
  enter('');
  await terminal.shows(/\[1\] \+ Terminated/);
});

test('what is typed is the foreground program’s input, wherever it runs; Ctrl-D ends it', async () => {
  enter('clear; on pi2 cat | tr a-z A-Z');
  await until(async () => (await pids()).length === 1, 'cat runs');
  enter('hello there');
  await terminal.shows(/^HELLO THERE$/m);
  terminal.press('C-d');
  await until(async () => (await pids()).length === 0, 'cat has ended');
  await terminal.shows(/HELLO THERE\n>$/);
});

test('Ctrl-C ends a foreground job everywhere, and the session goes on', async () => {
  enter('clear; on pi3 sleep 1000 | on pi2 cat');
  await until(async () => (await pids()).length === 2, 'both run');
  const running = await pids();
  terminal.press('C-c');
  await until(() => !running.some(isRunning), 'neither is left');
  enter('echo status $?');
  await terminal.shows(/^status 130$/m);
});

test('a terminal that is closed leaves nothing on any machine', async () => {
  enter('on pi3 sleep 1000 &');
  await until(async () => (await pids()).length === 1, 'it runs');
  const running = await pids();
  terminal.close();
  await until(() => !running.some(isRunning), 'it has ended');
});

if (terminalAvailable()) test.run();
