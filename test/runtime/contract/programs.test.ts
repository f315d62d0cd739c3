/** Whole programs on their own and as agents whose files are on another machine: output, status and files the same. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { type ContractLab, clear, inTurns, makeContractLab, plant, type Ran, snapshot, waitingOn } from './lab.js';
import { type ProgramCase, programs } from './programs.js';

const test = suite('program contract');
let lab: ContractLab;

const linesOf = (text: string, like: RegExp | undefined): string[] =>
  like === undefined ? [] : text.split('\n').filter((line) => like.test(line));

async function outcome(row: ProgramCase, directory: string, run: (file: string) => Promise<Ran>): Promise<object> {
  fs.mkdirSync(directory, { recursive: true });
  clear(directory);
  plant(directory, row.files);
  const { stdout, stderr, status } = await run(path.join(directory, Object.keys(row.files)[0]!));
  // Where a program is to say nothing there, it says nothing; Node itself may warn.
  const quiet = stderr.includes('Warning') ? '' : stderr;
  const said = row.stderr === undefined ? quiet : linesOf(stderr, row.stderr);
  return { stdout, status, stderr: said, tree: snapshot(directory) };
}

const major = Number(process.versions.node.split('.')[0]);
const rows = programs.filter(({ node = 0 }) => node <= major);
const outcomes = new Map<ProgramCase, { readonly plain: object; readonly agent: object }>();

if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab(waitingOn('newer'));
    await inTurns(rows, async (row, i) => {
      const { argv = [], stdin = '' } = row;
      const cwd = path.join(lab.tree, `program${i}`);
      const plain = await outcome(row, cwd, (file) => lab.plainly([process.execPath, file, ...argv], { stdin, cwd }));
      const agent = await outcome(row, cwd, (file) =>
        lab.asAgent({ kind: 'node', path: file, text: fs.readFileSync(file, 'utf8') }, { argv, stdin, cwd }),
      );
      outcomes.set(row, { plain, agent });
    });
  });
  test.after(() => lab.close());
  for (const row of rows) {
    test(row.name, () => {
      const { plain, agent } = outcomes.get(row)!;
      assert.equal(agent, plain);
    });
  }
} else test.skip('needs a broker', () => {});
test.run();
