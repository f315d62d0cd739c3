/**
 * Three kernel runtimes whose state three nats-servers keep: whichever of the six is killed, every service answers; one that is
 * stopped and wakes up finds itself out of office.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectEngine } from '../../src/kernel/coordination/nats.js';
import { type KernelRuntimes, kernelRuntimes } from '../support/kernel-runtimes.js';
import { type Mosquitto, mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { type NatsCluster, natsAvailable, startNatsCluster } from '../support/nats.js';
import { until } from '../support/system.js';

const test = suite('engine');
const names = ['k1', 'k2', 'k3'];
let nats: NatsCluster;
let mosquitto: Mosquitto;
let kernel: KernelRuntimes;

test.before(async () => {
  [nats, mosquitto] = await Promise.all([startNatsCluster(), startMosquitto()]);
  kernel = kernelRuntimes(nats.engine, mosquitto.url);
  await Promise.all(names.map((name) => kernel.up(name)));
  await nats.settled();
});
test.after(async () => {
  await kernel.close();
  await Promise.all([nats.close(), mosquitto.close()]);
});

/** Who runs which kernel agent, as `who` is told. */
const holders = async (who: string): Promise<Record<string, string>> =>
  Object.fromEntries((await kernel.status(who)).kernelAgents.map(({ service, runtime }) => [service, runtime]));
const others = (name: string): string[] => names.filter((each) => each !== name);

/** Each service answers, and goes by what it has kept. How soon depends on the servers, which may have to elect first. */
async function answers(from: string, to: string): Promise<void> {
  const hasToken = async () => (await kernel.oneos(from, 'token')).status === 0;
  const [, job] = await Promise.all([
    until(hasToken, 'the name server answers'),
    kernel.sh(from, `on ${to} printenv ONESH_RUNTIME`),
  ]);
  assert.is(job.stdout, `${to}\n`, job.stderr);
  const { kernelAgents, runtimes } = await kernel.status(from);
  assert.equal(runtimes.map(({ name }) => name).sort(), names);
  assert.equal(kernelAgents.map(({ service }) => service).sort(), ['nameserver', 'scheduler']);
}

test('of several who change one thing at one time one does', async () => {
  // Each speaks to a server of its own.
  const engines = await Promise.all(nats.engine.split(',').map((url) => connectEngine({ url, name: 'rival' })));
  const buckets = await Promise.all(engines.map((engine) => engine.bucket('rivals')));
  let revision = 0;
  const winners: number[] = [];
  for (let round = 0; round < 20; round++) {
    const puts = Array.from({ length: 9 }, (_, i) => buckets[i % 3]!.put('leader', i, revision));
    const results = await Promise.allSettled(puts);
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    winners.push(won.length);
    revision = Math.max(revision, ...won);
  }
  await Promise.all(engines.map((engine) => engine.close()));
  assert.equal(winners, Array(20).fill(1));
});

test('what one of them knows all of them know', async () => {
  const seen = await Promise.all(names.map(holders));
  assert.equal(Object.keys(seen[0]!).sort(), ['nameserver', 'scheduler']);
  assert.equal(seen[1], seen[0]);
  assert.equal(seen[2], seen[0]);
  await answers('k1', 'k2');
});

test('a kernel runtime that is killed is followed by another, which knows the jobs that run', async () => {
  const victim = (await holders('k1')).scheduler!;
  const [from, to] = others(victim) as [string, string];
  const job = kernel.startSh(from, `on ${to} sh -c 'echo begun; read x; echo "$x"'`, { input: null });
  await job.said(/begun/);
  kernel.kill(victim, 'SIGKILL');
  await kernel.ended(victim);
  await answers(from, to);
  const { kernelAgents, jobs } = await kernel.status(to);
  assert.ok(
    kernelAgents.every(({ runtime, state }) => runtime !== victim && state === 'online'),
    JSON.stringify(kernelAgents),
  );
  assert.equal(
    jobs.map(({ home }) => home),
    [from],
  );
  job.child.stdin!.end('still here\n');
  const { status, stdout, stderr } = await job.ended;
  assert.equal([status, stdout], [0, 'begun\nstill here\n'], stderr);
  await kernel.up(victim);
});

