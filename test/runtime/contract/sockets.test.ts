/** Sockets of programs on two machines: who listens on one is reached from the other by its name, and by the cluster's. */

import { lookup } from 'node:dns/promises';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mosquittoAvailable } from '../../support/mosquitto.js';
import { until } from '../lab.js';
import { type ContractLab, makeContractLab, type StartedAgent, waitingOn } from './lab.js';

const test = suite('sockets of programs');
let lab: ContractLab;
const at = (name: string) => path.join(lab.tree, name);
/** Of this run's servers, not to be had by another's. */
let port = 20_000 + (process.pid % 12_000);

/** Starts a server; resolves once it listens: it makes a file of its name then. */
async function serve(on: 'home' | 'pi', name: string, text: string): Promise<StartedAgent> {
  const ready = `const ready = () => require('fs').writeFileSync(${JSON.stringify(at(`${name}.ready`))}, '');\n`;
  fs.writeFileSync(at(`${name}.js`), ready + text);
  const agent = await lab.start({ kind: 'node', path: at(`${name}.js`), text: ready + text }, { on });
  let ended = false;
  void agent.exited.then(() => {
    ended = true;
  });
  await until(() => ended || fs.existsSync(at(`${name}.ready`)), 20_000);
  if (ended) throw new Error(await agent.stderr);
  return agent;
}

async function ask(on: 'home' | 'pi', text: string): Promise<string> {
  fs.writeFileSync(at('client.js'), text);
  const { stdout, stderr } = await lab.asAgent({ kind: 'node', path: at('client.js'), text }, { on });
  return stdout + stderr;
}

/** What the host's own name is resolved to: what a context makes of the runtime's. */
const ownAddress = lookup(os.hostname(), 4).then(
  ({ address }) => address,
  (error: { readonly code: string }) => error.code,
);

async function end(agent: StartedAgent): Promise<void> {
  await agent.signal('SIGTERM');
  await agent.exited;
}

