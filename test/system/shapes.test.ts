/** The ways onesh is started, and what it says to bad input. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, cleanEnvironment, type RunOptions, run } from '../support/system.js';

const test = suite('shapes');
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-shapes-'));
const env = cleanEnvironment(dir);
const onesh = path.join(bin, 'onesh');
test.after(() => rmSync(dir, { recursive: true, force: true }));

const show = 'echo "$0" "$1" "$#"; for x in "$@"; do echo "<$x>"; done\n';
writeFileSync(path.join(dir, 'script.sh'), show);
writeFileSync(path.join(dir, 'shebang'), `#!/usr/bin/env onesh\n${show}`, { mode: 0o755 });
writeFileSync(path.join(dir, 'locked'), 'echo never\n', { mode: 0o644 });
writeFileSync(path.join(dir, 'broken.sh'), 'echo one\nif true\necho two\n');
symlinkSync(onesh, path.join(dir, 'linked'));

const rows: readonly {
  name: string;
  argv: readonly string[];
  options?: RunOptions;
  status?: number;
  stdout?: string;
  stderr?: RegExp;
}[] = [
  { name: '-c', argv: [onesh, '-c', show, 'me', 'a b', 'c'], stdout: 'me a b 2\n<a b>\n<c>\n' },
  {
    name: 'a script with arguments',
    argv: [onesh, 'script.sh', 'a', 'b', 'c'],
    stdout: 'script.sh a 3\n<a>\n<b>\n<c>\n',
  },
  {
    name: 'a script on standard input',
    argv: [onesh],
    options: { input: 'read x; echo "$0 $x"\n' },
    stdout: `onesh \n`,
  },
  {
    name: 'standard input is shared with the commands',
    argv: [onesh],
    options: { input: 'read x\nhello\necho "got $x"\n' },
    stdout: 'got hello\n',
  },
  { name: '-s with arguments', argv: [onesh, '-s', 'p', 'q'], options: { input: 'echo $# $2' }, stdout: '2 q\n' },
  { name: 'a #! script', argv: ['./shebang', 'x y'], stdout: './shebang x y 1\n<x y>\n' },
  { name: 'through a link', argv: ['./linked', '-c', 'echo $((6 * 7))'], stdout: '42\n' },
  { name: '--version', argv: [onesh, '--version'], stdout: 'onesh 0.1.0\n' },
  {
    name: 'a syntax error names file, line and what was expected',
    argv: [onesh, 'broken.sh'],
    status: 2,
    stdout: 'one\n',
    stderr: /^(onesh: )?broken\.sh: line 4: syntax error: .*expected .*then/,
  },
  {
    name: 'a syntax error in -c',
    argv: [onesh, '-c', 'for in'],
    status: 2,
    stderr: /^onesh: line 1: syntax error: .*expected/,
  },
  {
    name: 'an unknown command',
    argv: [onesh, '-c', 'nosuch_command'],
    status: 127,
    stderr: /^onesh: line 1: nosuch_command: not found\n$/,
  },
  {
    name: 'a file that may not be run',
    argv: [onesh, '-c', './locked'],
    status: 126,
    stderr: /^onesh: line 1: \.\/locked: Permission denied\n$/,
  },
  { name: 'a directory', argv: [onesh, '-c', '/tmp'], status: 126, stderr: /^onesh: line 1: \/tmp: / },
  {
    name: 'a script that is not there',
    argv: [onesh, 'nosuch.sh'],
    status: 127,
    stderr: /^onesh: cannot open nosuch\.sh: No such file/,
  },
  { name: 'an unknown option', argv: [onesh, '--nosuch'], status: 2, stderr: /unknown option --nosuch/ },
  { name: '-c without a command', argv: [onesh, '-c'], status: 2, stderr: /-c requires an argument/ },
  { name: 'the exit status of the last command', argv: [onesh, '-c', 'true; (exit 7)'], status: 7 },
];
for (const { name, argv, options, status: wantStatus = 0, stdout: wantOut = '', stderr: wantErr } of rows) {
  test(name, async () => {
    const { status, stdout, stderr } = await run(argv, { cwd: dir, env, ...options });
    if (wantErr === undefined) assert.is(stderr, '');
    else assert.match(stderr, wantErr);
    assert.is(stdout, wantOut);
    assert.is(status, wantStatus);
  });
}

test('--plan prints agents, edges, constraints, placements and reasons as JSON', async () => {
  const script = 'cat /dev/sensor1 | grep 1 > out';
  const { stdout, stderr, status } = await run([onesh, '--plan', '-c', script], { cwd: dir, env });
  assert.is(stderr, '');
  assert.is(status, 0);
  const [{ plan, placements }] = JSON.parse(stdout);
  assert.equal(
    plan.agents.map((a: { argv: string[] }) => a.argv),
    [
      ['cat', '/dev/sensor1'],
      ['grep', '1'],
    ],
  );
  const device = plan.edges.find((e: { from: { kind: string } }) => e.from.kind === 'path');
  assert.is(device.from.path, '/dev/sensor1');
  assert.is(device.to.agent, plan.agents[0].id);
  assert.ok(plan.agents.every((a: { constraints: { why: string }[] }) => a.constraints.every((c) => c.why !== '')));
  assert.is(placements.length, 2);
  assert.ok(placements.every((p: { reason: string }) => p.reason.length > 0));
});

test.run();
