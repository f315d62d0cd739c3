/** Local is native: no byte of a pipeline of programs goes through the shell. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bin, start } from '../support/system.js';

const test = suite('local is native');
const mebibytes = 100;

/**
 * Bytes that a process has read and written by system calls, of any kind of file: the sum over its threads, because the figure
 * for the whole process has in it those of children that it has waited for.
 */
function bytesMoved(pid: number): { readonly read: number; readonly written: number } {
  const sum = { read: 0, written: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${thread}/io`, 'latin1');
    const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)![1]);
    sum.read += field('rchar');
    sum.written += field('wchar');
  }
  return sum;
}

/** What the shell itself moves while it runs `pipeline`, between two lines it echoes. */
async function movedBy(pipeline: string): Promise<{ read: number; written: number; said: string }> {
  // The first pipeline loads what starts programs: that is read once, and not what this is about.
  const script = `true | cat; echo begin; read go; ${pipeline}; echo end; read stop`;
  const shell = start([path.join(bin, 'onesh'), '-c', script], { input: null });
  await shell.said(/^begin$/m);
  const before = bytesMoved(shell.pid);
  shell.child.stdin!.write('\n');
  await shell.said(/^end$/m);
  const after = bytesMoved(shell.pid);
  shell.child.stdin!.end('\n');
  const { status, stdout } = await shell.ended;
  assert.is(status, 0);
  return { read: after.read - before.read, written: after.written - before.written, said: stdout };
}

const flow = `head -c ${mebibytes << 20} /dev/zero`;
/** The lines of the script, and what a look at a few small files comes to. */
const little = 64 << 10;

for (const [name, pipeline] of [
  ['two programs', `${flow} | wc -c`],
  ['a chain of them', `${flow} | cat | cat | cat | wc -c`],
  ['a subshell and a brace group around them', `(${flow}) | { wc -c; }`],
  ['a background job', `${flow} | wc -c & wait $!`],
  ['files as well', `${flow} | cat >/dev/null; wc -c </dev/null; echo ${mebibytes << 20}`],
] as const) {
  test(`${name}: ${mebibytes} MiB pass the shell by`, async () => {
    const { read, written, said } = await movedBy(pipeline);
    assert.match(said, new RegExp(`^ *${mebibytes << 20}$`, 'm'));
    assert.ok(read < little, `the shell read ${read} bytes`);
    assert.ok(written < little, `the shell wrote ${written} bytes`);
  });
}

test('what the shell does read and write is counted', async () => {
  const { read, written } = await movedBy(
    "x=$(head -c 1048576 /dev/zero | tr '\\0' x); printf '%s\\n' \"$x\" >/dev/null",
  );
  assert.ok(read >= 1 << 20, `the shell read ${read} bytes`);
  assert.ok(written >= 1 << 20, `the shell wrote ${written} bytes`);
});

test.run();
