/** The scheduler, with real runtimes on an in-memory bus, stopped and started again under running jobs. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryHub } from '../../src/bus/memory.js';
import { keepDescriptors } from '../../src/host/libc.js';
import { setModuleRoot } from '../../src/host/modules.js';
import { openCoordination } from '../../src/kernel/coordination/embedded.js';
import { startScheduler } from '../../src/kernel/scheduler/driver.js';
import { startRuntime } from '../../src/runtime/index.js';
import type { Plan } from '../../src/wire/graph.js';
import { newAgentId, newJobId, newSessionId, type RuntimeName } from '../../src/wire/ids.js';
import type { Body, JobRecord } from '../../src/wire/messages.js';
import { topics } from '../../src/wire/topics.js';
import { makeMembers } from '../support/members.js';

const root = process.env.ONESH_ROOT ?? process.cwd();
const test = suite('scheduler');
const gateway = 'gateway' as RuntimeName;

async function makeCluster() {
  setModuleRoot(path.join(root, 'package.json'));
  keepDescriptors();
  const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-scheduler-'));
  const hub = new MemoryHub();
  const members = makeMembers();
  const { cluster } = members;
  const pi = await startRuntime({
    peer: await members.peer('pi1', hub.connect()),
    config: { name: 'pi1' as RuntimeName, labels: [], devices: [] },
    home: path.join(dir, 'pi1'),
    kernel: false,
    incarnation: 1,
    contextFile: '',
    shell: ['/bin/sh'],
    version: 'test',
  });
  const kernelPeer = await members.peer(gateway, hub.connect());
  const id = newSessionId(gateway);
  const session = await members.peer(gateway, hub.connect(), id);
  const reports = new Set<(body: Body) => void>();
  await session.serve(topics.sessionInbox(cluster, id), (body) => {
    if (body.type === 'login.get') return { type: 'ok' };
    for (const each of [...reports]) each(body);
    return undefined;
  });
  const kernel = path.join(dir, 'cluster');
  const start = async (returnMs = 20_000) =>
    startScheduler({
      peer: kernelPeer,
      coordination: await openCoordination(kernel),
      onGone: () => () => {},
      users: undefined,
      returnMs,
    });
  const ask = (body: Body) => session.request(topics.kernel(cluster, 'scheduler'), body);
  const jobs = async (): Promise<readonly JobRecord[]> =>
    ((await ask({ type: 'job.list' })) as Extract<Body, { type: 'jobs' }>).jobs;
  const until = async (done: (jobs: readonly JobRecord[]) => boolean) => {
    const deadline = performance.now() + 20_000;
    for (let now = await jobs(); !done(now); now = await jobs()) {
      if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(now)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const submit = async () => {
    const plan: Plan = {
      version: 1,
      job: newJobId(),
      session: id,
      home: gateway,
      source: 'sleep 600',
      agents: [
        {
          id: newAgentId(),
          argv: ['sleep', '600'],
          program: { kind: 'native', name: 'sleep' },
          constraints: [],
          locality: [],
          operands: [],
          text: 'sleep 600',
        },
      ],
      edges: [],
      context: { environment: { PATH: process.env.PATH ?? '' }, cwd: '/', umask: 0o022 },
    };
    await ask({ type: 'job.submit', plan });
    return plan;
  };
  const kept = () => readdirSync(path.join(kernel, 'jobs'));
  const ended = () =>
    new Promise<void>((resolve) => {
      reports.add((body) => {
        if (body.type === 'agent.state' && body.state === 'exited') resolve();
      });
    });
  return { dir, hub, members, session, kernelPeer, pi, start, ask, jobs, until, submit, kept, ended };
}

type Cluster = Awaited<ReturnType<typeof makeCluster>>;

async function close({ pi, session, kernelPeer, dir }: Cluster): Promise<void> {
  await pi.close();
  await session.close();
  await kernelPeer.close();
  rmSync(dir, { recursive: true, force: true });
}

test('a scheduler that starts anew knows the jobs, and can end them', async () => {
  const cluster = await makeCluster();
  const first = await cluster.start();
  const plan = await cluster.submit();
  await cluster.until(([job]) => job?.agents[0]?.state === 'running');
  const before = await cluster.jobs();
  assert.equal(cluster.kept(), [`${plan.job}.json`]);
  await first.close();
  const second = await cluster.start();
  await cluster.until(([job]) => job?.agents[0]?.state === 'running');
  assert.equal(await cluster.jobs(), before);
  const ended = cluster.ended();
  assert.equal(await cluster.ask({ type: 'job.signal', job: plan.job, signal: 'SIGTERM' }), { type: 'ok' });
  await ended;
  await cluster.until((jobs) => jobs.length === 0);
  await second.close();
  assert.equal(cluster.kept(), []);
  await close(cluster);
});

test('what ended while there was no scheduler is forgotten by the next one', async () => {
  const cluster = await makeCluster();
  const first = await cluster.start();
  const plan = await cluster.submit();
  await first.close();
  const ended = cluster.ended();
  const inbox = topics.runtimeInbox(cluster.members.cluster, 'pi1' as RuntimeName);
  await cluster.session.request(inbox, { type: 'agent.signal', agent: plan.agents[0]!.id, signal: 'SIGKILL' });
  await ended;
  assert.equal(cluster.kept(), [`${plan.job}.json`]);
  const second = await cluster.start();
  await cluster.until((jobs) => jobs.length === 0);
  await second.close();
  assert.equal(cluster.kept(), []);
  await close(cluster);
});

test('a session that went while there was no scheduler leaves no agent', async () => {
  const cluster = await makeCluster();
  const first = await cluster.start();
  await cluster.submit();
  await cluster.until(([job]) => job?.agents[0]?.state === 'running');
  await first.close();
  await cluster.session.close();
  const { cluster: id } = cluster.members;
  const gone = new Promise<void>((resolve) => {
    void cluster.kernelPeer.serve(topics.kernel(id, 'scheduler'), (body) => {
      if (body.type === 'agent.state' && body.state === 'exited') resolve();
      return undefined;
    });
  });
  const second = await cluster.start(200);
  await gone;
  await second.close();
  await close(cluster);
});

test.run();
