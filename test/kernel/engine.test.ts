/** Coordination in JetStream, on real nats-servers: the contract, accounts, TLS, and a writer that is the writer no more. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectEngine, type Engine, type EngineAccess } from '../../src/kernel/coordination/nats.js';
import { natsAvailable, startNats } from '../support/nats.js';
import { codeOf, contract } from './contract.js';

if (natsAvailable()) {
  const server = await startNats();
  const url = `nats://127.0.0.1:${server.natsPort}`;
  const engine = await connectEngine({ url, name: 'test' });
  let epoch = 0;
  contract('in JetStream', () => engine.bucket('plain'));
  contract('in JetStream, by one writer', async () => (await engine.bucket('guarded')).claim(++epoch, () => {}));
  tests(engine, url, async () => {
    await engine.close();
    await server.close();
  });
}

function tests(engine: Engine, url: string, after: () => Promise<void>): void {
  const test = suite('engine');
  test.after(after);

  test('a writer that is the writer no more can write nothing, not even what is new', async () => {
    const bucket = await engine.bucket('fencing');
    const told: string[] = [];
    const first = await bucket.claim(10, () => told.push('first'));
    const kept = await first.put('jobs/a', 1, 0);
    // A key that was changed is no sign of another writer.
    assert.is(await codeOf(first.put('jobs/a', 2, 0)), 'ESTALE');
    assert.equal(told, []);
    const second = await bucket.claim(20, () => told.push('second'));
    assert.is(await codeOf(first.put('jobs/b', 1, 0)), 'ESTALE');
    assert.is(await codeOf(first.remove('jobs/a', kept)), 'ESTALE');
    assert.equal(told, ['first', 'first']);
    // One that got its lease earlier and comes late.
    assert.is(await codeOf(bucket.claim(15, () => {})), 'ESTALE');
    await second.remove('jobs/a', kept);
    await Promise.all([second.put('jobs/c', 1, 0), second.put('jobs/d', 2, 0)]);
    assert.equal(
      (await second.list('jobs')).map(({ key, value }) => [key, value]),
      [
        ['jobs/c', 1],
        ['jobs/d', 2],
      ],
    );
    assert.equal(told, ['first', 'first']);
  });

  test('what is removed leaves nothing behind', async () => {
    const bucket = await engine.bucket('removed');
    const first = await bucket.put('jobs/a', 'x', 0);
    await bucket.remove('jobs/a', first);
    const status = await (await engine.bucket('removed')).last();
    assert.is(status, first + 1);
    assert.equal(await bucket.list('jobs'), []);
    assert.is(await codeOf(bucket.put('jobs/a', 'x'.repeat(2 ** 21), 0)), 'EMSGSIZE');
  });

  test('an engine that is not there, or is none, is said to be so', async () => {
    const open = (other: string) => connectEngine({ url: other, name: 'test', timeoutMs: 300 }).then((e) => e.close());
    assert.is(await codeOf(open('nats://127.0.0.1:1')), 'ECONNREFUSED');
    for (const bad of ['mqtt://h', 'nats://', 'nats://user:secret@h', 'nats://h,tls://h', 'nats://h/x', 'nats://h:x'])
      assert.is(await codeOf(open(bad)), 'EINVAL', bad);
    // Of several servers one is enough.
    const some = await connectEngine({ url: `nats://127.0.0.1:1,${url}`, name: 'test' });
    const nothing = some.bucket('plain').then((bucket) => bucket.get('nothing'));
    assert.is(await nothing.finally(() => some.close()), undefined);
  });

  test('accounts are kept apart by password and nkey, servers are known by their authority', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-engine-'));
    const [key, crt] = [path.join(directory, 'key.pem'), path.join(directory, 'crt.pem')];
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', crt],
    ]);
    assert.is(made.status, 0, String(made.stderr));
    const { createUser } = await import('@nats-io/transport-node').then(({ nkeys }) => nkeys);
    const user = createUser();
    const server = await startNats(
      [
        `tls { cert_file: ${JSON.stringify(crt)}, key_file: ${JSON.stringify(key)} }`,
        `authorization { users: [ { user: "ann", password: "secret" }, { nkey: "${user.getPublicKey()}" } ] }`,
      ].join('\n'),
    );
    const ca = readFileSync(crt, 'utf8');
    const tls = `tls://localhost:${server.natsPort}`;
    const ask = async (access: EngineAccess): Promise<void> => {
      const other = await connectEngine({ url: tls, name: 'test', access, timeoutMs: 3000 });
      try {
        await (await other.bucket('accounts')).get('nothing');
      } finally {
        await other.close();
      }
    };
    try {
      await ask({ username: 'ann', password: 'secret', ca });
      await ask({ nkey: Buffer.from(user.getSeed()).toString(), ca });
      assert.is(await codeOf(ask({ username: 'ann', password: 'wrong', ca })), 'EACCES');
      assert.is(await codeOf(ask({ ca })), 'EACCES');
      assert.is(await codeOf(ask({ username: 'ann', password: 'secret' })), 'EACCES');
    } finally {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test.run();
}
