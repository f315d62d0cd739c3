/** The same `fs` program on its own and as an agent whose files are on another machine: every case the same, byte for byte. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { blocks, fixture, rows } from './fs-cases.js';
import { type ContractLab, clear, makeContractLab, plant, type Ran, snapshot, waitingOn } from './lab.js';

const test = suite('fs contract');

const forms: Readonly<Record<string, (name: string, args: string) => string>> = {
  sync: (name, args) => `await attempt(() => fs.${name}Sync(${args}));`,
  callback: (name, args) => `await attempt(() => called((done) => fs.${name}(${args}, done)));`,
  promise: (name, args) => `await attempt(() => fsp.${name}(${args}));`,
};

interface Case {
  readonly name: string;
  readonly code: string;
}
const cases: readonly Case[] = [
  // All forms are derived from one: each row in two of them, in turn.
  ...rows.flatMap(([name, args], i) =>
    ['sync', i % 2 === 0 || name === 'exists' ? 'callback' : 'promise'].map((form) => ({
      name: `${name}(${args}), ${form}`,
      code: forms[form]!(name, args),
    })),
  ),
  ...Object.entries(blocks).map(([name, code]) => ({ name, code })),
];

/** Runs its cases one after the other, each in its directory. */
const program = `
const fs = require('fs'), path = require('path'), util = require('util'), zlib = require('zlib'), crypto = require('crypto');
const fsp = require('fs/promises'), { pathToFileURL } = require('url');
const stream = { ...require('stream'), ...require('stream/promises') };
let base = '';
const plain = (text) => text.replaceAll(base, '@').replace(/(tmp-)\\w{6}/g, '$1');
const show = (...all) => console.log(plain(all.map((v) => (typeof v === 'string' ? v : util.inspect(view(v), { depth: 6, maxArrayLength: 20, maxStringLength: 200 }))).join(' ')));
function view(v) {
  if (v === null || typeof v !== 'object') return v;
  if (typeof v.isFile === 'function' && 'mode' in v)
    return [v.constructor.name, v.mode, v.isDirectory() ? 0 : v.size, v.isDirectory() ? 0 : v.nlink, v.uid, v.gid, v.isFile(), v.isDirectory(), v.isSymbolicLink(), Object.keys(v).join(), Object.values(v).map((x) => typeof x).join()];
  if ('bavail' in v) return [v.constructor.name, Object.keys(v).join(), typeof v.bavail];
  return v;
}
const attempt = async (f) => {
  try { const r = await f(); show('ok', r); }
  catch (e) { show('error', e.name, e.code, e.errno, e.syscall, e.path, e.dest, e.message); }
};
const called = (f) => new Promise((resolve, reject) => f((first, ...rest) => (first instanceof Error ? reject(first) : resolve(typeof first === 'boolean' ? first : rest[0]))));
const cases = [
${cases.map(({ code }) => `async () => {${code}},`).join('\n')}
];
(async () => {
  const root = process.cwd();
  const [share, shares] = process.argv.slice(2).map(Number);
  for (let i = share; i < cases.length; i += shares) {
    base = path.join(root, String(i));
    process.chdir(base);
    console.log('\\n=== ' + i);
    try { await cases[i](); } catch (e) { show('thrown', e.stack); }
  }
  process.chdir(root);
  process.exit(0);
})();
`;

interface Outcome {
  readonly ends: readonly object[];
  readonly outputs: readonly string[];
  readonly trees: readonly Record<string, string>[];
}

/** Several at once, each with its share of the cases: they wait for answers most of the time. */
const shares = 8;

async function outcomeOf(lab: ContractLab, run: (argv: readonly string[]) => Promise<Ran>): Promise<Outcome> {
  clear(lab.tree);
  fs.writeFileSync(path.join(lab.tree, 'program.js'), program);
  for (const i of cases.keys()) plant(path.join(lab.tree, String(i)), fixture);
  const all = await Promise.all(Array.from({ length: shares }, (_, share) => run([String(share), String(shares)])));
  const outputs: string[] = [];
  for (const { stdout } of all) {
    for (const part of stdout.split('\n=== ').slice(1)) {
      const end = part.indexOf('\n');
      outputs[Number(part.slice(0, end))] = part.slice(end + 1);
    }
  }
  const trees = cases.map((_, i) => renamed(snapshot(path.join(lab.tree, String(i)))));
  return { ends: all.map(({ stderr, status }) => ({ stderr, status })), outputs, trees };
}

/** Without the random part of names. */
const renamed = (tree: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(tree).map(([name, what]) => [name.replace(/tmp-\w{6}/, 'tmp-'), what]));

let lab: ContractLab;
let plain: Outcome;
let agent: Outcome;
if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab(waitingOn('older'));
    const file = path.join(lab.tree, 'program.js');
    plain = await outcomeOf(lab, (argv) => lab.plainly([process.execPath, file, ...argv]));
    agent = await outcomeOf(lab, (argv) => lab.asAgent({ kind: 'node', path: file, text: program }, { argv }));
  });
  test.after(() => lab.close());
  test('both end alike', () => {
    assert.equal(
      plain.ends,
      Array.from({ length: shares }, () => ({ stderr: '', status: 0 })),
    );
    assert.equal(agent.ends, plain.ends);
    assert.is(plain.outputs.length, cases.length);
  });
  cases.forEach(({ name }, i) => {
    test(name, () => {
      assert.is(agent.outputs[i], plain.outputs[i]);
      assert.equal(agent.trees[i], plain.trees[i]);
    });
  });
} else test.skip('needs a broker', () => {});
test.run();
