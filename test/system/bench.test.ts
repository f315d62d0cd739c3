/** The benchmark runs and reports; its figures are nobody's assertion. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const root = process.env.ONESH_ROOT ?? process.cwd();
const test = suite('bench');

test('prints a table, writes JSON, and takes a filter', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'onesh-bench-test-'));
  const file = path.join(directory, 'figures.json');
  const args = [path.join(root, 'bench/run.mjs'), '--quick', '--json', file, 'start'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000 });
  assert.match(stdout, /^onesh -c : \/ node -e 0 +onesh [\d.]+ {2}node [\d.]+ ms$/m);
  assert.match(stdout, /^ {2}(ok {2}|MISS) [\d.]+ x node \(target: at most 1\.15\)$/m);
  const { rows } = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(directory, { recursive: true });
  assert.is(rows.length, 2);
  for (const row of rows) {
    assert.ok(row.medians.onesh > 0 && row.medians.node > 0);
    assert.is(row.targets[0].ratio, row.medians.onesh / row.medians.node);
  }
});

test.run();
