/** `oneos`: up, token, join, status, down, by real processes; what is refused, and why. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/bin/status.js';
import { freePort } from '../support/server-process.js';
import { bin, cleanEnvironment, isRunning, type Result, run, start, startCluster, until } from '../support/system.js';

const test = suite('oneos');
const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-oneos-'));
/** A machine: an environment with a home of its own. */
function machine(name: string, config?: object) {
  const home = path.join(dir, name);
  const env = cleanEnvironment(home);
  mkdirSync(env.ONESH_HOME!, { recursive: true });
  if (config !== undefined) writeFileSync(path.join(env.ONESH_HOME!, 'runtime.json'), JSON.stringify(config));
  const oneos = (args: readonly string[], input?: string) =>
    run([path.join(bin, 'oneos'), ...args], { env, cwd: home, ...(input === undefined ? {} : { input }) });
  return {
    home,
    env,
    oneos,
    status: async () => JSON.parse((await oneos(['status', '--json'])).stdout) as ClusterStatus,
    sh: (script: string) => run([path.join(bin, 'onesh'), '-c', script], { env, cwd: home }),
  };
}

const first = machine('first', { name: 'gate', labels: ['big'], devices: [] });
const second = machine('second', { devices: [{ name: 'tap', driver: 'simulated', count: 3, intervalMs: 1 }] });
const third = machine('third');

test.before(async () => {
  const { status, stderr } = await first.oneos(['up', '-d', '--listen', '127.0.0.1:0']);
  assert.is(stderr, '');
  assert.is(status, 0);
});
test.after(async () => {
  await Promise.all([first, second, third].map((each) => each.oneos(['down'])));
  rmSync(dir, { recursive: true, force: true });
});

const newToken = async (): Promise<{ url: string; token: string }> => {
  const { stdout, stderr, status } = await first.oneos(['token']);
  assert.is(status, 0, stderr);
  const [, url, token] = /^oneos join (\S+) (\S+)\n$/.exec(stdout)!;
  return { url: url!, token: token! };
};

test('a machine joins with a token, and its devices are the cluster’s', async () => {
  const { url, token } = await newToken();
  const joined = await second.oneos(['join', '-d', '--name', 'field', url, '-'], `${token}\n`);
  assert.is(joined.stderr, '');
  assert.match(joined.stdout, /^runtime field is up in cluster c-\w{16}; broker mqtts:\/\/127\.0\.0\.1:\d+\n$/);
  const status = await first.status();
  assert.equal(
    status.runtimes.map(({ name, state, kernel, labels }) => ({ name, state, kernel, labels })),
    [
      { name: 'field', state: 'online', kernel: false, labels: [] },
      { name: 'gate', state: 'online', kernel: true, labels: ['big'] },
    ],
  );
  assert.equal(status.kernelAgents, [
    { service: 'nameserver', runtime: 'gate', state: 'online' },
    { service: 'scheduler', runtime: 'gate', state: 'online' },
  ]);
  assert.equal(status.devices, [{ name: 'tap', driver: 'simulated', direction: 'in', runtime: 'field' }]);
  assert.is((await first.sh('cat /dev/tap | wc -l')).stdout.trim(), '3');
  assert.is((await second.sh("on '#big' printenv ONESH_RUNTIME")).stdout, 'gate\n');
  const text = (await second.oneos(['status'])).stdout;
  assert.match(text, /^field \* +online/m);
  assert.match(text, /^gate +online .* nameserver scheduler$/m);
});

test('a token is good once', async () => {
  const { url, token } = await newToken();
  assert.is((await third.oneos(['join', '-d', '--name', 'extra', url, token])).status, 0);
  const again = await machine('fourth').oneos(['join', '--name', 'more', url, token]);
  assert.is(again.stderr, 'oneos: the join token was refused: it is wrong, used or expired\n');
  assert.is(again.status, 1);
});

test('no secret is in a log, an argument list or a file that others may read', async () => {
  const home = first.env.ONESH_HOME!;
  const log = readFileSync(path.join(third.env.ONESH_HOME!, 'oneos.log'), 'utf8');
  assert.is(log, '');
  const pid = (JSON.parse(readFileSync(path.join(third.env.ONESH_HOME!, 'daemon.json'), 'utf8')) as { pid: number })
    .pid;
  assert.not.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /c-\w{16}\./);
  assert.not.match(readFileSync(`/proc/${pid}/environ`, 'utf8'), /c-\w{16}\./);
  const { statSync } = await import('node:fs');
  for (const name of readdirSync(home)) {
    if (/\.(pem|json|log)$/.test(name) && name !== 'runtime.json')
      assert.is(statSync(path.join(home, name)).mode & 0o077, 0, name);
  }
});

