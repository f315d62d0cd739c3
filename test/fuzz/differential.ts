/** Random scripts on onesh, in this process, and on another shell: the same output, status and files. */
import { existsSync } from 'node:fs';
import * as fc from 'fast-check';
import { needsProcess, onesh, type Result, runHere, runProcess } from '../support/scripts.js';
import { newer } from './newer.js';
import { script } from './scripts.js';

const args = ['one', 'two words', ''];
const seen = ({ stdout, status, files, stderr }: Result) => ({
  stdout,
  status: Math.min(status, 3),
  files,
  said: stderr !== '',
});

interface Peer {
  readonly argv: readonly string[];
  /** What both understand. */
  readonly script: fc.Arbitrary<string>;
}

/** The shells to compare with: dash, and for what it does not know bash. */
const all: Readonly<Record<string, Peer>> = {
  dash: { argv: ['/usr/bin/dash'], script },
  bash: { argv: ['/usr/bin/bash', '--posix'], script: newer },
};
export const peers = Object.entries(all).map(([name, peer]) => ({
  ...peer,
  name,
  installed: existsSync(peer.argv[0]!),
}));

/** Runs `count` scripts from a seed. @throws what fast-check says: the seed and the smallest script that differs. */
export async function compare(peer: Peer, count: number, seed: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(peer.script, async (text) => {
      const [ours, theirs] = [
        needsProcess({ script: text })
          ? await runProcess(onesh, { script: text, args }, true)
          : await runHere({ script: text, args }, true),
        await runProcess(peer.argv, { script: text, args }, true),
      ];
      const [got, want] = [JSON.stringify(seen(ours)), JSON.stringify(seen(theirs))];
      if (got !== want)
        throw new Error(`onesh ${got}\n${ours.stderr}${peer.argv.join(' ')}  ${want}\n${theirs.stderr}\n${text}`);
    }),
    { numRuns: count, seed, endOnFailure: false, maxSkipsPerRun: 1, interruptAfterTimeLimit: 3_000_000 },
  );
}
