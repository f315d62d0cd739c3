/** The interactive session on a real terminal: keys are pressed, the screen is read. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, cleanEnvironment, isRunning, root, run, until } from '../support/system.js';
import { openTerminal, type Terminal, terminalAvailable } from '../support/terminal.js';

const home = mkdtempSync(path.join(os.tmpdir(), 'onesh-interactive-'));
const env = { ...cleanEnvironment(home), PS1: '> ', PS2: '... ' };
mkdirSync(path.join(home, 'folder'));
writeFileSync(path.join(home, 'folder', 'letter-one'), '');
writeFileSync(path.join(home, 'folder', 'letter-two'), '');

let terminal: Terminal;
const open = async (more: Readonly<Record<string, string>> = {}) => {
  terminal = openTerminal([path.join(bin, 'onesh')], { cwd: home, env: { ...env, ...more } });
  await terminal.shows(/> ?$/);
};
const enter = (text: string) => {
  terminal.type(text);
  terminal.press('Enter');
};
/** Clears the screen, runs a command, and waits for what it shows. */
const shows = async (text: string, pattern: RegExp) => {
  enter('clear');
  await terminal.shows(/^>$/);
  enter(text);
  await terminal.shows(pattern);
};

const test = suite('interactive');
test.before(() => open());
test.after(() => {
  terminal.close();
  rmSync(home, { recursive: true, force: true });
});

test('the keys of the line editor', async () => {
  terminal.type('ecXho one tow');
  terminal.press('Home', 'Right', 'Right', 'DC', 'End', 'C-w');
  terminal.type('two');
  terminal.press('C-a', 'C-k', 'C-y');
  terminal.type(' 3');
  terminal.press('Left', 'Left', 'BSpace', 'o', 'Enter');
  await terminal.shows(/^one two 3$/m);
});

test('wide and combined characters are one step each', async () => {
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('echo 漢字é!');
  terminal.press('Left', 'Left', 'Left', 'BSpace', 'Enter');
  await terminal.shows(/^字é!$/m);
});

test('several lines: PS2, and each command of what was typed at once', async () => {
  await shows('for i in 1 2 3; do', /^\.\.\.$/m);
  enter('echo round $i; done');
  await terminal.shows(/^round 1\nround 2\nround 3$/m);
  await shows('tr a-z A-Z <<E', /^\.\.\.$/m);
  enter('a $((40 + 2))');
  enter('E');
  await terminal.shows(/^A 42\n>$/m);
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('echo a1\necho a2\necho "$((40 + 2))"\n');
  await terminal.shows(/^a1\n.*\na2\n.*\n42$/m);
});

test('a paste is text until Enter', async () => {
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('\x1b[200~echo pasted\necho twice\n\x1b[201~');
  await terminal.shows(/^> echo pasted\necho twice$/m);
  terminal.press('Enter');
  await terminal.shows(/^pasted\ntwice$/m);
});

