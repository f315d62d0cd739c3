/**
 * Runs the corpus on the shells of this machine and says where one does not do what its row says of it.
 *
 *     npm run confirm -- [SHELL …]        SHELL: dash, bash, yash, mksh; all that are installed when none is named
 */
import { existsSync } from 'node:fs';
import { runProcess } from '../support/scripts.js';
import { corpus, type Expectation, each, judged } from './corpus.js';

const shells: Readonly<Record<string, readonly string[]>> = {
  dash: ['/usr/bin/dash'],
  bash: ['/usr/bin/bash', '--posix'],
  yash: ['/usr/bin/yash', '-o', 'posixlycorrect'],
  mksh: ['/usr/bin/mksh', '-o', 'posix'],
};

const wanted = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
for (const [name, command] of Object.entries(shells)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (!existsSync(command[0]!)) {
    console.log(`skipped: ${name} is not installed`);
    skipped += 1;
    continue;
  }
  await each(corpus(), 4, async (row) => {
    const { stdout, status, stderr } = row.differs?.[name] ?? row;
    const want: Expectation = { stdout, status, stderr };
    const got = judged(await runProcess(command, row));
    if (JSON.stringify(got) === JSON.stringify(want)) passed += 1;
    else {
      failed += 1;
      console.log(
        `${name}: [${row.section}] ${row.script}\n  want ${JSON.stringify(want)}\n  got  ${JSON.stringify(got)}`,
      );
    }
  });
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);