test('one that holds nothing is not missed', async () => {
  const held = Object.values(await holders('k1'));
  const victim = names.find((name) => !held.includes(name))!;
  kernel.kill(victim, 'SIGKILL');
  await kernel.ended(victim);
  const [from, to] = others(victim) as [string, string];
  await answers(from, to);
  await kernel.up(victim);
});

test('one that was stopped and wakes up is out of office, and says nothing', async () => {
  const before = await holders('k1');
  const victim = before.scheduler!;
  const [from, to] = others(victim) as [string, string];
  const revision = (await kernel.oneos(from, 'status')).status;
  assert.is(revision, 0);
  kernel.kill(victim, 'SIGSTOP');
  try {
    await until(async () => (await holders(from)).scheduler !== victim, 'the scheduler moves');
    await answers(from, to);
  } finally {
    kernel.kill(victim, 'SIGCONT');
  }
  // It hears from the others that it is not in office; asked there, the same ones answer.
  const after = await holders(from);
  assert.is.not(after.scheduler, victim);
  await answers(victim, from);
  assert.equal(await holders(victim), await holders(from));
  assert.equal(await holders(victim), after);
});

test('one that goes leaves its office to another, and can be revoked then', async () => {
  const victim = (await holders('k1')).nameserver!;
  const [from, to] = others(victim) as [string, string];
  assert.match(
    (await kernel.oneos(from, 'revoke', victim)).stderr,
    /^oneos: k\d runs the .*: stop its runtime first\n$/,
  );
  assert.is((await kernel.oneos(victim, 'down')).status, 0);
  await answers(from, to);
  assert.is((await kernel.oneos(from, 'revoke', victim)).status, 0);
  assert.equal((await kernel.status(from)).runtimes.map(({ name }) => name).sort(), others(victim));
  // Its account of the engine is good still, which is what makes it a kernel runtime.
  await kernel.up(victim);
  await answers(victim, from);
});

test('a nats-server that is killed is not missed; who leads the others is their affair', async () => {
  // Somebody who writes all the time, to see that each change is made, and made once.
  const engine = await connectEngine({ url: nats.engine, name: 'writer' });
  const writer = await (await engine.bucket('writer', 20_000)).claim(1, () =>
    assert.unreachable('there is one writer'),
  );
  let count = 0;
  let writing = true;
  const written = (async () => {
    for (let revision = 0; writing; count++) revision = await writer.put('count', count + 1, revision);
  })();
  written.catch(() => {}); // said where it is waited for
  try {
    for (const server of nats.servers) {
      await nats.settled();
      const before = await holders('k1');
      await server.stop();
      // What has been kept is answered from at once, and by the same ones: they do not run about while there is nobody to ask.
      assert.equal(await holders('k2'), before);
      const { status, stdout, stderr } = await kernel.sh('k1', 'on k2 printenv ONESH_RUNTIME');
      assert.equal([status, stdout], [0, 'k2\n'], stderr);
      await server.start();
    }
    writing = false;
    await written;
    assert.is((await writer.get('count'))!.value, count);
  } finally {
    writing = false;
    await engine.close();
  }
  await nats.settled();
  await answers('k1', 'k2');
});

test('a machine that joins with a token is a member like any, and no kernel runtime', async () => {
  const [, , url, token] = (await kernel.oneos('k1', 'token')).stdout.trim().split(' ');
  await kernel.make('plain', {});
  const joined = await kernel.oneos('plain', 'join', '-d', '--name', 'plain', url!, token!);
  assert.is(joined.status, 0, joined.stderr);
  try {
    const { stdout, stderr } = await kernel.sh('plain', 'on k1 printenv ONESH_RUNTIME');
    assert.is(stdout, 'k1\n', stderr);
    const refused = await kernel.oneos('plain', 'revoke', 'k1');
    assert.match(refused.stderr, /^oneos: only a kernel runtime may revoke a machine \((k\d, ){2}k\d\)\n$/);
  } finally {
    await kernel.oneos('plain', 'down');
  }
});

test('nothing of it went wrong unnoticed', () => {
  assert.not.match(kernel.said(), /Error|at .*\(.*:\d+:\d+\)/);
});

if (natsAvailable() && mosquittoAvailable()) test.run();
