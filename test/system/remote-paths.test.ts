/** Built-ins, redirections and globbing on another machine's files: what they do here, they do there (design: one namespace). */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, cleanEnvironment, run } from '../support/system.js';

const base = mkdtempSync(path.join(os.tmpdir(), 'onesh-remote-paths-'));
const env = cleanEnvironment(path.join(base, 'home'));
const test = suite('remote paths');
test.after(() => rmSync(base, { recursive: true, force: true }));

/** `$P` is nothing, or `/net/pi2`. */
const script = `
d=$P$PWD
[ -f $d/a.txt ]; echo f $?; [ -f $d/no ]; echo f $?; [ -d $d ]; echo d $?; [ -d $d/a.txt ]; echo d $?; [ -e $d/link ]; echo e $?
[ -h $d/link ]; echo h $?; [ -s $d/a.txt ]; echo s $?; [ -s $d/empty ]; echo s $?; [ -r $d/a.txt ]; echo r $?; [ -x $d/prog ]; echo x $?
[ -x $d/a.txt ]; echo x $?; [ $d/a.txt -ef $d/link ]; echo ef $?; [ -p $d/a.txt ]; echo p $?; [ -f $d/a.txt -a ! -d $d/a.txt ]; echo and $?
read x <$d/b.txt; echo "$x"; while read -r a b; do echo "<$a><$b>"; done <$d/b.txt
exec 3<$d/b.txt; read y <&3; read z <&3; exec 3<&-; echo "$y|$z"
echo new >$d/new; echo more >>$d/new; read -r n <$d/new; echo $n
set -C; echo no >$d/new; echo C $?; echo yes >|$d/new; set +C; x=$(cat <$d/new); echo "$x"
echo $d/*.txt; echo $d/*/c*; echo $d/nosuch*; for f in $d/[ab].txt; do echo "\${f##*/}"; done; echo $d/s*/; echo $d/.*
cd $d; echo $?; pwd; echo *; echo */*; [ -f a.txt ]; echo $?; read x <a.txt; echo $x; cat a.txt; echo rel >rel; cat rel
ls | head -n 3; echo piped | cat - a.txt; cd sub; pwd; cd ..; pwd; cd ./sub/../sub; pwd; cd -; (cd sub; pwd); pwd
cd nosuch; echo $?; cd a.txt; echo $?; pwd -P; cd -P sub; pwd; cat c.txt
cd $d; . ./lib.sh; echo $libvar; . $d/lib.sh; x=$(. ./lib.sh); echo "$x"; . ./nosuch.sh || echo not reached
`;
const more = `
cd $P$PWD; f() { read l <b.txt; echo "$l"; }; f; echo a | { read q; read r <a.txt; echo $q $r; }; ./prog; echo $?
type ./prog ls; command -v ./prog $PWD/prog; echo $?; command -V $PWD/prog; type ./a.txt; echo $?; command -v ./nosuch sub; echo $?
CDPATH=$PWD; cd /; cd sub; pwd; cd /; pwd; [ -f a.txt ]; echo $?
`;

function files(): string {
  const directory = path.join(base, 'files');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(path.join(directory, 'sub'), { recursive: true });
  const write = (name: string, text: string) => writeFileSync(path.join(directory, name), text);
  write('a.txt', 'one\n');
  write('b.txt', 'l1\nl2 x\n');
  write('empty', '');
  write('lib.sh', 'echo "lib $#"; libvar=set\n');
  write('prog', '#!/bin/sh\necho run in "${PWD##*/}"\n');
  write('sub/c.txt', 'deep\n');
  chmodSync(path.join(directory, 'prog'), 0o755);
  chmodSync(path.join(directory, 'a.txt'), 0o600);
  symlinkSync('a.txt', path.join(directory, 'link'));
  return directory;
}

for (const [what, text] of Object.entries({ 'files and directories': script, 'functions and programs': more })) {
  test(what, async () => {
    const onesh = path.join(bin, 'onesh');
    const here = await run([onesh, '-c', `P=\n${text}`], { env, cwd: files() });
    const argv = [path.join(bin, 'oneos'), 'cluster', '2', '--', onesh, '-c', `P=/net/pi2\n${text}`];
    const there = await run(argv, { env, cwd: files() });
    const lines = there.stdout.replaceAll('/net/pi2', '').split('\n');
    assert.equal(lines, here.stdout.split('\n'), there.stderr);
    assert.is(there.status, here.status);
  });
}
test('programs at home whose text names files of another machine, or a device', async () => {
  const cwd = files();
  const far = `/net/pi2${cwd}/a.txt`;
  const write = (name: string, text: string) => {
    writeFileSync(path.join(cwd, name), text);
    chmodSync(path.join(cwd, name), 0o755);
  };
  write(
    'r.js',
    `#!/usr/bin/env node\nconsole.log('js', require('fs').readFileSync('${far}', 'utf8').trim(), process.argv[2])\n`,
  );
  write('r.py', `#!/usr/bin/env python3\nimport sys\nprint('py', open("${far}").read().strip(), sys.argv[1:])\n`);
  write('d.py', "#!/usr/bin/env python3\nprint(len(open('/dev/sensor2').readline()) > 1)\n");
  // What names nothing of the kind is a process of the shell's, as ever.
  write('own.js', "#!/usr/bin/env node\nconsole.log(process.env.ONESH_AGENT, 'https://example.org/net/x')\n");
  const program = `./r.js 1; node r.js 2 | cat; echo 3 | ./r.py 3; python3 r.py; python3 -c 'print(open("${far}").read())'; ./d.py; ./own.js`;
  const argv = [path.join(bin, 'oneos'), 'cluster', '2', '--', path.join(bin, 'onesh'), '-c', program];
  const { stdout, stderr, status } = await run(argv, { env, cwd });
  const lines = ['js one 1', 'js one 2', "py one ['3']", 'py one []', 'one', '', 'True'];
  assert.equal(stdout.split('\n'), [...lines, 'undefined https://example.org/net/x', ''], stderr);
  assert.is(status, 0);
});
test.run();
