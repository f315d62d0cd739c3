/** Paths of other machines among a command's words, as its directory, and in built-ins: in one session of three machines. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster, type TestCluster } from '../support/system.js';

const test = suite('paths');
let cluster: TestCluster;
test.before(async () => {
  cluster = await startCluster(3);
  mkdirSync(path.join(cluster.dir, 'far'));
  writeFileSync(path.join(cluster.dir, 'here'), 'here\n');
  writeFileSync(path.join(cluster.dir, 'far', 'one'), 'one\n');
  writeFileSync(path.join(cluster.dir, 'far', 'two'), 'two\n');
  writeFileSync(path.join(cluster.dir, 'far', 'dot'), 'x=sourced; return 4\n');
});
test.after(() => cluster.close());

/** `$A`, `$B`: the directory `far` on two machines. */
const rows: readonly { readonly script: string; readonly stdout: string; readonly stderr?: string }[] = [
  { script: 'cat $A/one', stdout: 'one\n' },
  { script: 'cat $A/one $B/two', stdout: 'one\ntwo\n' },
  { script: 'cat $A/one here $B/two | wc -l | tr -d " "', stdout: '3\n' },
  { script: 'cat <$A/one; cat <$B/two; cat <$A/two', stdout: 'one\ntwo\ntwo\n' },
  { script: 'echo new >$A/new; cat <$A/new; cat $A/new $B/one', stdout: 'new\nnew\none\n' },
  { script: 'cp $A/one copy; cat copy', stdout: 'one\n' },
  { script: 'echo p | cat >$A/piped; cat <$A/piped', stdout: 'p\n' },
  { script: 'on pi3 echo q >$A/asked; cat <$A/asked', stdout: 'q\n' },
  { script: 'cp here $A/sent; cat <$A/sent', stdout: 'here\n' },
  { script: 'cp $A/one $B/moved; cat <$B/moved', stdout: 'one\n' },
  {
    script: 'echo first | tee $A/log here2; echo second | tee -a $A/log; cat <$A/log',
    stdout: 'first\nsecond\nfirst\nsecond\n',
  },
  {
    script: 'cd $A; pwd; ls one; wc -l <one | tr -d " "; sleep 0.01; printenv ONESH_RUNTIME',
    stdout: '@A\none\n1\npi2\n',
  },
  {
    script: 'cd $A; echo t*; [ -f two ]; echo $?; cat one /etc/no-such-file 2>&1',
    stdout: 'two\n0\none\ncat: /etc/no-such-file: No such file or directory\n',
  },
  { script: `cd $A; ${'cat one $HERE/here'}`, stdout: 'one\nhere\n' },
  { script: 'cd $A; date +%Y >made; [ -s made ]; echo $?; rm made; [ -e made ]; echo $?', stdout: '0\n1\n' },
  { script: 'cd $A; on pi3 printenv ONESH_RUNTIME', stdout: 'pi3\n' },
  { script: 'cd /net/pi1/tmp; pwd', stdout: '/tmp\n' },
  { script: '. $A/dot; echo $? $x', stdout: '4 sourced\n' },
  { script: 'cat $A/one $B/none; echo $?', stdout: '126\n', stderr: '@B/none: No such file or directory\n' },
  {
    script: 'cat </net/nowhere/x; echo $?',
    stdout: '2\n',
    stderr: 'cannot open /net/nowhere/x: No such file or directory\n',
  },
  {
    script: 'cd /net/nowhere; echo $?',
    stdout: '2\n',
    stderr: "cd: can't cd to /net/nowhere: No such file or directory\n",
  },
  {
    script: '. /net/nowhere/x; echo no',
    stdout: '',
    stderr: '.: cannot open /net/nowhere/x: No such file or directory\n',
  },
];

test('each of the rows, in one session', async () => {
  const [a, b] = ['pi2', 'pi3'].map((name) => `/net/${name}${cluster.dir}/far`) as [string, string];
  const all = rows.map(({ script }, i) => `( ${script} ) >out${i} 2>err${i}`);
  const { stderr, stdout } = await cluster.sh(`A=${a} B=${b} HERE=${cluster.dir}\n${all.join('\n')}\necho end`);
  assert.is(stderr, '');
  assert.is(stdout, 'end\n');
  const named = (text: string) => text.replaceAll('@A', a).replaceAll('@B', b);
  rows.forEach((row, i) => {
    const said = (name: string) => readFileSync(path.join(cluster.dir, `${name}${i}`), 'utf8');
    assert.is(said('err').replace(/^onesh: line \d+: /, ''), named(row.stderr ?? ''), row.script);
    assert.is(said('out'), named(row.stdout), row.script);
  });
});

test.run();
