/** The rows of the corpus that act on their process, and a sample of the others, each as an `onesh -c` of its own. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsProcess, onesh, runProcess } from '../support/scripts.js';
import { corpus, each, judged } from './corpus.js';

/** One row in this many runs here though it need not. */
const sample = 100;
const rows = corpus().filter((row, i) => needsProcess(row) || i % sample === 0);

const test = suite('as processes');
test('every row does as it says', async () => {
  assert.ok(rows.length > 50);
  await each(rows, 3, async (row) => {
    const { stdout, status, stderr } = row;
    assert.equal(judged(await runProcess(onesh, row)), { stdout, status, stderr }, row.script);
  });
});
test.run();
