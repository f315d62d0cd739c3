/** What a program sees, and what stays, when an agent or a machine is lost in the middle of its work. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { until } from '../lab.js';
import { type ContractLab, makeContractLab, waitingOn } from './lab.js';

const test = suite('faults of files');
let lab: ContractLab;
const at = (name: string) => path.join(lab.tree, name);

if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab(waitingOn('older'));
  });
  test.after(() => lab.close());

  test('an agent killed in mid-write leaves a beginning of what it wrote', async () => {
    const text = `const fs = require('fs'); const fd = fs.openSync('out', 'w');
      for (let i = 0; ; i++) fs.writeSync(fd, String(i).padStart(9, '0') + '\\n');`;
    const agent = await lab.start({ kind: 'node', path: at('writer.js'), text });
    await until(() => fs.existsSync(at('out')) && fs.statSync(at('out')).size > 200, 20_000);
    await agent.signal('SIGKILL');
    assert.is((await agent.exited).signal, 'SIGKILL');
    const lines = fs.readFileSync(at('out'), 'utf8').split('\n').slice(0, -1);
    assert.ok(lines.length > 20);
    lines.forEach((line, i) => {
      assert.is(Number(line), i);
    });
  });

  test('one that is killed while it writes a large file in sequence, too', async () => {
    const text = `const fs = require('fs'); const fd = fs.openSync('large', 'w');
      for (let i = 0; ; i++) fs.writeSync(fd, Buffer.alloc(65536, String(i).padStart(8, '0')));`;
    const agent = await lab.start({ kind: 'node', path: at('writer.js'), text });
    await until(() => fs.existsSync(at('large')) && fs.statSync(at('large')).size > 2 << 20, 20_000);
    await agent.signal('SIGKILL');
    assert.is((await agent.exited).signal, 'SIGKILL');
    const found = fs.readFileSync(at('large'), 'latin1');
    for (let i = 0; i * 65_536 + 8 <= found.length; i++) assert.is(Number(found.slice(i * 65_536, i * 65_536 + 8)), i);
    fs.rmSync(at('large'));
  });

  test('a full disk at the provider is told by the write, or by fsync or close', async () => {
    if (!lab.hidden) return;
    const text = `const fs = require('fs'); const b = Buffer.alloc(65536), told = [];
      const attempt = (what) => { try { what(); } catch (e) { told.push(e.code + ' ' + e.syscall); } };
      for (const end of [fs.fsyncSync, fs.closeSync]) {
        const fd = fs.openSync('/net/pi${lab.tree}/full', 'w'); const before = told.length;
        attempt(() => { for (let i = 0; i < 400; i++) fs.writeSync(fd, b); });
        if (told.length === before) attempt(() => end(fd));
        try { fs.closeSync(fd); } catch {}
      }
      fs.unlinkSync('/net/pi${lab.tree}/full'); console.log(told.join());`;
    fs.writeFileSync(at('full.js'), text);
    const { stdout, stderr } = await lab.asAgent({ kind: 'node', path: at('full.js'), text }, { on: 'home' });
    assert.match(stdout + stderr, /^ENOSPC (write|fsync),ENOSPC (write|close)\n$/);
  });

  test('the provider lost in mid-read gives EIO, and what is asked of it then EHOSTDOWN', async () => {
    fs.writeFileSync(at('in'), Buffer.alloc(1 << 20, 'x'));
    const text = `const fs = require('fs'); const fd = fs.openSync('in'); const b = Buffer.alloc(4096);
      fs.readSync(fd, b); fs.promises.writeFile('started', '').catch(() => {});
      const timer = setInterval(() => {
        const seen = [];
        try { fs.readSync(fd, b, 0, 4096, 0); return; } catch (e) { seen.push(e.code, e.syscall); }
        clearInterval(timer);
        try { fs.statSync('in'); } catch (e) { seen.push(e.code); }
        fs.promises.readFile('in').catch((e) => {
          seen.push(e.code);
          process.exit(seen.join() === 'EIO,read,EHOSTDOWN,EHOSTDOWN' ? 3 : 4);
        });
      }, 5);`;
    /** Large files in sequence: `go` is called until it fails. */
    const inSequence = (flags: string, go: string) => `const fs = require('fs');
      const fd = fs.openSync('${flags}', '${flags}'), b = Buffer.alloc(65536);
      try { for (let i = 0; ; i++) { ${go}; if (i === 30) fs.promises.writeFile('started ${flags}', '').catch(() => {}); } }
      catch (e) { try { fs.closeSync(fd); } catch {} process.exitCode = e.code === 'EIO' ? 3 : 4; }`;
    fs.truncateSync(at('in'), 1 << 20);
    fs.writeFileSync(at('r'), '');
    fs.truncateSync(at('r'), 2 ** 40);
    const agents = await Promise.all(
      [
        text,
        inSequence('r', 'fs.readSync(fd, b)'),
        inSequence('w', 'if (i < 40) fs.writeSync(fd, b); else fs.fsyncSync(fd)'),
      ].map((each, i) => lab.start({ kind: 'node', path: at(`lost${i}.js`), text: each })),
    );
    for (const name of ['started', 'started r', 'started w']) await until(() => fs.existsSync(at(name)), 20_000);
    lab.kill('home');
    // Their streams end at the home runtime too: only their status tells.
    assert.equal(await Promise.all(agents.map(async ({ exited }) => (await exited).status)), [3, 3, 3]);
  });
} else test.skip('needs a broker', () => {});
test.run();
