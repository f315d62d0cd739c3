// Makes the V8 start-up snapshot of the shell for the Node.js that runs this, and takes out what no start needs: Node puts the
// compiled code of all its own modules into every snapshot, half of the file, and reading that takes longer than compiling
// what is used of it. (Its option to leave code out discards the shell's own as well, and V8 then compiles some of it wrong.)
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Where the code of Node's modules begins: the last thing in the file, a count and as many pairs of name and bytes, each with
 * its length before it. undefined when this is not how the file ends.
 */
function codeCacheAt(blob) {
  const length = (at) => (at + 8 <= blob.length ? Number(blob.readBigUInt64LE(at)) : Number.NaN);
  const endOf = (at) => {
    const count = length(at);
    if (!(count >= 50 && count <= 2000)) return undefined;
    let end = at + 8;
    for (let i = 0; i < 2 * count; i++) {
      const size = length(end);
      if (!(size <= (i % 2 === 0 ? 200 : blob.length))) return undefined;
      end += 8 + size;
    }
    return end;
  };
  for (let at = blob.length - 8; at > 0; at--) if (endOf(at) === blob.length) return at;
  return undefined;
}

/**
 * V8 hashes every string and table of a snapshot anew at each start, with a seed of its own: a tenth of the start. Its compiler
 * between interpreter and optimizer takes half as long for what a start runs a few times, and a loop is no faster for it. The launcher
 * gives the same flags: a snapshot fits only those it was made with.
 */
const flags = ['--no-rehash-snapshot', '--no-sparkplug'];

/** Writes the snapshot of `script` to `file`. @throws when this Node.js cannot */
export function makeSnapshot(script, file) {
  execFileSync(process.execPath, [...flags, '--snapshot-blob', file, '--build-snapshot', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const whole = readFileSync(file);
  const at = codeCacheAt(whole);
  if (at === undefined) return;
  writeFileSync(file, Buffer.concat([whole.subarray(0, at), Buffer.alloc(8)]));
  const probe = [...flags, '--snapshot-blob', file, '--', '-c', 'for x in a b; do echo "$x$((1 + 2))"; done'];
  try {
    if (execFileSync(process.execPath, probe, { stdio: ['ignore', 'pipe', 'ignore'] }).toString() === 'a3\nb3\n')
      return;
  } catch {
    // this Node.js wants it whole
  }
  writeFileSync(file, whole);
}