const refused: readonly {
  name: string;
  args: (made: { url: string; token: string; closed: number }) => string[];
  status?: number;
  stderr: RegExp;
}[] = [
  {
    name: 'the name of another machine',
    args: ({ url, token }) => ['join', '--name', 'gate', url, token],
    stderr: /^oneos: the name gate is taken by another machine; choose one with --name\n$/,
  },
  {
    name: 'a token with another secret',
    args: ({ url, token }) => {
      const [cluster, id, , print] = token.split('.');
      return ['join', url, `${cluster}.${id}.${'A'.repeat(22)}.${print}`];
    },
    stderr: /^oneos: the join token was refused: it is wrong, used or expired\n$/,
  },
  {
    name: 'what is no token',
    args: ({ url }) => ['join', url, 'hello'],
    stderr: /^oneos: this is not a join token\n$/,
  },
  {
    name: 'a broker that is not there',
    args: ({ token, closed }) => ['join', `mqtt://127.0.0.1:${closed}`, token],
    stderr: /^oneos: cannot reach broker mqtt:\/\/127\.0\.0\.1:\d+: connection refused\n$/,
  },
  {
    name: 'a host that is not there',
    args: ({ token }) => ['join', 'mqtt://nosuch.invalid:1883', token],
    stderr: /^oneos: cannot reach broker mqtt:\/\/nosuch\.invalid:1883: unknown host\n$/,
  },
  {
    name: 'what is no URL',
    args: ({ token }) => ['join', 'pi1', token],
    status: 2,
    stderr: /^oneos: pi1: must be an mqtt: /,
  },
  {
    name: 'a bad name',
    args: ({ url, token }) => ['join', '--name', 'A/B', url, token],
    status: 2,
    stderr: /^oneos: --name A\/B: /,
  },
  {
    name: 'up on an external broker that is not there',
    args: ({ closed }) => ['up', '--broker', `mqtt://u:secret@127.0.0.1:${closed}`],
    stderr: /^oneos: cannot reach broker mqtt:\/\/127\.0\.0\.1:\d+: connection refused\n$/,
  },
  {
    name: 'status without a runtime',
    args: () => ['status'],
    stderr: /^oneos: no runtime is up under \S+; start one with: oneos up\n$/,
  },
  { name: 'down without a runtime', args: () => ['down'], stderr: /^oneos: no runtime is up under \S+\n$/ },
  { name: 'no command', args: () => [], status: 2, stderr: /^oneos: which command\?\nusage: / },
  { name: 'an unknown command', args: () => ['nosuch'], status: 2, stderr: /^oneos: nosuch: no such command\n/ },
  { name: 'an unknown option', args: () => ['up', '--nosuch'], status: 2, stderr: /^oneos: .*--nosuch/ },
];
/** None of them uses the token up, so all are tried at the same time. */
let tries: Promise<readonly Result[]> | undefined;
const tryAll = async (): Promise<readonly Result[]> => {
  const made = { ...(await newToken()), closed: await freePort() };
  return Promise.all(refused.map(({ args }, i) => machine(`stranger-${i}`).oneos(args(made))));
};
for (const [i, { name, status = 1, stderr }] of refused.entries()) {
  test(`refused: ${name}`, async () => {
    const result = (await (tries ??= tryAll()))[i]!;
    assert.match(result.stderr, stderr);
    assert.is(result.status, status);
    assert.is(result.stdout, '');
  });
}

test('a runtime that is up already is not started twice', async () => {
  const { status, stderr } = await first.oneos(['up']);
  assert.match(stderr, /^oneos: runtime gate is up already under \S+ \(process \d+\)\n$/);
  assert.is(status, 1);
});

test('a port that is taken', async () => {
  const { url } = await newToken();
  const { status, stderr } = await machine('late').oneos(['up', '--listen', new URL(url).host]);
  assert.match(stderr, /^oneos: 127\.0\.0\.1:\d+: address already in use\n$/);
  assert.is(status, 1);
});

test('down, then up again: the same member of the same cluster, known at the same address', async () => {
  const before = await first.status();
  assert.is((await second.oneos(['down'])).stdout, 'runtime field is down\n');
  await until(async () => (await first.status()).runtimes[1]!.state === 'offline', 'field is seen to be offline');
  assert.is((await first.oneos(['down'])).status, 0);
  assert.is((await first.oneos(['up', '-d'])).status, 0);
  assert.is((await second.oneos(['up', '-d'])).stderr, '');
  const after = await second.status();
  assert.is(after.cluster, before.cluster);
  assert.is(after.broker, before.broker);
  await until(
    async () => (await second.status()).runtimes.every((r) => r.state === 'online'),
    'every runtime is online again',
  );
});

