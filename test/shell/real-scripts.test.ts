/** Scripts of this machine that nobody here wrote: every one is read and survives printing; some run, with dash's result. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, printProgram } from '../../grammar/index.js';
import { decodeBytes } from '../../src/wire/bytes.js';
import { onesh, runProcess } from '../support/scripts.js';

const directories = ['/usr/bin', '/usr/sbin', '/usr/lib/git-core', '/var/lib/dpkg/info', '/etc/init.d'];

/** Files that begin as a script for sh. */
function scripts(): { file: string; text: string }[] {
  return directories.filter(existsSync).flatMap((directory) =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap(({ name }) => {
        const file = path.join(directory, name);
        const bytes = readFileSync(file);
        return /^#! ?\/(usr\/)?bin\/(da)?sh\b/.test(bytes.toString('latin1', 0, 40))
          ? [{ file, text: decodeBytes(bytes) }]
          : [];
      }),
  );
}

const reading = suite('reading');
reading('every sh script of this machine', () => {
  const found = scripts();
  assert.ok(found.length > 20, `${found.length} scripts`);
  for (const { file, text } of found) {
    const printed = printProgram(parse(text));
    assert.is(printProgram(parse(printed)), printed, file);
  }
});
reading.run();

/** `$sh` is the shell under test, which is given the script as a file: `$0` is what it is for a user. */
const running: readonly { file: string; script: string }[] = [
  {
    file: '/usr/bin/zgrep',
    script: 'printf "ab\\nb\\n" | gzip >z.gz; $sh /usr/bin/zgrep -c a z.gz; $sh /usr/bin/zgrep -l x z.gz',
  },
  { file: '/usr/bin/zdiff', script: 'echo a | gzip >a.gz; echo b | gzip >b.gz; $sh /usr/bin/zdiff a.gz b.gz' },
  {
    file: '/usr/bin/gunzip',
    script: 'echo hello | gzip >h.gz; $sh /usr/bin/gunzip -c h.gz; $sh /usr/bin/gunzip h.gz; cat h',
  },
  { file: '/usr/bin/which.debianutils', script: '$sh /usr/bin/which.debianutils -a sh nosuch; echo $?' },
  { file: '/usr/bin/savelog', script: 'echo x >log; $sh /usr/bin/savelog -c 3 log >/dev/null; ls' },
  {
    file: '/usr/bin/dpkg-maintscript-helper',
    script: '$sh /usr/bin/dpkg-maintscript-helper supports rm_conffile 2>&1; echo $?',
  },
  {
    file: '/usr/lib/git-core/git-submodule',
    script:
      'git init -q r; cd r; $sh "$(git --exec-path)/git-submodule" status; echo $?; $sh "$(git --exec-path)/git-submodule" -h',
  },
  { file: '/usr/bin/zforce', script: 'echo a | gzip >plain; $sh /usr/bin/zforce plain; ls' },
  { file: '/usr/bin/znew', script: '$sh /usr/bin/znew --help; echo $?' },
];
const same = suite('running');
const dash = '/usr/bin/dash';
if (!existsSync(dash)) console.log('skipped: dash is not installed');
for (const { file, script } of running) {
  (existsSync(dash) && existsSync(file) ? same : same.skip)(file, async () => {
    const withShell = (shell: string) => runProcess([dash], { script: `sh=${shell}; ${script}` }, true);
    const [ours, theirs] = [await withShell(onesh[0]!), await withShell(dash)];
    assert.equal({ ...ours, stderr: '' }, { ...theirs, stderr: '' });
  });
}
same.run();
