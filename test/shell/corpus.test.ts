/**
 * The rows of the corpus on onesh inside this process, which costs no process start. `npm run confirm` runs the same rows on dash, bash, yash and mksh.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsProcess, runHere } from '../support/scripts.js';
import { corpus, judged, type Row } from './corpus.js';

const rows = corpus();
const want = ({ stdout, status, stderr }: Row) => ({ stdout, status, stderr });
const shape = suite('the corpus');
shape('has rows enough, and a reason for every difference', () => {
  assert.ok(rows.length >= 1500);
  for (const { script, differs, why } of rows)
    assert.is(differs !== undefined, why !== undefined && why !== '', script);
});
shape.run();

const here = suite('in this process');
const sections = [...new Set(rows.map((row) => row.section))];
for (const section of sections) {
  const own = rows.filter((row) => row.section === section && !needsProcess(row));
  if (own.length === 0) continue;
  here(section, async () => {
    for (const row of own) assert.equal(judged(await runHere(row)), want(row), row.script);
  });
}
here.run();
