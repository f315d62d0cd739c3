/** The same Python on its own and as an agent whose files are on another machine: every case the same, byte for byte. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Program } from '../../../src/wire/graph.js';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { choosePython, type TestedPython } from '../../support/python.js';
import { type ContractLab, clear, inTurns, makeContractLab, plant, type Ran, snapshot } from './lab.js';
import { pythonAtWork } from './python-at-work.js';
import { expressions, pythonBlocks, pythonFixture } from './python-cases.js';
import { pythonPrograms as firstPrograms, type PythonProgram } from './python-programs.js';
import { pythonSystemBlocks } from './python-system-cases.js';

const test = suite('python contract');
const pythonPrograms = [...firstPrograms, ...pythonAtWork];

const cases = [
  ...expressions.map((code) => ({ name: code, code: `attempt(lambda: (${code}))` })),
  ...Object.entries({ ...pythonBlocks, ...pythonSystemBlocks }).map(([name, code]) => ({ name, code })),
];

/** Runs its cases one after the other, each in its directory. */
const program = `
import os, sys, io, stat, pathlib, shutil, glob, json, csv, importlib, fileinput, linecache, inspect, hashlib, filecmp, runpy
import zipfile, tarfile, configparser, tempfile, gzip, bz2, lzma
sys.dont_write_bytecode = True
cases = json.loads(${JSON.stringify(JSON.stringify(cases.map(({ code }) => code)))})
base = ''
def show(*all):
    print(' '.join(v if isinstance(v, str) else repr(v) for v in all).replace(base, '@').encode('ascii', 'backslashreplace').decode())
def st(s):
    return [stat.filemode(s.st_mode), 0 if stat.S_ISDIR(s.st_mode) else s.st_size, s.st_uid, s.st_gid, 0 if stat.S_ISDIR(s.st_mode) else s.st_nlink, s.st_blksize]
def attempt(f):
    try: show('ok', f())
    except BaseException as e: show(type(e).__name__, e, getattr(e, 'errno', ''), repr(getattr(e, 'filename', '')), repr(getattr(e, 'filename2', '')))
space = dict(globals())
root = os.getcwd()
for i, code in enumerate(cases):
    base = os.path.join(root, str(i))
    os.chdir(base)
    os.umask(0o22)
    sys.path[0] = base
    print('\\n=== %d' % i)
    try: exec(code, dict(space, __name__='case'))
    except BaseException as e:
        import traceback
        show('thrown', type(e).__name__, e, traceback.format_exc())
    for name in [n for n in sys.modules if n.split('.')[0] in ('mod', 'single')]: del sys.modules[name]
    importlib.invalidate_caches()
os.chdir(root)
`;

interface Outcome {
  readonly ran: Ran;
  readonly outputs: readonly string[];
  readonly trees: readonly Record<string, string>[];
}

async function outcomeOf(lab: ContractLab, run: () => Promise<Ran>): Promise<Outcome> {
  clear(lab.tree);
  fs.writeFileSync(path.join(lab.tree, 'program.py'), program);
  for (const i of cases.keys()) plant(path.join(lab.tree, String(i)), pythonFixture);
  const ran = await run();
  const outputs: string[] = [];
  for (const part of ran.stdout.split('\n=== ').slice(1)) {
    const end = part.indexOf('\n');
    outputs[Number(part.slice(0, end))] = part.slice(end + 1);
  }
  return { ran, outputs, trees: cases.map((_, i) => snapshot(path.join(lab.tree, String(i)))) };
}

/** One whole program: its output, status, standard error and the tree that it leaves. */
async function whole(directory: string, row: PythonProgram, run: () => Promise<Ran>): Promise<object> {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  plant(directory, row.files ?? {});
  const { stdout, stderr, status } = await run();
  // How long a run of unittest took is its own affair.
  const said = stderr.replace(/(Ran \d+ tests? in )[\d.]+s/, '$1…');
  return { stdout, stderr: said, status, tree: snapshot(directory) };
}

/** What names the machine, each on a line; then what is the same everywhere. */
const naming = `
import asyncio, getpass, os, pathlib, platform, socket, tempfile
print(socket.gethostname(), platform.node(), os.uname().nodename, os.uname()[1], platform.uname().node)
def attempt(f):
    try: print(f())
    except OSError as e: print(type(e).__name__)
def bound(kind):
    with socket.socket(type=kind) as s:
        s.bind((socket.gethostname(), 0))
        return s.getsockname()[0]
name = socket.gethostname()
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM: attempt(lambda: bound(kind))
attempt(lambda: socket.create_server((name, 0)).getsockname()[0])
async def served():
    server = await asyncio.start_server(lambda r, w: w.close(), host=name, port=0, family=socket.AF_INET)
    async with server: return server.sockets[0].getsockname()[0]
attempt(lambda: asyncio.run(served()))
attempt(lambda: socket.gethostbyname(name))
attempt(lambda: socket.gethostbyname_ex(name)[2])
attempt(lambda: socket.getaddrinfo(name.upper(), None, socket.AF_INET, socket.SOCK_STREAM))
attempt(lambda: socket.getaddrinfo(host=name, port=80, family=socket.AF_INET, type=socket.SOCK_STREAM))
print(getpass.getuser(), os.path.expanduser('~'), pathlib.Path.home(), tempfile.gettempdir(), os.uname().sysname, len(os.uname()))
`;
const names = new Map<string, Ran>();

