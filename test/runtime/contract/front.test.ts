/** Programs at home: what is of their own machine is Node's own, and every way that leads to another machine leads there. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { until } from '../lab.js';
import { type ContractLab, inTurns, makeContractLab, type Ran, waitingOn } from './lab.js';

const test = suite('the front of a context');
let lab: ContractLab;

interface Case {
  readonly name: string;
  /** `at` is a directory of another machine, with `mod.js` and `text` in it. */
  readonly text: string;
  readonly out: string;
  /** An ES module. */
  readonly esm?: boolean;
  /** Away from home, it is the same. */
  readonly away?: boolean;
}

const cases: readonly Case[] = [
  {
    name: 'a path that is bytes',
    text: "console.log(require('fs').readFileSync(Buffer.from(`${at}/text`), 'utf8'))",
    out: 'far',
  },
  { name: 'a URL', text: "console.log(require('fs').readFileSync(new URL(`file://${at}/text`), 'utf8'))", out: 'far' },
  {
    name: 'a path with dots',
    text: "console.log(require('fs').readFileSync(`/tmp/..${at}/text`, 'utf8'))",
    out: 'far',
  },
  {
    name: 'fs.promises',
    text: "const { promises } = require('fs'); promises.readFile(`${at}/text`, 'utf8').then(console.log)",
    out: 'far',
  },
  {
    name: 'fs/promises',
    text: "const { readFile } = require('fs/promises'); readFile(`${at}/text`, 'utf8').then(console.log)",
    out: 'far',
  },
  { name: 'a callback', text: "require('fs').readFile(`${at}/text`, 'utf8', (e, t) => console.log(t))", out: 'far' },
  {
    name: 'a promised callback',
    text: "const { promisify } = require('util'); const fs = require('fs'); (async () => { const fd = fs.openSync(`${at}/text`); const { bytesRead, buffer } = await promisify(fs.read)(fd, Buffer.alloc(9), 0, 9, 0); console.log(await promisify(fs.exists)(`${at}/text`), await promisify(fs.exists)(`${at}/none`), bytesRead, String(buffer.subarray(0, bytesRead))); })()",
    out: 'true false 3 far',
  },
  {
    name: 'the native form',
    text: "console.log(require('fs').realpathSync.native(`${at}/./text`) === `${at}/text`)",
    out: 'true',
  },
  {
    name: 'a stream',
    text: "require('fs').createReadStream(`${at}/text`, 'utf8').on('data', console.log)",
    out: 'far',
  },
  {
    name: 'two paths, one of them far',
    text: "const fs = require('fs'); const near = `${__filename}.copy`; fs.copyFileSync(`${at}/text`, near); try { fs.renameSync(near, `${at}/moved`); } catch (e) { console.log(e.code); } console.log(fs.readFileSync(near, 'utf8')); fs.unlinkSync(near);",
    out: 'EXDEV\nfar',
  },
  {
    name: 'a link there',
    text: "const fs = require('fs'); fs.symlinkSync('text', `${at}/link`); console.log(fs.readFileSync(`${at}/link`, 'utf8'));",
    out: 'far',
  },
  {
    name: 'the working directory',
    text: "const fs = require('fs'); process.chdir(at); console.log(process.cwd() === at, fs.readFileSync('text', 'utf8'), fs.existsSync('none'));",
    out: 'true far false',
  },
  { name: 'require of a path', text: 'console.log(require(`${at}/mod.js`).where)', out: 'pi' },
  {
    name: 'require of a relative path',
    text: "console.log(require(`./${require('path').relative(__dirname, at)}/mod`).where)",
    out: 'pi',
  },
  {
    name: 'createRequire',
    text: "console.log(require('module').createRequire(`${at}/x.js`)('./mod').where)",
    out: 'pi',
  },
  {
    name: 'resolving from there',
    text: "console.log(require.resolve('./mod', { paths: [at] }) === `${at}/mod.js`)",
    out: 'true',
  },
  {
    name: 'a static import',
    esm: true,
    text: "import fs, { readFileSync, promises } from 'node:fs'; console.log(readFileSync(`${at}/text`, 'utf8'), await promises.readFile(`${at}/text`, 'utf8'), fs.existsSync(`${at}/text`));",
    out: 'far far true',
  },
  {
    name: 'import() of a CommonJS module',
    text: 'import(`${at}/mod.js`).then((m) => console.log(m.where, m.default.where))',
    out: 'pi pi',
  },
  {
    name: 'import() of an ES module, and of what that imports',
    text: 'import(`${at}/mod.mjs`).then((m) => console.log(m.where, m.text, m.url === `file://${at}/mod.mjs`), (e) => console.log(e))',
    out: 'pi far true',
  },
  {
    name: 'import() of a URL',
    text: "import(new URL('mod.mjs', `file://${at}/x`).href).then((m) => console.log(m.where))",
    out: 'pi',
  },
  {
    name: 'import() of what is not there',
    text: 'import(`${at}/none.mjs`).catch((e) => console.log(e.code))',
    out: 'ERR_MODULE_NOT_FOUND',
  },
  {
    name: 'import() in an ES module',
    esm: true,
    text: 'const { where, text } = await import(`${at}/mod.mjs`); console.log(where, text, import.meta.url.endsWith(".mjs"))',
    out: 'pi far true',
  },
  {
    name: 'a static import of an ES module there',
    esm: true,
    text: "import { where } from '@AT@/mod.mjs'; import fs from 'node:fs'; import data from '@AT@/data.json' with { type: 'json' }; console.log(where, data.n, fs.readFileSync(`${at}/text`, 'utf8'))",
    out: 'pi 7 far',
  },
  {
    name: 'a static import by a relative path',
    esm: true,
    text: "import { where } from '@UP@/mod.mjs'; console.log(where, '/net/'.length)",
    out: 'pi 5',
  },
  {
    name: 'what is imported there is one module',
    esm: true,
    text: "const [a, b] = await Promise.all([import(`${at}/mod.mjs`), import(`file://${at}/mod.mjs`)]); console.log(a === b, typeof (await import('node:path')).join)",
    out: 'true function',
  },
  {
    name: 'a child there',
    text: "console.log(String(require('child_process').execSync('echo $ONESH_RUNTIME; cat text', { cwd: at })))",
    out: 'pi\nfar',
  },
  {
    name: 'a built-in module by its name',
    text: "console.log(String(process.getBuiltinModule('node:child_process').execSync('cat text', { cwd: at })))",
    out: 'far',
  },
  {
    name: 'a thread',
    text: "const { Worker } = require('worker_threads'); new Worker(`require('worker_threads').parentPort.postMessage(require('fs').readFileSync('${at}/text', 'utf8'))`, { eval: true }).on('message', console.log)",
    out: 'far',
  },
  {
    name: 'a server and a socket for a child of this machine',
    away: true,
    text: `const net = require('net'), { fork } = require('child_process');
      if (process.argv[2] === 'child') process.on('message', (m, handle) => {
        if (m === 'server') handle.on('connection', (s) => s.end('by the child'));
        else handle.end('the parent accepted', () => process.exit());
        process.send('has ' + m);
      });
      else {
        const child = fork(__filename, ['child']), server = net.createServer(), own = net.createServer({ pauseOnConnect: true });
        const ask = (port) => new Promise((resolve) => { let text = ''; net.connect(port, '127.0.0.1').on('data', (d) => { text += d; }).on('close', () => resolve(text)); });
        server.listen(0, '127.0.0.1', () => {
          const { port } = server.address();
          child.once('message', async (said) => {
            server.close();
            console.log(said, await ask(port));
            own.on('connection', (s) => child.send('socket', s));
            own.listen(0, '127.0.0.1', async () => { console.log(await ask(own.address().port)); own.close(); });
          });
          child.send('server', server);
        });
      }`,
    out: 'has server by the child\nthe parent accepted',
  },
  {
    name: 'a handle for a child of another machine',
    text: `const net = require('net'), { fork } = require('child_process');
      const child = fork(at + '/mod.js', { cwd: at, silent: true }), server = net.createServer().listen(0, () => {
        try { child.send('server', server); } catch (e) { console.log(e.code, e.message); }
        server.close(); child.disconnect();
      });`,
    out: 'ENOSYS sending a handle to a child of another machine is not available in this context',
  },
  {
    name: 'a cluster of workers of this machine',
    away: true,
    text: `const cluster = require('cluster'), http = require('http');
      if (cluster.isPrimary) {
        const worker = cluster.fork();
        worker.on('listening', ({ port }) => http.get({ port, host: '127.0.0.1', agent: false }, async (r) => {
          let text = ''; for await (const part of r) text += part; console.log(text); worker.disconnect();
        }));
        worker.on('exit', (status) => console.log('exit', status));
      } else http.createServer((q, r) => r.end('worker ' + cluster.worker.id)).listen(0, '127.0.0.1');`,
    out: 'worker 1\nexit 0',
  },
  {
    name: 'the name of the machine',
    text: "console.log(require('os').hostname(), process.execArgv.length)",
    out: 'home 0',
  },
  {
    name: 'what the program itself has put in the place of fs',
    text: "const fs = require('fs'); const { readFileSync } = fs; let calls = 0; fs.readFileSync = (...args) => { calls += 1; return readFileSync(...args); }; require('child_process'); console.log(fs.readFileSync(`${at}/text`, 'utf8'), fs.readFileSync(__filename).length > 9, calls);",
    out: 'far true 2',
  },
  {
    name: 'globals are as they were once they were looked at',
    text: "const { value, writable, enumerable } = (fetch, Object.getOwnPropertyDescriptor(globalThis, 'fetch')); console.log(typeof value, writable, enumerable, value === fetch)",
    out: 'function true true true',
  },
];

