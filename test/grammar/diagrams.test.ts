/** The railroad diagrams: drawn anew they are those in docs/, and a page that has them draws them without a network. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import vm from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serializedGrammar } from '../../grammar/parser.js';

const root = process.env.ONESH_ROOT ?? process.cwd();
const test = suite('diagrams');
const rules = serializedGrammar().map((rule) => (rule as { name?: string }).name ?? '');
let page = '';

test.before(() => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-diagrams-'));
  execFileSync(process.execPath, [path.join(root, 'scripts/diagrams.mjs'), directory]);
  page = readFileSync(path.join(directory, 'index.html'), 'utf8');
  rmSync(directory, { recursive: true });
});

test('docs/grammar is of the grammar as it is: `npm run diagrams` writes it', () => {
  assert.ok(page === readFileSync(path.join(root, 'docs/grammar/index.html'), 'utf8'));
});

test('the page asks for nothing from elsewhere', () => {
  assert.not.match(page, /\b(?:src|href)\s*=\s*['"]/);
  assert.not.match(page, /@import|url\(/);
});

test('the page’s scripts draw one diagram for each production', () => {
  const target = { innerHTML: '' };
  const document = {
    getElementById: () => target,
    getElementsByClassName: () => [],
    querySelectorAll: () => [],
  };
  const context = vm.createContext({ document, console });
  vm.runInContext('globalThis.window = globalThis', context);
  for (const [, script] of page.matchAll(/<script>(.*?)<\/script>/gs)) vm.runInContext(script!, context);
  assert.ok(rules.length >= 20);
  assert.is(target.innerHTML.match(/<svg\b/g)?.length, rules.length);
  for (const name of rules) assert.ok(target.innerHTML.includes(`class="diagramHeader">${name}<`), name);
});

test.run();
