/** Programs and libraries from npm, unmodified, on their own and as agents whose files are on another machine. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { root } from '../lab.js';
import { type ContractLab, clear, inTurns, makeContractLab, plant, type Ran, snapshot, waitingOn } from './lab.js';
import { type PackageCase, packages } from './packages.js';

const test = suite('package contract');

/** The packages, installed once for each version of their list; undefined without the registry. */
function install(): string | undefined {
  const source = path.join(root, 'test/runtime/contract/packages');
  const lock = fs.readFileSync(path.join(source, 'package-lock.json'));
  const directory = path.join(
    root,
    'build',
    `packages-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`,
  );
  if (fs.existsSync(path.join(directory, 'installed'))) return path.join(directory, 'node_modules');
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  for (const name of ['package.json', 'package-lock.json'])
    fs.copyFileSync(path.join(source, name), path.join(directory, name));
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
      cwd: directory,
      stdio: 'ignore',
      timeout: 60_000,
    });
  } catch {
    console.log('skipped: the packages cannot be installed');
    return undefined;
  }
  fs.writeFileSync(path.join(directory, 'installed'), '');
  return path.join(directory, 'node_modules');
}

let lab: ContractLab;
const outcomes = new Map<PackageCase, { readonly plain: object; readonly agent: object }>();

async function outcome(row: PackageCase, directory: string, run: (file: string) => Promise<Ran>): Promise<object> {
  fs.mkdirSync(directory, { recursive: true });
  clear(directory);
  plant(directory, row.files);
  const ran = await run(path.join(row.program.startsWith('node_modules/') ? lab.tree : directory, row.program));
  return { ...ran, tree: snapshot(directory) };
}

const installed = mosquittoAvailable() ? install() : undefined;
if (installed !== undefined) {
  test.before(async () => {
    lab = await makeContractLab(waitingOn('newer'));
    fs.cpSync(installed, path.join(lab.tree, 'node_modules'), { recursive: true, verbatimSymlinks: true });
    await inTurns(packages, async (row, i) => {
      const { argv = [], stdin = '' } = row;
      const cwd = path.join(lab.tree, `package${i}`);
      const plain = await outcome(row, cwd, (file) => lab.plainly([process.execPath, file, ...argv], { stdin, cwd }));
      const agent = await outcome(row, cwd, (file) =>
        lab.asAgent({ kind: 'node', path: file, text: fs.readFileSync(file, 'utf8') }, { argv, stdin, cwd }),
      );
      outcomes.set(row, { plain, agent });
    });
  });
  test.after(() => lab.close());
  for (const row of packages) {
    test(row.name, () => {
      const { plain, agent } = outcomes.get(row)!;
      assert.equal(agent, plain);
    });
  }
} else test.skip('needs a broker and packages', () => {});
test.run();
