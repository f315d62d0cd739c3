/**
 * Scripts of this machine that nobody here wrote: every one is read and survives printing; those with work to do, and some of the
 * maintainer scripts of packages, run with dash's result. `npm run real-scripts` runs them all, and a configure script.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, printProgram } from '../../grammar/index.js';
import { onBoth, Sandbox, shellScripts } from '../support/machine-scripts.js';
import { cases } from './real-cases.js';

const directories = ['/usr/bin', '/usr/sbin', '/usr/lib/git-core', '/var/lib/dpkg/info', '/etc/init.d'];

const reading = suite('reading');
reading('every sh script of this machine', () => {
  const found = directories.flatMap(shellScripts);
  assert.ok(found.length > 20, `${found.length} scripts`);
  for (const { file, text } of found) {
    const printed = printProgram(parse(text));
    assert.is(printProgram(parse(printed)), printed, file);
  }
});
reading.run();

const same = suite('running');
const hasDash = existsSync('/usr/bin/dash');
if (!hasDash) console.log('skipped: dash is not installed');
for (const { file, script } of cases.filter(({ file }) => existsSync(file))) {
  (hasDash ? same : same.skip)(file, async () => {
    const [ours, theirs] = await onBoth(script);
    assert.equal(ours, theirs);
  });
}
(hasDash ? same : same.skip)('maintainer scripts, with programs that only say how they were called', async () => {
  const sandbox = new Sandbox();
  try {
    const all = shellScripts('/var/lib/dpkg/info');
    // Enough of each kind.
    const some = all.filter(({ file }, i) => i % 8 === 0 || path.basename(file).startsWith('dpkg.'));
    for (const { file } of some.slice(0, 40)) {
      const [ours, theirs] = await sandbox.maintainer(file);
      assert.equal(ours, theirs, file);
    }
  } finally {
    sandbox.remove();
  }
});
same.run();
