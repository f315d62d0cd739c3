/**
 * Whole programs: modules of every kind, `process`, threads, errors. Each is a small tree of files, and the first file named is
 * the program.
 */
export interface ProgramCase {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly argv?: readonly string[];
  readonly stdin?: string;
  /** What of standard error must be the same: lines that match. */
  readonly stderr?: RegExp;
  /** Needs this Node.js. */
  readonly node?: number;
}

const pkg = (content: object): string => JSON.stringify(content);

export const programs: readonly ProgramCase[] = [
  {
    name: 'require of a neighbour',
    files: {
      'main.js': "console.log(require('./lib').x, require('./lib.js').x, require('./data.json'))",
      'lib.js': 'exports.x = 1',
      'data.json': '{"a":[1]}',
    },
  },
  {
    name: 'require of a directory',
    files: {
      'main.js': "console.log(require('./lib'), require('./other'), require('.') === module.exports)",
      'lib/index.js': "module.exports = 'index'",
      'other/package.json': pkg({ main: 'm' }),
      'other/m.js': "module.exports = 'main'",
      'index.js': 'module.exports = 1',
    },
  },
  {
    name: 'computed, renamed, conditional require',
    files: {
      'main.js':
        "const r = require; const name = 'f' + 's'; console.log(typeof r(name).readFileSync, r('./l' + 'ib').v, module.require('./lib').v); try { r('./none') } catch (e) { console.log(e.code) }",
      'lib.js': 'exports.v = 2',
    },
  },
  {
    name: 'createRequire',
    files: {
      'main.js':
        "const { createRequire } = require('module'); const r = createRequire(__filename); console.log(r('./lib').v, createRequire(require('url').pathToFileURL(__dirname + '/sub/x.js'))('../lib').v, r.resolve('./lib').endsWith('lib.js'))",
      'lib.js': 'exports.v = 3',
    },
  },
  {
    name: 'circles of require',
    files: {
      'main.js': "console.log(require('./a'), require('./b'))",
      'a.js': "exports.early = 1; exports.b = require('./b').seen; exports.late = 2",
      'b.js': "exports.seen = { ...require('./a') }",
    },
  },
  {
    name: 'the cache, main, parent, children',
    files: {
      'main.js':
        "const a = require('./lib'); console.log(require.main === module, module.id, a.parent === module, a.main, Object.keys(require.cache).map((f) => f.split('/').pop()), module.children.map((m) => m.filename.split('/').pop()), module.loaded, a === require('./lib')); delete require.cache[require.resolve('./lib')]; console.log(a === require('./lib'))",
      'lib.js': 'module.exports = { parent: module.parent, main: require.main === module }',
    },
  },
  {
    name: 'names of the module',
    files: {
      'sub/main.js':
        "const path = require('path'); console.log(path.basename(__filename), path.basename(__dirname), module.paths[0].endsWith('sub/node_modules'), this === module.exports, arguments.length)",
    },
  },
  {
    name: 'packages',
    files: {
      'main.js':
        "console.log(require('plain'), require('plain/sub'), require('@scope/p'), require('with-main'), require('deep'))",
      'node_modules/plain/index.js': "module.exports = 'plain'",
      'node_modules/plain/sub.js': "module.exports = 'sub'",
      'node_modules/@scope/p/index.js': "module.exports = 'scoped'",
      'node_modules/with-main/package.json': pkg({ main: './lib/x.js' }),
      'node_modules/with-main/lib/x.js': "module.exports = 'x'",
      'node_modules/deep/index.js': "module.exports = require('inner')",
      'node_modules/deep/node_modules/inner/index.js': "module.exports = 'inner'",
    },
  },
  {
    name: 'exports of a package',
    files: {
      'main.js':
        "console.log(require('p'), require('p/feature'), require('p/pattern/a'), require('p/cond')); for (const id of ['p/hidden', 'p/none', 'p/package.json']) try { require(id) } catch (e) { console.log(e.code, e.message.replace(__dirname, '')) }",
      'node_modules/p/package.json': pkg({
        name: 'p',
        exports: {
          '.': './i.js',
          './feature': './f.js',
          './pattern/*': './pat/*.js',
          './cond': { import: './c.mjs', require: './c.cjs' },
        },
      }),
      'node_modules/p/i.js': "module.exports = 'i'",
      'node_modules/p/f.js': "module.exports = 'f'",
      'node_modules/p/hidden.js': '',
      'node_modules/p/pat/a.js': "module.exports = 'pattern'",
      'node_modules/p/c.cjs': "module.exports = 'required'",
      'node_modules/p/c.mjs': "export default 'imported'",
    },
  },
  {
    name: 'imports of a package, and itself',
    files: {
      'main.mjs':
        "import a from '#a'; import b from '#dep'; import self from 'me'; import { createRequire } from 'module'; console.log(a, b, self, createRequire(import.meta.url)('#a'))",
      'package.json': pkg({
        name: 'me',
        exports: './self.mjs',
        imports: { '#a': { import: './a.mjs', default: './a.cjs' }, '#dep': 'dep' },
      }),
      'a.mjs': "export default 'a imported'",
      'a.cjs': "module.exports = 'a required'",
      'self.mjs': "export default 'self'",
      'node_modules/dep/index.js': "module.exports = 'dep'",
    },
  },
  {
    name: 'symbolic links to modules',
    files: {
      'main.js': "console.log(require('./l') === require('./real/m'), require('linked').where.split('/').slice(-2))",
      'real/m.js': 'module.exports = {}',
      'l.js@': 'real/m.js',
      'store/linked/index.js': "module.exports = { where: __filename, dep: require('dep') }",
      'store/node_modules/dep/index.js': '',
      'node_modules/linked@': '../store/linked',
    },
  },
  {
    name: 'a module that is not there',
    files: {
      'main.js':
        "for (const id of ['./none', 'none', '/none/x', './dir', '@s/none']) try { require(id) } catch (e) { console.log(e.code, e.message.replaceAll(__dirname, '')) }",
      'dir/x.txt': '',
    },
  },
  {
    name: 'JSON that is none',
    files: {
      'main.js': "try { require('./bad.json') } catch (e) { console.log(e.name, e.message.replace(__dirname, '')) }",
      'bad.json': '{"a":',
    },
  },
  {
    name: 'a module of another extension',
    files: {
      'main.js': "console.log(require('./lib.txt'), require('./noext'))",
      'lib.txt': "module.exports = 'txt'",
      noext: "module.exports = 'none'",
    },
  },
  {
    name: 'require.extensions',
    files: {
      'main.js':
        "require.extensions['.up'] = (m, f) => { m.exports = require('fs').readFileSync(f, 'utf8').toUpperCase() }; console.log(require('./a'), Object.keys(require.extensions))",
      'a.up': 'shout',
    },
  },
  {
    name: 'a hook into compilation',
    files: {
      'main.js':
        "const M = require('module'); const old = M.prototype._compile; M.prototype._compile = function (text, file) { return old.call(this, text.replace('OLD', 'NEW'), file) }; console.log(require('./lib'))",
      'lib.js': "module.exports = 'OLD'",
    },
  },
  {
    name: 'a throwing module is loaded again',
    files: {
      'main.js': "for (let i = 0; i < 2; i++) try { require('./bad') } catch (e) { console.log(e.message) }",
      'bad.js': "globalThis.n = (globalThis.n ?? 0) + 1; throw new Error('number ' + globalThis.n)",
    },
  },
  {
    name: 'shebang and strict mode',
    files: { 'main.js': "#!/usr/bin/env node\n'use strict';\nconsole.log((function () { return this })())" },
  },
  { name: 'return at the top', files: { 'main.js': "console.log('before'); return; console.log('never')" } },
  {
    name: 'import of a neighbour',
    files: {
      'main.mjs':
        "import d, { x, f as g } from './lib.mjs'; import * as all from './lib.mjs'; console.log(d, x, g(), Object.keys(all))",
      'lib.mjs': "export default 'd'; export const x = 1; export function f() { return 'f' }",
    },
  },
  {
    name: 'live bindings and circles of import',
    files: {
      'main.mjs': "import { n, up } from './a.mjs'; console.log(n); up(); console.log(n)",
      'a.mjs':
        "import { seen } from './b.mjs'; export let n = seen(); export function up() { n++ } export function early() { return 'hoisted' }",
      'b.mjs': "import { early } from './a.mjs'; export const seen = () => early().length",
    },
  },
  {
    name: 're-exports',
    files: {
      'main.mjs': "import * as m from './r.mjs'; console.log(m.a, m.renamed, m.ns.b, m.default)",
      'r.mjs':
        "export * from './x.mjs'; export { b as renamed } from './x.mjs'; export * as ns from './x.mjs'; export { default } from './x.mjs'",
      'x.mjs': "export const a = 'A', b = 'B'; export default 'D'",
    },
  },
  {
    name: 'type module',
    files: {
      'main.js':
        "import { x } from './lib.js'; import c from './old.cjs'; console.log(x, c, typeof require, import.meta.url.endsWith('main.js'))",
      'package.json': pkg({ type: 'module' }),
      'lib.js': 'export const x = 1',
      'old.cjs': 'module.exports = 2',
    },
  },
  {
    name: 'syntax tells',
    files: {
      'main.js': "import fs from 'fs'; import { x } from './lib.js'; console.log(typeof fs.readFileSync, x)",
      'lib.js': 'export const x = await Promise.resolve(5)',
    },
  },
  {
    name: 'import of CommonJS',
    files: {
      'main.mjs':
        "import c, { named, other } from './c.cjs'; import * as all from './c.cjs'; import { re } from './re.cjs'; console.log(c, named, other, Object.keys(all).sort().filter((k) => k !== 'module.exports'), re)",
      'c.cjs': 'exports.named = 1; module.exports.other = 2',
      're.cjs': "module.exports = require('./re2.cjs')",
      're2.cjs': 'exports.re = 3',
    },
  },
  {
    name: 'import of JSON',
    files: {
      'main.mjs':
        "import data from './d.json' with { type: 'json' }; console.log(data); try { await import('./d.json') } catch (e) { console.log(e.code, e.name) } console.log((await import('./d.json', { with: { type: 'json' } })).default)",
      'd.json': '{"x":1}',
    },
  },
  {
    name: 'dynamic import',
    files: {
      'main.js':
        "(async () => { const name = './l' + 'ib.mjs'; console.log((await import(name)).x, (await import('./c.js')).default, (await import('node:path')).default === require('path')); try { await import('./none.mjs') } catch (e) { console.log(e.code) } try { await import('nopackage') } catch (e) { console.log(e.code) } })()",
      'lib.mjs': 'export const x = 1',
      'c.js': "module.exports = 'cjs'",
    },
  },
  {
    name: 'dynamic import runs once',
    files: {
      'main.mjs':
        "const [a, b] = await Promise.all([import('./once.mjs'), import('./once.mjs')]); console.log(a === b, globalThis.times)",
      'once.mjs': 'globalThis.times = (globalThis.times ?? 0) + 1',
    },
  },
  {
    name: 'import.meta',
    files: {
      'main.mjs':
        "import path from 'path'; console.log(path.basename(import.meta.url), import.meta.filename === undefined || path.basename(import.meta.filename), import.meta.resolve('./x.mjs').split('/').pop(), import.meta.resolve('fs'), Object.keys(import.meta).sort()); console.log(new URL('./data.txt', import.meta.url).pathname.split('/').pop(), (await import('fs')).readFileSync(new URL('./data.txt', import.meta.url), 'utf8'))",
      'data.txt': 'data',
    },
  },
  {
    name: 'top-level await',
    files: {
      'main.mjs':
        "import { v } from './slow.mjs'; console.log(v); await new Promise((r) => setTimeout(r, 10)); console.log('end')",
      'slow.mjs': "export let v = 0; await new Promise((r) => setTimeout(r, 20)); v = 'ready'",
    },
  },
  { name: 'a top level that never ends', files: { 'main.mjs': "console.log('waits'); await new Promise(() => {})" } },
  {
    name: 'import of what is not exported',
    files: {
      'main.mjs':
        "try { await import('./bad.mjs') } catch (e) { console.log(e.name, e.message.replace(/'.*x.mjs'/, 'x')) }",
      'bad.mjs': "import { nope } from './x.mjs'",
      'x.mjs': 'export const a = 1',
    },
  },
  {
    name: 'packages by import',
    files: {
      'main.mjs':
        "import p from 'p'; import { named } from 'dual'; import 'side'; console.log(p, named, globalThis.side)",
      'node_modules/p/index.js': "module.exports = 'p'",
      'node_modules/dual/package.json': pkg({ name: 'dual', exports: { import: './i.mjs', require: './r.cjs' } }),
      'node_modules/dual/i.mjs': "export const named = 'esm'",
      'node_modules/dual/r.cjs': "exports.named = 'cjs'",
      'node_modules/side/package.json': pkg({ type: 'module', main: 's.js' }),
      'node_modules/side/s.js': 'globalThis.side = 1',
    },
  },
  {
    name: 'require of an ES module',
    files: {
      'main.js': "const m = require('./m.mjs'); console.log(m.x, m.default)",
      'm.mjs': 'export const x = 1; export default 2',
    },
  },
  {
    name: 'built-in modules by every way',
    files: {
      'main.mjs':
        "import fs, { readFileSync } from 'node:fs'; import * as star from 'fs'; import { readFile } from 'fs/promises'; import { createRequire } from 'module'; const r = createRequire(import.meta.url); console.log(fs === r('fs'), star.default === fs, readFileSync === fs.readFileSync, r('fs/promises').readFile === readFile, readFileSync(new URL('./f', import.meta.url), 'utf8'), await readFile(new URL('./f', import.meta.url), 'utf8'))",
      f: 'content',
    },
  },
  {
    name: 'a stack names the user’s file and line',
    files: {
      'main.js':
        "const { fail } = require('./lib');\n\ntry { fail() } catch (e) { console.log(e.stack.split('\\n').slice(0, 3).join('\\n').replaceAll(__dirname, '')) }",
      'lib.js': "// one\n// two\nexports.fail = function fail() {\n  throw new Error('here');\n}",
    },
  },
  {
    name: 'a stack of ES modules',
    files: {
      'main.mjs':
        "import { fail } from './lib.mjs';\n\ntry { fail() } catch (e) { console.log(e.stack.split('\\n').slice(0, 3).join('\\n').replaceAll(new URL('.', import.meta.url).href, '')) }",
      'lib.mjs': "import fs from 'fs'; // one\nvoid fs;\nexport function fail() {\n  throw new Error('here');\n}",
    },
  },
  {
    name: 'an uncaught error',
    files: { 'main.js': "console.log('before');\nthrow new TypeError('uncaught one')" },
    stderr: /uncaught one$/,
  },
  {
    name: 'an uncaught error of an ES module',
    files: { 'main.mjs': "console.log('before');\nthrow new TypeError('uncaught two')" },
    stderr: /uncaught two$/,
  },
  {
    name: 'a rejected promise',
    files: { 'main.js': "Promise.reject(new Error('rejected')); setTimeout(() => console.log('never'), 50)" },
    stderr: /Error: rejected/,
  },
  { name: 'a syntax error', files: { 'main.js': 'const a = 1;\nconst b = = 2;' }, stderr: /SyntaxError|const b/ },
  {
    name: 'a syntax error of an ES module',
    files: { 'main.mjs': "import fs from 'fs';\nconst b = = 2;" },
    stderr: /SyntaxError|const b/,
  },
  {
    name: 'a syntax error in what is required',
    files: {
      'main.js':
        "try { require('./bad') } catch (e) { console.log(e.name, e.message, e.stack.split('\\n')[0].replace(__dirname, '')) }",
      'bad.js': 'let x;\nlet x;',
    },
  },
  {
    name: 'arguments',
    files: {
      'main.js':
        "console.log(process.argv.slice(2), process.argv.length, require('path').basename(process.argv[1]), process.argv0 !== undefined, process.execArgv)",
    },
    argv: ['a b', '', '--flag', "it's", 'ünï', '*'],
  },
  {
    name: 'the environment',
    files: {
      'main.js':
        "console.log(process.env.HOME, process.env.LANG, process.env.NOPE, Object.keys(process.env).filter((k) => /ONESH_CONTEXT|NODE/.test(k))); process.env.X = 1; console.log(process.env.X, 'X' in process.env, delete process.env.X)",
    },
  },
  {
    name: 'standard input, whole',
    files: { 'main.js': "console.log(require('fs').readFileSync(0, 'utf8').split('\\n').length, process.stdin.isTTY)" },
    stdin: 'one\ntwo\nthree\n',
  },
  {
    name: 'standard input, as it comes',
    files: { 'main.mjs': 'let n = 0; for await (const part of process.stdin) n += part.length; console.log(n)' },
    stdin: 'x'.repeat(100_000),
  },
  {
    name: 'standard input, line by line',
    files: {
      'main.js':
        "const rl = require('readline').createInterface({ input: process.stdin }); rl.on('line', (l) => console.log('[' + l + ']')); rl.on('close', () => console.log('end'))",
    },
    stdin: 'a\nb\r\nc',
  },
  {
    name: 'standard output and error',
    files: {
      'main.js':
        "process.stdout.write('out'); process.stderr.write('err\\n'); console.error('more'); require('fs').writeSync(1, '-sync'); console.log(process.stdout.isTTY, process.stdout.columns)",
    },
    stderr: /err|more/,
  },
  {
    name: 'much standard output',
    files: { 'main.js': "for (let i = 0; i < 20000; i++) console.log('line number ' + i); process.exitCode = 4" },
  },
  {
    name: 'exit status',
    files: {
      'main.js':
        "process.on('exit', (s) => console.log('exit', s)); process.on('beforeExit', () => console.log('before')); setTimeout(() => { process.exitCode = 7 }, 5)",
    },
  },
  {
    name: 'process.exit',
    files: {
      'main.js':
        "process.on('exit', (s) => console.log('exit', s)); setTimeout(() => console.log('never'), 1000); process.exit(3)",
    },
  },
  {
    name: 'its own signal',
    files: {
      'main.js':
        "process.on('SIGUSR2', () => { console.log('caught'); process.exit(0) }); process.kill(process.pid, 'SIGUSR2'); setTimeout(() => {}, 5000)",
    },
  },
  {
    name: 'ended by a signal',
    files: { 'main.js': "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 5000)" },
  },
  {
    name: 'title, pid, uptime, memory',
    files: {
      'main.js':
        'console.log(typeof process.pid, process.ppid > 0, process.uptime() > 0, process.memoryUsage().rss > 0, process.platform, process.title.length > 0)',
    },
  },
  {
    name: 'a script of its own directory',
    files: {
      'bin/main.js':
        "const fs = require('fs'), path = require('path'); console.log(fs.readdirSync(__dirname), fs.readFileSync(path.join(__dirname, '../data'), 'utf8'))",
      data: 'beside',
    },
  },
  {
    name: 'is it the main module',
    files: {
      'main.mjs':
        "import { fileURLToPath } from 'url'; console.log(process.argv[1] === fileURLToPath(import.meta.url), (await import('module')).default !== undefined)",
    },
  },
  {
    name: 'a thread',
    files: {
      'main.js':
        "const { Worker } = require('worker_threads'); const w = new Worker(__dirname + '/w.js', { workerData: 5 }); w.on('message', (m) => console.log(m)); w.on('exit', (s) => console.log('exit', s))",
      'w.js':
        "const { parentPort, workerData } = require('worker_threads'); const fs = require('fs'); parentPort.postMessage([workerData, fs.readFileSync(__dirname + '/data', 'utf8'), require('./lib').v]); fs.promises.readFile(__dirname + '/data', 'utf8').then((t) => parentPort.postMessage(t))",
      'lib.js': 'exports.v = 1',
      data: 'of the thread',
    },
  },
  {
    name: 'a thread from an ES module',
    files: {
      'main.mjs':
        "import { Worker } from 'worker_threads'; const w = new Worker(new URL('./w.mjs', import.meta.url)); w.on('message', (m) => console.log(m)); await new Promise((r) => w.on('exit', r))",
      'w.mjs': "import { parentPort } from 'worker_threads'; import { v } from './lib.mjs'; parentPort.postMessage(v)",
      'lib.mjs': "export const v = 'thread'",
    },
  },
  {
    name: 'a thread of text',
    files: {
      'main.js':
        "const { Worker } = require('worker_threads'); new Worker(\"require('worker_threads').parentPort.postMessage(require('fs').readFileSync('data', 'utf8'))\", { eval: true }).on('message', (m) => console.log(m))",
      data: 'text',
    },
  },
  {
    name: 'threads at once',
    files: {
      'main.js':
        "const { Worker } = require('worker_threads'); let sum = 0, left = 3; for (let i = 0; i < 3; i++) new Worker('./w.js', { workerData: i }).on('message', (m) => { sum += m; if (--left === 0) console.log(sum) })",
      'w.js':
        "const { parentPort, workerData } = require('worker_threads'); let n = 0; for (let i = 0; i < 30; i++) n += require('fs').statSync(__filename).size > 0; parentPort.postMessage(n + workerData)",
    },
  },
  {
    name: 'children: spawn',
    files: {
      'main.js':
        "const { spawn } = require('child_process'); const c = spawn('sh', ['-c', 'cat; pwd | wc -l; echo err >&2; exit 3']); let out = '', err = ''; c.stdout.on('data', (d) => (out += d)); c.stderr.on('data', (d) => (err += d)); c.on('spawn', () => console.log('spawn', c.pid > 0)); c.on('exit', (s, g) => console.log('exit', s, g)); c.on('close', (s) => console.log('close', s, JSON.stringify(out), JSON.stringify(err), c.exitCode, c.spawnfile, c.spawnargs.length)); c.stdin.end('input\\n')",
    },
  },
  {
    name: 'children: a file of the namespace, and one that they make',
    files: {
      'main.js':
        "const { execFileSync, execSync } = require('child_process'); const fs = require('fs'); fs.writeFileSync('made', 'by the parent'); console.log(execFileSync('cat', ['made', 'data'], { encoding: 'utf8' })); execSync('echo child > by-child; mkdir d'); console.log(fs.readFileSync('by-child', 'utf8'), fs.readdirSync('.').sort()); process.chdir('d'); console.log(execSync('basename \"$PWD\"').toString())",
      data: 'data of the tree',
    },
  },
  {
    name: 'children: exec and its errors',
    files: {
      'main.js':
        "const { exec, execFile } = require('child_process'); const util = require('util'); (async () => { console.log(await util.promisify(exec)('echo out; echo err >&2')); for (const [f, ...a] of [[exec, 'exit 5'], [exec, 'no-such-command-x'], [execFile, 'no-such-file-x'], [execFile, 'false'], [exec, 'yes', { maxBuffer: 100 }], [exec, 'sleep 20', { timeout: 100 }]]) await util.promisify(f)(...a).then(console.log, (e) => console.log(e.code, e.signal, e.killed, e.cmd, e.syscall, e.path, e.message.split('\\n')[0])) })()",
    },
  },
  {
    name: 'children: the synchronous forms',
    files: {
      'main.js':
        "const { spawnSync, execSync, execFileSync } = require('child_process'); const r = spawnSync('tr', ['a-z', 'A-Z'], { input: 'shout' }); console.log(r.status, r.signal, r.stdout.toString(), r.stderr.length, r.output.length); const m = spawnSync('no-such-file-x'); console.log(m.error.code, m.error.syscall, m.status); const k = spawnSync('sh', ['-c', 'kill -9 $$']); console.log(k.status, k.signal); try { execSync('echo said >&2; exit 4', { stdio: 'pipe' }) } catch (e) { console.log(e.status, e.message, e.stderr.toString()) } console.log(spawnSync('sleep', ['20'], { timeout: 50 }).error.code, execFileSync('printf', ['%s-', 'a b', 'c']).toString(), spawnSync('echo $HOME', { shell: true, encoding: 'utf8' }).stdout)",
    },
  },
  {
    name: 'children: inherited streams, ignored streams',
    files: {
      'main.js':
        "const { spawnSync, spawn } = require('child_process'); spawnSync('echo', ['sync'], { stdio: 'inherit' }); const c = spawn('sh', ['-c', 'echo async; echo gone >&2'], { stdio: ['ignore', 'inherit', 'ignore'] }); c.on('close', (s) => console.log('closed', s, c.stdout, c.stdin))",
    },
  },
  {
    name: 'children: environment, signals',
    files: {
      'main.js':
        "const { spawn, execSync } = require('child_process'); console.log(execSync('echo $A-$B', { env: { ...process.env, A: 'x', B: undefined } }).toString()); const c = spawn('sleep', ['30']); c.on('exit', (s, g) => console.log(s, g, c.killed, c.signalCode, c.kill())); console.log(c.kill('SIGINT'));",
    },
  },
  {
    name: 'no way round by what every machine has',
    files: {
      'main.js':
        "const fs = require('fs'); const here = process.cwd() + '/data'; for (const way of ['/proc/self/root', '/dev/shm/../..', '/proc/self/fd/../root']) { try { console.log(way, fs.readFileSync(way + here, 'utf8')); } catch (e) { console.log(way, e.code); } } console.log(fs.readFileSync('/proc/self/comm').length > 0, fs.existsSync('/dev/shm'), fs.readlinkSync('/proc/self/fd/0').length > 0);",
      data: 'data of the tree',
    },
  },
  {
    name: 'a large file read in sequence, by every way and in between',
    files: {
      'main.js': `const fs = require('fs'); const { createHash } = require('crypto'); const { promisify } = require('util');
const part = Buffer.alloc(65536); const size = 2000001; const all = Buffer.alloc(size); for (let i = 0; i < size; i++) all[i] = (i * 7 + (i >> 8)) & 255;
fs.writeFileSync('large', all);
const read = promisify(fs.read);
(async () => {
  const hash = createHash('sha256'); let n = 0;
  for await (const chunk of fs.createReadStream('large')) { hash.update(chunk); n += chunk.length; }
  console.log(n, hash.digest('hex') === createHash('sha256').update(all).digest('hex'));
  const fd = fs.openSync('large', 'r+'); let at = 0;
  const expect = (got, length) => { if (!part.subarray(0, got).equals(all.subarray(at, at + got)) || got !== length) console.log('wrong at', at, got); at += got; };
  for (let i = 0; i < 12; i++) expect((await read(fd, part, 0, 65536, null)).bytesRead, 65536);
  expect(fs.readSync(fd, part, 0, 1000), 1000);
  for (let i = 0; i < 12; i++) expect((await read(fd, part, 0, 50000, null)).bytesRead, 50000);
  fs.writeSync(fd, 'here'); all.write('here', at); at += 4;
  expect((await read(fd, part, 0, 10, null)).bytesRead, 10);
  for (let i = 0; i < 9; i++) expect((await read(fd, part, 0, 60000, null)).bytesRead, 60000);
  fs.writeSync(fd, 'ahead', at); all.write('ahead', at);
  expect((await read(fd, part, 0, 100, null)).bytesRead, 100);
  const both = await Promise.all([read(fd, Buffer.alloc(10), 0, 10, null), read(fd, Buffer.alloc(10), 0, 10, null)]);
  const [one, two] = both.map((b) => b.buffer); // plain Node may do them in either order
  console.log([[one, two], [two, one]].some((order) => Buffer.concat(order).equals(all.subarray(at, at + 20))), at); at += 20;
  fs.closeSync(fd);
  const stream = fs.createReadStream('large', { highWaterMark: 100000 }); let seen = 0;
  for await (const chunk of stream) { seen += chunk.length; if (seen === 700000) fs.truncateSync('large', 900000); }
  console.log(seen);
  const twice = fs.createReadStream('large', { start: 5, end: 600004 }); let length = 0; for await (const chunk of twice) length += chunk.length; console.log(length);
})();`,
    },
  },
  {
    name: 'children: fork, and messages both ways',
    files: {
      'main.js':
        "const { fork } = require('child_process'); const c = fork('./child.js', ['one', 'two'], { env: { ...process.env, A: 'x' } }); const seen = []; c.on('message', (m) => { seen.push(m); if (m.n === 3) c.send({ stop: true }); else if (m.n) c.send({ n: m.n }); }); c.on('disconnect', () => console.log('disconnect', c.connected)); c.on('exit', (s, g) => console.log('exit', s, g)); c.on('close', () => console.log('close', JSON.stringify(seen))); console.log(c.connected, typeof c.send, c.send({ n: 0, text: 'grün\\n' + 'x'.repeat(100000) }, (e) => console.log('sent', e)));",
      'child.js':
        "process.send({ argv: process.argv.slice(2), a: process.env.A, here: require('path').basename(__filename) }); process.on('message', (m) => { if (m.stop) { process.disconnect(); process.exitCode = 4; } else process.send({ n: m.n + 1, length: m.text ? m.text.length : 0 }); });",
    },
  },
  {
    name: 'children: fork, with advanced serialization',
    files: {
      'main.js':
        "const { fork } = require('child_process'); const c = fork('./child.js', { serialization: 'advanced' }); const o = { self: null }; o.self = o; const all = [{ a: 1n, m: new Map([[1, new Set(['x'])]]), b: Buffer.from('grün'), d: new Date(0), u: undefined, f: new Float64Array([1, 2]), o, r: /x/g }, new URL('http://x/'), 'y'.repeat(300000), null, [NaN, -0], Buffer.alloc(100000, 'z')]; c.on('message', (m) => { console.log(m?.length > 50 ? m.length : m); if (m === 'bye') c.disconnect(); }); c.on('exit', (s) => console.log('exit', s)); for (const m of all) c.send(m); try { c.send({ f() {} }); } catch (e) { console.log(e.name, e.message); } c.send('end');",
      'child.js': "process.on('message', (m) => { process.send(m === 'end' ? 'bye' : m); });",
    },
  },
  {
    name: 'children: fork, silent; the parent disconnects; sending to nobody',
    files: {
      'main.js':
        "const { fork } = require('child_process'); const c = fork(__dirname + '/child.js', { silent: true }); c.stdout.on('data', (d) => process.stdout.write('out ' + d)); c.once('message', (m) => { console.log(m); c.disconnect(); console.log(c.connected); c.send('late', (e) => console.log(e.code)); }); c.on('error', (e) => console.log('error', e.code));",
      'child.js': "process.on('disconnect', () => console.log('left')); process.send([1, 'two', null, { x: true }]);",
    },
  },
  {
    name: 'children: fork of what is missing, and of what throws',
    files: {
      'main.js':
        "const { fork } = require('child_process'); fork('missing.js', { silent: true }).on('exit', (s) => { console.log('missing', s); fork('child.js', { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] }).on('message', (m) => console.log(m)).on('exit', (s) => console.log('child', s)); }); try { fork('child.js', { stdio: ['pipe', 'pipe', 'pipe'] }); } catch (e) { console.log(e.code); } try { fork(); } catch (e) { console.log(e.code); }",
      'child.js':
        "process.send('before'); process.on('message', () => {}); setImmediate(() => { throw new Error('x'); });",
    },
  },
  {
    name: 'children: spawn with messages',
    files: {
      'main.js':
        "const { spawn } = require('child_process'); const c = spawn(process.execPath, ['child.js'], { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] }); c.on('message', (m) => { console.log(m); c.stdin.end('by the stream'); }); c.stdout.on('data', (d) => console.log(String(d))); c.on('close', (s) => console.log('close', s));",
      'child.js':
        "process.send('up'); process.stdin.on('data', (d) => console.log('got ' + d)).on('end', () => process.disconnect());",
    },
  },
  {
    name: 'children: a program of the same kind',
    files: {
      'main.js':
        "const { execFileSync } = require('child_process'); console.log(execFileSync(process.execPath, [__dirname + '/child.js', 'arg'], { encoding: 'utf8', input: 'in' }))",
      'child.js': "console.log(process.argv[2], require('fs').readFileSync(0, 'utf8'), require('./lib'))",
      'lib.js': 'module.exports = 7',
    },
  },
  {
    name: 'modules of modules in vm',
    files: {
      'main.js':
        "console.log(require('vm').runInNewContext('a + 1', { a: 1 }), new Function('return typeof require')(), eval('typeof require'))",
    },
  },
  {
    name: 'timers and order',
    files: {
      'main.js':
        "const fs = require('fs'); setImmediate(() => console.log('immediate')); process.nextTick(() => console.log('tick')); Promise.resolve().then(() => console.log('micro')); console.log('sync', typeof fs)",
    },
  },
  {
    name: 'text that becomes code and imports',
    files: {
      'main.js':
        "const go = new Function('m', 'return import(m)'); const at = 'file://' + __dirname + '/lib.mjs'; go(at).then((m) => console.log(m.x)); eval(\"import('./lib.mjs').then((m) => console.log(m.x))\")",
      'lib.mjs': 'export const x = 1',
    },
  },
  {
    name: 'code that is text',
    files: {
      'main.js':
        "const s = \"import('x') import.meta export default\"; /* import y from 'z' */ const o = { import: 1, meta: 2 }; console.log(s, o.import, `import(${o.meta})`, /import\\(/.test(s))",
    },
  },
  {
    name: 'TypeScript',
    node: 23,
    files: {
      'main.ts': "import { f } from './lib.ts';\nconst n: number = f(2);\nconsole.log(n as unknown)",
      'lib.ts': 'export function f(x: number): number { return x * 2 }',
    },
  },
];
