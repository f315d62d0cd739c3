/** A machine that leaves: whatever names its files ends in bounded time, with one line that says which machine it is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster, type TestCluster } from '../support/system.js';

const test = suite('a runtime that leaves');
let cluster: TestCluster;
test.before(async () => {
  cluster = await startCluster(3);
});
test.after(() => cluster.close());

/** Every way to name a file of another machine; `$N` is that machine. */
const uses = [
  'read x </net/$N/etc/passwd',
  'echo a >/net/$N/tmp/onesh-never-made',
  'cd /net/$N/etc',
  '. /net/$N/etc/profile',
  'cat /net/$N/etc/passwd',
  '[ -f /net/$N/etc/passwd ]',
  'on $N true',
] as const;

/** Tries all of them in one session; each says its status and how many seconds it took. */
const tries = uses.map((use) => `a=$(date +%s); (${use}) || echo "$? $(($(date +%s) - a))"`).join('\n');

function checkTries(said: string, want: RegExp, stderr: string): void {
  const rows = said.trimEnd().split('\n');
  assert.is(rows.length, uses.length, said + stderr);
  for (const row of rows) {
    const [status, seconds] = row.split(' ').map(Number);
    assert.ok(status! > 0 && seconds! <= 11, `${row}\n${stderr}`);
  }
  const lines = stderr.trimEnd().split('\n');
  // `[` tells by its status alone.
  assert.is(lines.length, uses.length - 1, stderr);
  for (const line of lines) assert.match(line, want);
}

test('killed while its files are read: the reader ends, and everything that names it afterwards fails at once', async () => {
  const shell = cluster.startSh(
    `N=pi3; exec 3</net/$N/dev/zero; cat <&3 >/dev/null & on $N sleep 1000 & echo ready; read go
     wait; echo over\n${tries}`,
    { input: null },
  );
  await shell.said(/ready/);
  process.kill(cluster.pidOf(3), 'SIGKILL');
  shell.child.stdin!.end('go\n');
  const { stdout, stderr } = await shell.ended;
  assert.match(stdout, /^ready\nover\n/, stderr);
  const told = ['/net/pi3/dev/zero: pi3 is down', 'on pi3 sleep 1000: runtime pi3 lost'];
  const lines = stderr.split('\n');
  for (const line of told)
    assert.ok(
      lines.some((each) => each.endsWith(line)),
      stderr,
    );
  const later = lines.filter((each) => !told.some((line) => each.endsWith(line)));
  checkTries(stdout.replace('ready\nover\n', ''), /pi3 is down|no runtime pi3/, later.join('\n'));
});

test('stopped, so that its connections stay: what waits for it gives up', async () => {
  const shell = cluster.startSh(`N=pi2; read x </net/$N/etc/passwd; echo ready; read go\n${tries}`, { input: null });
  await shell.said(/ready/);
  const pid = cluster.pidOf(2);
  process.kill(pid, 'SIGSTOP');
  try {
    shell.child.stdin!.end('go\n');
    const { stdout, stderr } = await shell.ended;
    checkTries(stdout.replace('ready\n', ''), /pi2 (has not answered|is down)|no runtime pi2/, stderr);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test('what is written to a machine that is killed fails, and the shell goes on', async () => {
  const shell = cluster.startSh('{ echo ready >&2; yes; } >/net/pi2/dev/null; echo $?; echo on');
  await shell.said(/ready/);
  process.kill(cluster.pidOf(2), 'SIGKILL');
  const { stdout, stderr } = await shell.ended;
  assert.is(stdout, '1\non\n');
  const lines = stderr.trimEnd().split('\n');
  assert.match(lines[1]!, /^onesh: line 1: \/net\/pi2\/dev\/null: pi2 is down$/);
});

test.run();
