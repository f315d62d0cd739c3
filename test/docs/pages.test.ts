/** No page with examples goes untested. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/system.js';
import { pages } from './page.js';

const test = suite('pages');
test('each page with examples is tested', () => {
  const directory = path.join(root, 'test/docs');
  const texts = readdirSync(directory).map((name) => readFileSync(path.join(directory, name), 'utf8'));
  const untested = pages.filter((page) => !texts.some((text) => text.includes(`testPage('${page}')`)));
  assert.equal(untested, []);
});
test.run();