if (mosquittoAvailable()) {
  test.before(async () => {
    lab = await makeContractLab(waitingOn('newer'));
  });
  test.after(() => lab.close());

  for (const [server, client] of [
    ['pi', 'home'],
    ['home', 'pi'],
    ['pi', 'pi'],
  ] as const) {
    test(`an HTTP server on ${server} is reached from ${client}`, async () => {
      port += 1;
      const agent = await serve(
        server,
        `web-${server}-${client}`,
        `require('http').createServer((q, a) => { let n = 0; q.on('data', (d) => { n += d.length; }); q.on('end', () => a.end(q.method + ' ' + q.url + ' ' + n)); }).listen(${port}, ready);`,
      );
      const hosts = [server, 'cluster', `web-${server}-${client}.cluster`];
      const text = `(async () => { for (const h of ${JSON.stringify(hosts)}) {
        console.log(await (await fetch('http://' + h + ':${port}/a?b', { method: 'POST', body: 'x'.repeat(300000) })).text());
        await new Promise((done) => require('http').get({ host: h, port: ${port}, path: '/c' }, (r) => { r.setEncoding('utf8'); r.on('data', (d) => console.log(r.statusCode, d)); r.on('end', done); }));
      } })();`;
      assert.is(await ask(client, text), 'POST /a?b 300000\n200 GET /c 0\n'.repeat(3));
      await end(agent);
      const gone = `require('net').connect(${port}, ${JSON.stringify(server)}).on('error', (e) => console.log(e.code, e.syscall, e.port, e.message));`;
      const said =
        server === client
          ? /^ECONNREFUSED connect/
          : new RegExp(`^ECONNREFUSED connect ${port} connect ECONNREFUSED ${server}:${port}\n$`);
      assert.match(await ask(client, gone), said);
    });
  }

  test('either side may end first, and much goes both ways', async () => {
    port += 1;
    const agent = await serve(
      'pi',
      'echo',
      `require('net').createServer({ allowHalfOpen: true }, (s) => { let n = 0; s.on('data', (d) => { n += d.length; s.write(d); }); s.on('end', () => s.end('|' + n)); }).listen(${port}, '127.0.0.1', ready);`,
    );
    const text = `const s = require('net').connect({ port: ${port}, host: 'pi' }); let n = 0, last = '';
      s.on('connect', () => console.log('connected')); s.on('data', (d) => { n += d.length; last = (last + d).slice(-8); });
      s.on('end', () => console.log(n, last)); s.on('close', (bad) => console.log('closed', bad));
      const part = Buffer.alloc(100000, 'y'); for (let i = 0; i < 50; i++) s.write(part); s.end();`;
    assert.is(await ask('home', text), 'connected\n5000008 |5000000\nclosed false\n');
    await end(agent);
  });

  test('a server that goes in mid-connection is a connection that ends', async () => {
    port += 1;
    const agent = await serve(
      'pi',
      'rude',
      `require('net').createServer((s) => { s.write('hello'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50); }).listen(${port}, ready);`,
    );
    const text = `require('net').connect(${port}, 'pi').on('data', (d) => console.log(String(d))).on('error', () => {}).on('close', () => console.log('closed'));`;
    assert.is(await ask('home', text), 'hello\nclosed\n');
    await agent.exited;
  });

  test('Python serves Python, and JavaScript', async () => {
    port += 1;
    const text = `import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'from python ' + self.path.encode())
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(('', ${port}), Handler)
open(${JSON.stringify(at('py.ready'))}, 'w').close()
server.serve_forever()
`;
    fs.writeFileSync(at('py.py'), text);
    const agent = await lab.start({ kind: 'python', path: at('py.py'), text }, { on: 'pi' });
    await until(() => fs.existsSync(at('py.ready')), 20_000);
    const client = `import urllib.request, socket
print(urllib.request.urlopen('http://pi:${port}/a').read(), urllib.request.urlopen('http://py.cluster:${port}/b').read())
s = socket.socket(); s.connect(('pi', ${port})); s.sendall(b'GET /c HTTP/1.0\\r\\n\\r\\n'); print(s.makefile('rb').read().split()[-1])
try: socket.create_connection(('pi', 1))
except ConnectionRefusedError as e: print(e)
`;
    fs.writeFileSync(at('client.py'), client);
    const asked = await lab.asAgent({ kind: 'python', path: at('client.py'), text: client }, { on: 'home' });
    assert.is(
      asked.stdout + asked.stderr,
      "b'from python /a' b'from python /b'\nb'/c'\n[Errno 111] Connection refused\n",
    );
    assert.is(
      await ask('home', `fetch('http://pi:${port}/d').then(async (r) => console.log(await r.text()))`),
      'from python /d\n',
    );
    await end(agent);
  });

  test('TLS goes through', async () => {
    port += 1;
    const { tlsIdentity } = await import('../../../src/bus/certificate.js');
    const { generateKeys } = await import('../../../src/bus/identity.js');
    const { cert, key } = tlsIdentity(generateKeys(), 'pi');
    const agent = await serve(
      'pi',
      'secret',
      `require('tls').createServer(${JSON.stringify({ cert: String(cert), key: String(key) })}, (s) => s.end('secret ' + s.getProtocol())).listen(${port}, ready);`,
    );
    const text = `require('tls').connect({ port: ${port}, host: 'pi', rejectUnauthorized: false }).on('data', (d) => console.log(String(d))).on('error', (e) => console.log(e.message));`;
    assert.match(await ask('home', text), /^secret TLSv1/);
    await end(agent);
  });

  test('datagrams find their way there and back', async () => {
    port += 1;
    const agent = await serve(
      'pi',
      'datagrams',
      `const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send('re: ' + m, from.port, from.address)); s.bind(${port}, ready);`,
    );
    const text = `const s = require('dgram').createSocket('udp4'); let n = 0;
      s.on('message', (m) => { console.log(String(m)); if (++n === 2) s.close(); });
      s.send('one', ${port}, 'pi', () => s.send(Buffer.from('xtwoy'), 1, 3, ${port}, 'cluster'));`;
    assert.is(await ask('home', text), 're: one\nre: two\n');
    await end(agent);
  });

  for (const on of ['home', 'pi'] as const) {
    test(`the machine's name is the runtime's, the user is the session's, on ${on}`, async () => {
      const text = `import os, { hostname } from 'node:os'; import dns from 'node:dns'; import { lookup } from 'node:dns/promises';
        import net from 'node:net'; import { promisify } from 'node:util';
        const me = os.userInfo();
        const taken = ({ address }) => address, failed = ({ code }) => code;
        console.log(JSON.stringify({
          names: [os.hostname(), hostname()], home: os.homedir(), scratch: os.tmpdir(), user: [me.username, me.homedir, me.shell],
          bytes: String(os.userInfo({ encoding: 'buffer' }).username) === me.username, ids: [me.uid, me.gid],
          found: [
            await lookup(hostname(), 4).then(taken, failed),
            await promisify(dns.lookup)(hostname().toUpperCase(), 4).then(taken, failed),
            await new Promise((done) => { const s = net.createServer(); s.on('error', (e) => done(e.code)).listen(0, hostname(), () => { done(s.address().address); s.close(); }); }),
          ],
        }));`;
      const environment = { HOME: '/homes/ada', TMPDIR: '/scratch', LOGNAME: 'ada', SHELL: '/bin/zsh' };
      const program = { kind: 'node', path: at('me.mjs'), text } as const;
      fs.writeFileSync(at('me.mjs'), text);
      const { stdout, stderr } = await lab.asAgent(program, { on, environment });
      assert.is(stderr, '');
      const { username, homedir, shell, uid, gid } = os.userInfo();
      const address = await ownAddress;
      assert.equal(JSON.parse(stdout), {
        names: [on, on],
        home: '/homes/ada',
        scratch: '/scratch',
        user: on === 'home' ? [username, homedir, shell] : ['ada', '/homes/ada', '/bin/zsh'],
        bytes: true,
        // Where `pi` has a file system of its own, its user is root there.
        ids: on === 'pi' && lab.hidden ? [0, 0] : [uid, gid],
        found: [address, address, address],
      });
    });
  }

  test('other names are resolved as ever, and a path of another machine is none', async () => {
    const text = `const net = require('net');
      net.connect(1, 'nowhere.invalid').on('error', (e) => { console.log(e.code);
        net.connect(1, 'unheard-of').on('error', (e) => { console.log(/ENOTFOUND|EAI_AGAIN/.test(e.code));
          try { net.createServer().listen('./s'); } catch (e) { console.log(e.code); } }); });`;
    assert.match(await ask('pi', text), /^(ENOTFOUND|EAI_AGAIN)\ntrue\nENOSYS\n$/);
  });
} else test.skip('needs a broker', () => {});
test.run();
