/**
 * WebAssembly commands (WASI preview 1): each case as Node's own WASI runs it on a host tree, as ours runs it there, and as an
 * agent whose files are on another machine. Where Node's is wrong (`spec` in wasi-cases.ts), what WASI and POSIX say is expected.
 */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '../../../src/wire/graph.js';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { root } from '../lab.js';
import {
  type ContractLab,
  clear,
  inTurns,
  makeContractLab,
  plant,
  type Ran,
  type RunOptions,
  snapshot,
} from './lab.js';
import { spec, type ToolCase, tools, wasiFixture } from './wasi-cases.js';

const test = suite('wasi contract');
const here = path.join(root, 'test/runtime/contract/wasi');
const names = [...fs.readFileSync(path.join(here, 'cases.c'), 'utf8').matchAll(/^CASE\((\w+)\)/gm)].map((m) => m[1]!);
const fileOf = (name: string) => path.join(here, `${name}.wasm`);
const programOf = (name: string): Program => ({
  kind: 'wasm',
  path: fileOf(name),
  bytes: fs.readFileSync(fileOf(name)).toString('base64'),
});

/** Node's own. */
const node = `const { WASI } = require('node:wasi');
const args = process.argv.slice(1);
const wasi = new WASI({ version: 'preview1', args, env: process.env, preopens: { '.': '.' }, returnOnExit: true });
WebAssembly.instantiate(require('node:fs').readFileSync(args[0]), wasi.getImportObject()).then(({ instance }) => {
  process.exitCode = wasi.start(instance);
});`;

let lab: ContractLab;
const nodes = (name: string, args: readonly string[], options?: RunOptions): Promise<Ran> =>
  lab.plainly([process.execPath, '--no-warnings', '-e', node, '--', fileOf(name), ...args], options);
const ours = (name: string, args: readonly string[], options?: RunOptions): Promise<Ran> =>
  lab.plainly(
    [process.execPath, path.join(path.dirname(lab.contextFile), 'wasm.cjs'), fileOf(name), fileOf(name), ...args],
    options,
  );

interface Outcome {
  readonly ran: Ran;
  readonly outputs: ReadonlyMap<string, string>;
  readonly trees: readonly Record<string, string>[];
}

async function outcomeOf(run: () => Promise<Ran>): Promise<Outcome> {
  clear(lab.tree);
  for (const i of names.keys()) plant(path.join(lab.tree, String(i)), wasiFixture);
  const ran = await run();
  const parts = ran.stdout.split('\n=== ').slice(1);
  const outputs = new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]));
  return { ran, outputs, trees: names.map((_, i) => snapshot(path.join(lab.tree, String(i)))) };
}

async function toolOutcome(row: ToolCase, index: number, run: (options: RunOptions) => Promise<Ran>): Promise<object> {
  const cwd = path.join(lab.tree, `tool${index}`);
  fs.rmSync(cwd, { recursive: true, force: true });
  plant(cwd, wasiFixture);
  const { stdin = '', environment = {} } = row;
  const { stdout, stderr, status } = await run({ stdin, environment, cwd });
  return { stdout, stderr: stderr.replaceAll(`${here}/`, ''), status, tree: snapshot(cwd) };
}

