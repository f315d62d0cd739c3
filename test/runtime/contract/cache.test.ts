/** A module is instrumented once, on the machine that has it, and kept there for all others. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { type ContractLab, makeContractLab } from './lab.js';

const test = suite('shared modules');
let lab: ContractLab;

if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab();
  });
  test.after(() => lab.close());

  const kept = (machine: string): Record<string, string> => {
    const directory = path.join(path.dirname(lab.tree), machine, 'cache');
    const names = fs.existsSync(directory) ? fs.readdirSync(directory).sort() : [];
    return Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]));
  };
  const run = async (text: string): Promise<string> => {
    const file = path.join(lab.tree, 'main.mjs');
    fs.writeFileSync(file, text);
    const { stdout, stderr } = await lab.asAgent({ kind: 'node', path: file, text });
    return stdout + stderr;
  };

  test('a large module is the same on both machines, and is taken from where it is kept', async () => {
    const filler = Array.from({ length: 4000 }, (_, i) => `export const x${i} = ${i} * 2;`).join('\n');
    fs.writeFileSync(
      path.join(lab.tree, 'lib.mjs'),
      `import path from 'node:path';\n${filler}\nexport const name = path.sep;\n`,
    );
    const program = "import { x7, name } from './lib.mjs';\nconsole.log(x7, name);\n";
    assert.is(await run(program), '14 /\n');
    const [home, pi] = [kept('home'), kept('pi')];
    assert.is(Object.keys(home).length, 1);
    const [key] = Object.keys(home);
    assert.is(pi[key!], home[key!]);

    // Another text has another key: nothing stale is ever used.
    fs.appendFileSync(path.join(lab.tree, 'lib.mjs'), 'export const more = 1;\n');
    assert.is(await run("import { more } from './lib.mjs';\nconsole.log(more);\n"), '1\n');
    assert.is(Object.keys(kept('home')).length, 2);
  });
} else test.skip('needs a broker', () => {});
test.run();