test('history: arrows, search, suggestion', async () => {
  await shows('echo remembered', /^remembered$/m);
  await shows('echo another', /^another$/m);
  terminal.press('Up', 'Up', 'Up');
  await terminal.shows(/^> echo remembered$/m);
  terminal.press('Down', 'Down', 'C-c');
  await terminal.shows(/\n>$/);
  terminal.press('C-r');
  terminal.type('memb');
  await terminal.shows(/reverse-i-search\)`memb': echo remembered/);
  terminal.press('C-a', 'Enter');
  await terminal.shows(/^remembered$/m);
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('echo reme');
  await terminal.shows(/^> echo remembered$/m);
  terminal.press('Right', 'Enter');
  await terminal.shows(/^remembered$/m);
});

test('completion: the common part, the choices, a directory', async () => {
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('ls fol');
  terminal.press('Tab');
  await terminal.shows(/^> ls folder\/$/m);
  terminal.type('l');
  terminal.press('Tab', 'Tab');
  await terminal.shows(/^> ls folder\/letter-\nletter-one {2}letter-two$/m);
  terminal.type('o');
  terminal.press('Tab', 'Enter');
  await terminal.shows(/^folder\/letter-one$/m);
});

test('Ctrl-C: at the prompt, in a program, in a loop of built-ins', async () => {
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('never run');
  terminal.press('C-c');
  await terminal.shows(/never run\^C\n>$/);
  enter('echo status $?');
  await terminal.shows(/^status 130$/m);
  enter('echo sleeping; sleep 1000; echo not this');
  await terminal.shows(/^sleeping$/m);
  terminal.press('C-c');
  await terminal.shows(/\^C\n>$/);
  enter('echo spinning; while :; do :; done');
  await terminal.shows(/^spinning$/m);
  terminal.press('C-c');
  await terminal.shows(/\^C\n+>$/);
  enter('echo still here');
  await terminal.shows(/^still here$/m);
});

test('jobs: panel, jobs, stop, bg, fg, kill, wait', async () => {
  await shows('sleep 1000 | cat &', /│ \[1\] Running sleep 1000 \| cat .*\n│ +● sleep 1000 · \S+ .*\n│ +● cat · /);
  enter('jobs');
  await terminal.shows(/^\[1\] \+ Running +sleep 1000 \| cat$/m);
  enter('fg');
  await terminal.shows(/^> fg\nsleep 1000 \| cat$/m);
  terminal.press('C-z');
  await terminal.shows(/│ \[1\] Stopped \(SIGTSTP\) sleep 1000 \| cat .*\n│ +◌ sleep 1000/);
  enter('bg');
  await terminal.shows(/│ \[1\] Running sleep 1000 \| cat /);
  enter('kill %1; wait %1; echo waited $?');
  await terminal.shows(/^waited 143$/m);
});

test('Ctrl-Z of a full-screen program and back; the terminal is as it was', async () => {
  await shows('stty -a >before; vi folder/letter-one', /^~$[\s\S]*letter-one/m);
  terminal.press('C-z');
  await terminal.shows(/\[1\]\+ Stopped +vi folder\/letter-one/);
  enter('stty -a >after; cmp before after && echo same modes');
  await terminal.shows(/^same modes$/m);
  enter('fg');
  await terminal.shows(/^~\n[\s\S]*0,0-1 +All$/m);
  enter(':q');
  await terminal.shows(/\n>$/);
  enter('stty -a >after; cmp before after && echo unchanged');
  await terminal.shows(/^unchanged$/m);
});

test('a program sees the size of the terminal as it is', async () => {
  await terminal.resize(60, 20);
  await shows('stty size', /^20 60$/m);
  await terminal.resize(100, 30);
  await shows('stty size', /^30 100$/m);
});

test('set -o vi: command mode, history, an editor for the line; fc of what was entered', async () => {
  await shows('set -o vi; echo vi keys', /^vi keys$/m);
  terminal.type('ecXho tow one');
  terminal.press('Escape');
  terminal.type('FXx');
  terminal.type('wcwtwo');
  terminal.press('Escape', 'Enter');
  await terminal.shows(/^two one\n>$/m);
  terminal.press('Escape');
  terminal.type('/vi k');
  await terminal.shows(/^> \/vi k$/m);
  terminal.press('Enter');
  await terminal.shows(/^> set -o vi; echo vi keys$/m);
  terminal.type('ddi');
  enter('clear');
  await terminal.shows(/^>$/);
  terminal.type('echo from the line');
  terminal.press('Escape');
  terminal.type('v');
  await terminal.shows(/^echo from the line\n~\n[\s\S]*commands\.sh/);
  enter(':s/line/editor/');
  await terminal.shows(/^echo from the editor\n~\n/);
  enter(':wq');
  await terminal.shows(/^from the editor$/m);
  enter('fc -ln -2');
  await terminal.shows(/^\s+echo from the line\n\s+echo from the editor$/m);
  await shows('set -o emacs; set -o | grep -c "^vi *off"', /^1$/m);
});

test('an error ends the command, not the session', async () => {
  await shows('echo ${x?is missing}', /^onesh: x: is missing$/m);
  enter('echo )');
  await terminal.shows(/syntax error: unexpected '\)'/);
  enter('echo goes on');
  await terminal.shows(/^goes on$/m);
});

test('leaving: a warning when jobs are stopped, then the end', async () => {
  await shows('sleep 1000', /> sleep 1000$/m);
  const shell = terminal.pid()!;
  await until(() => childrenOf(shell).length > 0, 'sleep runs');
  const [sleep] = childrenOf(shell) as [number];
  terminal.press('C-z');
  await terminal.shows(/\[1\]\+ Stopped/);
  enter('exit');
  await terminal.shows(/^You have stopped jobs\.$/m);
  enter('echo stayed');
  // With the prompt: a Ctrl-D typed before the editor reads is the line discipline's.
  await terminal.shows(/^stayed\n>$/m);
  terminal.press('C-d');
  await terminal.shows(/You have stopped jobs\.[\s\S]*You have stopped jobs\./);
  enter('kill -9 %1; wait');
  await until(() => !isRunning(sleep), 'sleep has ended');
  enter('exit');
  await until(() => terminal.pid() === undefined, 'the shell has ended');
  terminal.close();
});

test('history is kept; ENV is read; PS1 is expanded', async () => {
  writeFileSync(path.join(home, 'env.sh'), 'alias hi="echo hello from ENV"\n');
  terminal = openTerminal([path.join(bin, 'onesh')], {
    cwd: home,
    env: { ...env, ENV: path.join(home, 'env.sh'), PS1: '$LOGNAME+${?}$((1 + 1))!!> ', LOGNAME: 'me' },
  });
  await terminal.shows(/^me\+02!>$/);
  enter('hi; false');
  await terminal.shows(/^hello from ENV\nme\+12!>$/m);
  terminal.press('C-r');
  terminal.type('remem');
  await terminal.shows(/: echo remembered/);
  terminal.press('C-c');
  await terminal.shows(/me\+1302!>$/);
  terminal.press('C-d');
  await until(() => terminal.pid() === undefined, 'the shell has ended');
  terminal.close();
});

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);

test('a terminal that is closed leaves no orphan: neither running, nor stopped, nor in the foreground', async () => {
  await open();
  const shell = terminal.pid()!;
  enter('sleep 1001 & sleep 1002');
  await until(() => childrenOf(shell).length === 2, 'both run');
  terminal.press('C-z');
  await terminal.shows(/◌ sleep 1002/);
  enter('sleep 1003 | cat');
  await until(() => childrenOf(shell).length === 4, 'all run');
  const all = [shell, ...childrenOf(shell)];
  terminal.close();
  await until(() => !all.some(isRunning), 'none is left').catch((error: Error) => {
    throw new Error(`${error.message}: ${all.filter(isRunning).join(' ')} of ${all.join(' ')}`);
  });
});

test('without a terminal nothing of the screen is loaded or written', async () => {
  const copy = path.join(home, 'copy');
  mkdirSync(copy);
  for (const name of ['bin', 'dist']) cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  rmSync(path.join(copy, 'dist/tui.mjs'));
  rmSync(path.join(copy, 'dist/tui-loader.cjs'));
  const onesh = path.join(copy, 'bin/onesh');
  for (const argv of [[onesh], [onesh, '-s'], [onesh, '-i', '-c', 'echo out; echo err >&2']]) {
    const { status, stdout, stderr } = await run(argv, { env, cwd: home, input: 'echo out\necho err >&2\n' });
    assert.equal({ status, stdout, stderr }, { status: 0, stdout: 'out\n', stderr: 'err\n' });
  }
  // Standard input is a terminal, but output is not.
  const script = `script -qec '${onesh} -c "echo out"' /dev/null </dev/null`;
  if (existsSync('/usr/bin/script')) assert.is(spawnSync('sh', ['-c', script], { env }).stdout.toString(), 'out\r\n');
});

if (terminalAvailable()) test.run();