const runs = new Map<string, Outcome>();
const toolRuns = new Map<ToolCase, Record<'node' | 'host' | 'agent', object | undefined>>();
if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab();
    runs.set('node', await outcomeOf(() => nodes('cases', Object.keys(spec))));
    runs.set('host', await outcomeOf(() => ours('cases', [])));
    runs.set('agent', await outcomeOf(() => lab.asAgent(programOf('cases'))));
    await inTurns(tools, async (row, i) => {
      const args = row.args.map((arg) => arg.replace('@', path.join(lab.tree, `tool${i}`)).replace('%', `tool${i}`));
      toolRuns.set(row, {
        node: row.want === undefined ? await toolOutcome(row, i, (o) => nodes('tool', args, o)) : undefined,
        host: await toolOutcome(row, i, (o) => ours('tool', args, o)),
        agent: await toolOutcome(row, i, (o) => lab.asAgent(programOf('tool'), { ...o, argv: args })),
      });
    });
  });
  test.after(() => lab.close());

  for (const where of ['host', 'agent']) {
    test(`all cases end, ${where}`, () => {
      const { ran, outputs } = runs.get(where)!;
      assert.is(ran.stderr, '');
      assert.is(ran.status, 0);
      assert.equal([...outputs.keys()], names);
    });
    names.forEach((name, i) => {
      test(`${name}, ${where}`, () => {
        const { outputs, trees } = runs.get(where)!;
        assert.is(outputs.get(name), spec[name] ?? runs.get('node')!.outputs.get(name));
        const tree = runs.get(spec[name] === undefined ? 'node' : 'host')!.trees[i];
        assert.equal(trees[i], tree);
      });
    });
    tools.forEach((row) => {
      test(`${row.name}, ${where}`, () => {
        const found = toolRuns.get(row)!;
        const got = found[where as 'host' | 'agent'] as Ran;
        if (row.want === undefined) assert.equal(got, found.node);
        else
          assert.equal(
            { stdout: got.stdout, stderr: got.stderr, status: got.status },
            { stdout: '', stderr: '', ...row.want },
          );
      });
    });
  }

  test('a program that polls standard input is told of what comes, and of nothing', async () => {
    const quiet = await lab.start(programOf('tool'), { argv: ['poll', '100'], open: true });
    assert.is((await quiet.exited).status, 4);
    assert.is(await quiet.stdout, 'nothing\n');
    const told = await lab.start(programOf('tool'), { argv: ['poll', '60000'], open: true });
    await told.stdin.write(Buffer.from('abc'));
    await told.stdin.end();
    assert.is((await told.exited).status, 0);
    assert.is(await told.stdout, '3<abc>\nend 0\n');
  });

  test('a program that waits for standard input reads each line as it comes', async () => {
    const agent = await lab.start(programOf('tool'), { argv: ['lines'], open: true });
    await agent.stdin.write(Buffer.from('one\n'));
    await agent.stdin.write(Buffer.from('two\n'));
    await agent.stdin.end();
    assert.is(await agent.stdout, '1: one\n2: two\n');
  });

  test('a shell starts a WebAssembly file at home as any other program', async () => {
    const cwd = path.join(lab.tree, 'shell');
    plant(cwd, wasiFixture);
    fs.copyFileSync(path.join(here, 'tool.wasm'), path.join(cwd, 'tool'));
    fs.chmodSync(path.join(cwd, 'tool'), 0o755);
    const onesh = (script: string) => lab.plainly([path.join(root, 'bin/onesh'), '-c', script], { cwd });
    const rows: readonly (readonly [string, string])[] = [
      ['./tool cat file', 'hello world\nsecond line\n'],
      ['./tool cat file ../shell/dir/b | ./tool lines', '1: hello world\n2: second line\n3: B\n'],
      ['./tool lines <file >out; cat out', '1: hello world\n2: second line\n'],
      ['{ ./tool lines; echo more; } <file >>dir/a; cat dir/a', 'A1: hello world\n2: second line\nmore\n'],
      ['./tool exit 7; echo $?', '7\n'],
      ['A=1 ./tool environment A', 'A=1\n'],
      ['PATH=$PWD:$PATH; cd dir; tool cat b; x=$(tool arguments "a b" c); echo "$x"', 'B\n<a b>\n<c>\n'],
      ['./tool copy <file | wc -l | tr -d " "', '2\n'],
      ['./tool output 100000 | head -n 1', 'line 0 of many that are written\n'],
      [`./tool cat ${cwd}/file`, 'hello world\nsecond line\n'],
    ];
    for (const [script, want] of rows) assert.is((await onesh(script)).stdout, want, script);
  });

  test('what is no WASI command says so, with status 126', async () => {
    const program: Program = {
      kind: 'wasm',
      path: '/x.wasm',
      bytes: Buffer.from('\0asm\x01\0\0\0', 'latin1').toString('base64'),
    };
    const { stderr, status } = await lab.asAgent(program);
    assert.is(stderr, '/x.wasm: not a WASI command\n');
    assert.is(status, 126);
  });
} else test.skip('needs a broker', () => {});
test.run();
