/** What a program sees, and what stays, when an agent or a machine is lost in the middle of its work. */
import * as fs from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { until } from '../lab.js';
import { type ContractLab, makeContractLab } from './lab.js';

const test = suite('faults of files');
let lab: ContractLab;
const at = (name: string) => path.join(lab.tree, name);

if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab();
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
    const agent = await lab.start({ kind: 'node', path: at('reader.js'), text });
    await until(() => fs.existsSync(at('started')), 20_000);
    lab.kill('home');
    // Its streams end at the home runtime too: only its status tells.
    assert.is((await agent.exited).status, 3);
  });
} else test.skip('needs a broker', () => {});
test.run();