/** What a program away from home forks. */
const forks: readonly Case[] = [
  {
    name: 'a child is beside its parent, and has the files that it has',
    text: `const fs = require('fs'), { fork } = require('child_process');
      const told = () => process.env.ONESH_RUNTIME + ' ' + require('os').hostname() + ' ' + fs.existsSync(__filename) + ' ' + process.argv.slice(2) + ' ' + process.env.A;
      if (process.argv[2]) process.send(told()), process.disconnect();
      else fork(__filename, ['child'], { env: { ...process.env, A: 'a=b' } }).on('message', (m) => console.log(m)).on('close', (s) => console.log('close', s));`,
    out: 'pi pi true child a=b\nclose 0',
  },
  {
    name: 'streams of a child, and of its own child',
    text: `const { fork } = require('child_process'), depth = Number(process.argv[2] ?? 0);
      if (depth === 2) { process.stdout.write('deepest\\n'); process.stdin.on('data', (d) => process.stdout.write(d)); process.disconnect(); }
      else if (depth === 1) { process.stdout.write('between\\n'); fork(__filename, ['2'], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] }).on('exit', (s) => { console.log('ended', s); process.disconnect(); process.stdin.destroy(); }); }
      else { const c = fork(__filename, ['1'], { silent: true }); let all = ''; c.stdout.on('data', (d) => { all += d; }); c.stdin.end('typed\\n'); c.on('close', (s) => console.log(all.trim(), s, fork(__filename, ['2'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }).stdout)); }`,
    out: 'between\ndeepest\ntyped\nended 0 0 null\ndeepest',
  },
  {
    name: 'signals, deadlines and errors of a child',
    text: `const { fork } = require('child_process');
      if (process.argv[2] === 'throw') { process.stderr.write = () => true; throw new Error('of the child'); }
      else if (process.argv[2]) { process.on('message', () => {}); process.send('up'); }
      else {
        const ended = (c) => new Promise((resolve) => c.on('error', (e) => console.log(e.name)).on('exit', (...how) => resolve(how.join())));
        (async () => {
          const c = fork(__filename, ['child']);
          c.on('message', () => console.log(c.kill(0), c.kill('SIGINT'), c.killed));
          console.log(await ended(c), c.signalCode, c.kill());
          console.log(await ended(fork(__filename, ['child'], { timeout: 1, killSignal: 'SIGKILL' })));
          const stop = new AbortController(), stopped = fork(__filename, ['child'], { signal: stop.signal });
          stopped.on('message', () => stop.abort());
          console.log(await ended(stopped), await ended(fork(__filename, ['throw'], { silent: true })));
        })();
      }`,
    out: 'true true true\n,SIGINT SIGINT false\n,SIGKILL\nAbortError\n,SIGTERM 1,',
  },
  {
    name: 'workers that share a port themselves, and datagrams',
    text: `const cluster = require('cluster'), net = require('net'), dgram = require('dgram');
      cluster.schedulingPolicy = cluster.SCHED_NONE;
      if (cluster.isPrimary) {
        const workers = [cluster.fork(), cluster.fork()], ports = {}; let up = 0;
        cluster.on('listening', (worker, { addressType, port }) => {
          ports[addressType] = port;
          if (++up < 4) return;
          net.connect(ports[4], '127.0.0.1').on('data', (d) => console.log(String(d))).on('close', () => {
            const s = dgram.createSocket('udp4');
            s.on('message', (m) => { console.log(String(m)); s.close(); for (const w of workers) w.kill(); });
            s.send('x', ports.udp4, '127.0.0.1');
          });
        });
        let ends = 0; cluster.on('exit', (worker, status, signal) => { ends += 1; if (ends === 2) console.log('both', signal); });
      } else {
        net.createServer((s) => s.end('served')).listen(0, '127.0.0.1');
        const s = dgram.createSocket('udp4'); s.on('message', (m, { port }) => s.send('re: ' + m, port)); s.bind(0);
      }`,
    out: 'served\nre: x\nboth SIGTERM',
  },
];

