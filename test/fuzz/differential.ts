/** Random scripts on onesh, in this process, and on dash: the same output, status and files. */
import { existsSync } from 'node:fs';
import * as fc from 'fast-check';
import { needsProcess, onesh, type Result, runHere, runProcess } from '../support/scripts.js';
import { script } from './scripts.js';

const dash = '/usr/bin/dash';
/** Whether there is a dash to compare with. */
export const hasDash = existsSync(dash);

const args = ['one', 'two words', ''];
const seen = ({ stdout, status, files, stderr }: Result) => ({
  stdout,
  status: Math.min(status, 3),
  files,
  said: stderr !== '',
});

/** Runs `count` scripts from a seed. @throws what fast-check says: the seed and the smallest script that differs. */
export async function compare(count: number, seed: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(script, async (text) => {
      const [ours, theirs] = [
        needsProcess({ script: text })
          ? await runProcess(onesh, { script: text, args }, true)
          : await runHere({ script: text, args }, true),
        await runProcess([dash], { script: text, args }, true),
      ];
      const [got, want] = [JSON.stringify(seen(ours)), JSON.stringify(seen(theirs))];
      if (got !== want) throw new Error(`onesh ${got}\n${ours.stderr}dash  ${want}\n${theirs.stderr}\n${text}`);
    }),
    { numRuns: count, seed, endOnFailure: false, maxSkipsPerRun: 1, interruptAfterTimeLimit: 3_000_000 },
  );
}