let python: TestedPython;
let lab: ContractLab;
let plain: Outcome;
let agent: Outcome;
const wholes = new Map<PythonProgram, { readonly plain: object; readonly agent: object }>();
if (mosquittoAvailable()) {
  test.before(async () => {
    python = choosePython();
    const { interpreter } = python;
    lab = await makeContractLab();
    const file = path.join(lab.tree, 'program.py');
    plain = await outcomeOf(lab, () => lab.plainly([interpreter, file]));
    agent = await outcomeOf(lab, () => lab.asAgent({ kind: 'python', path: file, text: program }));
    const named = (command: string): Program => ({
      kind: 'python',
      path: '',
      text: command,
      source: 'command',
      first: 3,
    });
    const environment = { HOME: '/homes/ada', TMPDIR: lab.tree, LOGNAME: 'ada' };
    for (const on of ['home', 'pi'] as const)
      names.set(on, await lab.asAgent(named(naming), { on, environment, argv: ['-c', naming] }));
    names.set('plain', await lab.plainly([interpreter, '-c', naming], { environment }));
    await inTurns(pythonPrograms, async (row, i) => {
      const directory = path.join(lab.tree, `whole${i}`);
      const { stdin = '', args = [], environment = {} } = row;
      const options = {
        stdin,
        cwd: directory,
        environment: { PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1', ...environment },
      };
      const script = row.script === undefined ? undefined : path.join(directory, row.script);
      const lead =
        script !== undefined ? [script] : row.module !== undefined ? ['-m', row.module] : ['-c', row.command ?? ''];
      const argv = [interpreter, ...(row.options ?? []), ...lead, ...args];
      const made = (): Program => ({
        kind: 'python',
        path: script ?? row.module ?? '',
        text: script === undefined ? (row.command ?? '') : fs.readFileSync(script, 'utf8'),
        source: script !== undefined ? 'file' : row.module !== undefined ? 'module' : 'command',
        options: row.options ?? [],
        first: argv.length - args.length,
      });
      wholes.set(row, {
        plain: await whole(directory, row, () => lab.plainly(argv, options)),
        agent: await whole(directory, row, () => lab.asAgent(made(), { ...options, argv: argv.slice(1) })),
      });
    });
  });
  test.after(async () => {
    await lab.close();
    python.close();
  });
  test('both end alike', () => {
    assert.is(plain.ran.status, 0, plain.ran.stderr);
    assert.is(agent.ran.stderr, plain.ran.stderr);
    assert.is(agent.ran.status, plain.ran.status);
    assert.is(plain.outputs.length, cases.length);
  });
  for (const on of ['home', 'pi']) {
    test(`the name of the machine is the runtime's, on ${on}`, () => {
      const { stdout, stderr } = names.get(on)!;
      assert.is(stderr, '');
      const [first, ...rest] = stdout.split('\n');
      assert.is(first, [on, on, on, on, on].join(' '));
      assert.equal(rest, names.get('plain')!.stdout.split('\n').slice(1));
    });
  }
  test('what SQLite would open beside a database of another machine is refused', async () => {
    const file = path.join(lab.tree, 'beside.py');
    const text = `import sqlite3
c = sqlite3.connect('beside.db')
for sql in "attach 'other' as o", "-- so\\n /* or so */ ATTACH DATABASE 'x' AS y", "vacuum into 'y'":
    try: c.execute(sql); print('opened')
    except sqlite3.NotSupportedError as e: print(e)
c.execute("attach ':memory:' as m"); c.execute('vacuum'); print('fine')
`;
    fs.writeFileSync(file, text);
    const { stdout, stderr } = await lab.asAgent({ kind: 'python', path: file, text });
    const refused = 'a second database cannot be opened beside one of another machine\n';
    assert.is(stderr + stdout, `${refused.repeat(3)}fine\n`);
  });
  cases.forEach(({ name }, i) => {
    test(name, () => {
      assert.is(agent.outputs[i], plain.outputs[i]);
      assert.equal(agent.trees[i], plain.trees[i]);
    });
  });
  for (const row of pythonPrograms) {
    test(row.name, () => {
      const both = wholes.get(row)!;
      assert.equal(both.agent, both.plain);
    });
  }
} else test.skip('needs a broker', () => {});
test.run();