/** What a program can see of `fs` without calling it. */
const shape = `const fs = require('fs');
const of = (o) => Object.keys(o).filter((k) => typeof o[k] === 'function').map((k) => [k, o[k].name, o[k].length]);
console.log(JSON.stringify([of(fs), of(fs.promises), Object.keys(fs.realpathSync), process.argv.length]));`;

if (mosquittoAvailable()) {
  const outcomes = new Map<Case, Ran>();
  const away = new Map<Case, Ran>();
  const run = (name: string, text: string): Promise<Ran> => {
    const file = path.join(lab.tree, name);
    fs.writeFileSync(file, text);
    return lab.asAgent({ kind: 'node', path: file, text }, { on: 'home' });
  };
  test.before(async () => {
    lab = await makeContractLab(waitingOn('older'));
    const where = 'process.env.ONESH_RUNTIME === "home" && __filename';
    const files = {
      text: 'far',
      'mod.js': `exports.where = (${where}).split('/')[2];`,
      'mod.mjs':
        "import { readFileSync } from 'node:fs';\nexport { where } from './mod.js';\nexport const { url } = import.meta;\nexport const text = readFileSync(new URL('text', url), 'utf8');",
      'data.json': '{ "n": 7 }',
    };
    const plant = `const fs = require('fs'); const at = '/net/pi${lab.tree}/far'; fs.mkdirSync(at);
      for (const [name, text] of Object.entries(${JSON.stringify(files)})) fs.writeFileSync(at + '/' + name, text);`;
    assert.is((await run('plant.js', plant)).stderr, '');
    await inTurns(cases, async (row, i) => {
      const file = `case${i}.${row.esm ? 'mjs' : 'js'}`;
      const at = `/net/pi${lab.tree}/far`;
      const text = row.text.replaceAll('@AT@', at).replaceAll('@UP@', path.relative(lab.tree, at));
      outcomes.set(row, await run(file, `const at = '${at}';\n${text}`));
    });
    await inTurns([...cases.filter(({ away }) => away), ...forks], async (row, i) => {
      const file = path.join(lab.tree, `away${i}.js`);
      fs.writeFileSync(file, row.text);
      away.set(row, await lab.asAgent({ kind: 'node', path: file, text: row.text }));
    });
  });
  test.after(() => lab.close());
  for (const row of cases) {
    test(row.name, () => {
      const { stdout, stderr } = outcomes.get(row)!;
      assert.is(stdout.trim() + stderr, row.out);
    });
  }
  for (const row of [...cases.filter((each) => each.away), ...forks]) {
    test(`away from home: ${row.name}`, () => {
      const { stdout, stderr } = away.get(row)!;
      assert.is(stdout.trim() + stderr, row.out);
    });
  }
  test('away from home: a signal for a program is one for what it has forked', async () => {
    const ready = path.join(lab.tree, 'forked.ready');
    const text = `const { fork } = require('child_process');
      if (process.argv[2]) { setInterval(() => {}, 1000); require('fs').writeFileSync(${JSON.stringify(ready)}, ''); }
      else {
        process.on('SIGINT', () => {});
        fork(__filename, ['child']).on('exit', (...how) => { console.log(how.join()); process.exit(); });
        setTimeout(() => process.exit(1), 30000);
      }`;
    const file = path.join(lab.tree, 'signalled.js');
    fs.writeFileSync(file, text);
    const agent = await lab.start({ kind: 'node', path: file, text });
    await until(() => fs.existsSync(ready), 20_000);
    await agent.signal('SIGINT');
    assert.is(await agent.stdout, ',SIGINT\n');
    await agent.exited;
  });
  test('the functions of fs look as Node’s', async () => {
    const agent = await run('shape.js', shape);
    const plain = await lab.plainly([process.execPath, path.join(lab.tree, 'shape.js')]);
    assert.equal(agent, plain);
  });
} else test.skip('needs a broker', () => {});
test.run();