test('a runtime that is killed with SIGKILL is seen to be offline, and its agents end', async () => {
  const child = start(
    [path.join(bin, 'onesh'), '-c', 'on field sh -c "echo \\$\\$; exec sleep 1000"; echo "status $?"'],
    {
      env: first.env,
      cwd: first.home,
    },
  );
  const [, agent] = await child.said(/^(\d+)\n/);
  const { pid } = JSON.parse(readFileSync(path.join(second.env.ONESH_HOME!, 'daemon.json'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  const { status, stderr, stdout } = await child.ended;
  assert.is(stderr, 'onesh: line 1: on field sh -c echo $$; exec sleep 1000: runtime field lost\n');
  assert.is(stdout, `${agent}\nstatus 255\n`);
  assert.is(status, 0);
  await until(() => !isRunning(Number(agent)), 'its agent has ended');
  assert.is((await first.status()).runtimes.find((r) => r.name === 'field')!.state, 'offline');
});

test('a machine that is revoked is out: its agents end, its streams are cut, its key opens nothing', async () => {
  const shell = start(
    [path.join(bin, 'onesh'), '-c', 'on extra sh -c "echo \\$\\$; exec sleep 1000"; echo "status $?"'],
    {
      env: first.env,
      cwd: first.home,
    },
  );
  const [, agent] = await shell.said(/^(\d+)\n/);
  const { pid } = JSON.parse(readFileSync(path.join(third.env.ONESH_HOME!, 'daemon.json'), 'utf8')) as { pid: number };
  assert.match(
    (await third.oneos(['revoke', 'field'])).stderr,
    /^oneos: only a kernel runtime may revoke a machine \(gate\)\n$/,
  );
  assert.match(
    (await first.oneos(['revoke', 'gate'])).stderr,
    /^oneos: gate is the only kernel runtime: it cannot be revoked\n$/,
  );
  assert.match((await first.oneos(['revoke', 'nobody'])).stderr, /^oneos: nobody: no such runtime in this cluster\n$/);
  assert.is((await first.oneos(['revoke', 'extra'])).stdout, 'extra is revoked\n');
  const { stdout, stderr } = await shell.ended;
  assert.is(stderr, 'onesh: line 1: on extra sh -c echo $$; exec sleep 1000: runtime extra lost\n');
  assert.is(stdout, `${agent}\nstatus 255\n`);
  await until(() => !isRunning(pid) && !isRunning(Number(agent)), 'its runtime and its agent have ended');
  assert.is(
    readFileSync(path.join(third.env.ONESH_HOME!, 'oneos.log'), 'utf8'),
    'oneos: extra was revoked: it is no member of the cluster any more\n',
  );
  assert.not.ok((await first.status()).runtimes.some((r) => r.name === 'extra'));
  assert.match((await third.oneos(['up'])).stderr, /^oneos: broker mqtts:\S+ refused this client: not authorised\n$/);
  // A new token lets it in again.
  const { url, token } = await newToken();
  assert.is((await third.oneos(['join', '-d', '--name', 'extra', url, token])).status, 0);
});

test('a connection that speaks no MQTT is dropped and harms nobody', async () => {
  const { url } = await newToken();
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  assert.is((await first.oneos(['status'])).status, 0);
});

test('a local cluster runs a command and leaves nothing behind', async () => {
  const env = cleanEnvironment(path.join(dir, 'local'));
  mkdirSync(env.HOME!, { recursive: true });
  const argv = [
    path.join(bin, 'oneos'),
    'cluster',
    '3',
    '--',
    'onesh',
    '-c',
    'on pi3 printenv ONESH_RUNTIME; echo $ONESH_HOME; exit 7',
  ];
  const { status, stdout, stderr } = await run(argv, { env, cwd: env.HOME! });
  assert.is(stderr, '');
  const [runtime, home] = stdout.split('\n');
  assert.is(runtime, 'pi3');
  assert.is(status, 7);
  assert.throws(() => readdirSync(path.dirname(home!)), /ENOENT/);
});

test('a local cluster is found by a shell started elsewhere, and stops cleanly', async () => {
  const cluster = await startCluster(2);
  try {
    assert.is((await cluster.sh('on pi2 printenv ONESH_RUNTIME')).stdout, 'pi2\n');
    const pids = [1, 2].map((i) => cluster.pidOf(i));
    assert.ok(pids.every(isRunning));
    await cluster.close();
    assert.not.ok(pids.some(isRunning));
  } finally {
    await cluster.close();
  }
});

test.run();
