/** The nats-server configuration of docs/cluster.md, run as it stands, at loopback addresses. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectEngine, type EngineAccess } from '../../src/kernel/coordination/nats.js';
import type { WireError } from '../../src/wire/errors.js';
import { kernelRuntimes } from '../support/kernel-runtimes.js';
import { natsAvailable, natsServer, startNats } from '../support/nats.js';
import { root } from '../support/system.js';

const test = suite('docs/cluster.md, the engine');

test('three servers and their MQTT listeners carry a cluster', async () => {
  const text = readFileSync(path.join(root, 'docs/cluster.md'), 'utf8');
  const configuration = /```nats\n(.*?)```/s.exec(text)![1]!;
  const directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-docs-nats-'));
  // A network of this test's own: all of 127/8 is this machine.
  const net = `127.${1 + Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}`;
  const numbers = [1, 2, 3];
  const servers = numbers.map((n) => {
    const own = configuration
      .replaceAll(/(listen: ")192\.0\.2\.1/g, `$1192.0.2.${n}`)
      .replace('server_name: n1', `server_name: n${n}`)
      .replace('/var/lib/nats', path.join(directory, `store${n}`))
      .replaceAll('192.0.2.', `${net}.`);
    const file = path.join(directory, `${n}.conf`);
    writeFileSync(file, own);
    return natsServer(file, 4222, `${net}.${n}`);
  });
  await Promise.all(servers.map((server) => server.start()));
  const all = (scheme: string, port: number) => numbers.map((n) => `${scheme}://${net}.${n}:${port}`).join(',');
  const kernel = kernelRuntimes(all('nats', 4222), all('mqtt', 1883));
  const account = `${JSON.stringify({ username: 'onesh', password: 'change-me' })}\n`;
  try {
    for (const name of ['gateway', 'pi1']) {
      await kernel.make(name, { 'engine.json': account, 'broker.json': account });
      await kernel.up(name);
    }
    const { stdout, stderr } = await kernel.sh('gateway', 'on pi1 printenv ONESH_RUNTIME');
    assert.is(stdout, 'pi1\n', stderr);
    const { kernelAgents } = await kernel.status('pi1');
    assert.equal(
      kernelAgents.map(({ runtime }) => runtime),
      ['gateway', 'gateway'],
    );
    // Accounts that are good for what they are for.
    const made = await kernel.oneos('gateway', 'acl', '--nats', path.join(directory, 'onesh'));
    assert.is(made.status, 0, made.stderr);
    await asAccount(directory);
    // Whoever has no account is nobody.
    await kernel.make('stranger', { 'broker.json': account });
    const refused = await kernel.up('stranger').catch(({ message }: Error) => message);
    assert.match(String(refused), /oneos: engine nats:.* refused this machine/);
  } finally {
    await kernel.close();
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
});

/** What the account of `oneos acl` for the engine may do. */
async function asAccount(directory: string): Promise<void> {
  const server = await startNats('include "onesh/nats-users.conf"', directory);
  const access = JSON.parse(readFileSync(path.join(directory, 'onesh/engine_.json'), 'utf8')) as EngineAccess;
  const engine = await connectEngine({ url: `nats://127.0.0.1:${server.natsPort}`, name: 'test', access });
  try {
    const bucket = await engine.bucket('onesh_scheduler');
    await bucket.remove('jobs/a', await bucket.put('jobs/a', 1, 0));
    assert.equal(await bucket.list('jobs'), []);
    const other = await engine.bucket('other', 500).then(
      () => 'opened',
      ({ code }: WireError) => code,
    );
    assert.is(other, 'EACCES');
  } finally {
    await engine.close();
    await server.close();
  }
}

if (natsAvailable()) test.run();
