/**
 * The shell's way into the cluster, loaded when a command first needs it: a session at the running cluster, or, where none
 * runs, a kernel and a runtime of its own inside this process (the embedded default).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { generateKeys, type Keys } from '../bus/identity.js';
import type { OnGone } from '../bus/members.js';
import { MemoryHub } from '../bus/memory.js';
import { createPeer, type Peer } from '../bus/peer.js';
import { setModuleRoot } from '../host/modules.js';
import { openCoordination } from '../kernel/coordination/embedded.js';
import { startKernel } from '../kernel/index.js';
import { startRuntime } from '../runtime/index.js';
import { Neighbours } from '../runtime/neighbours.js';
import type { ClusterPort } from '../shell/plan/cluster.js';
import { gpioLines } from '../shell/plan/gpio.js';
import { startMesh } from '../stream/direct/mesh.js';
import type { StreamReader, StreamWriter } from '../stream/stream.js';
import { openStreams, type Paths } from '../stream/streams.js';
import { readUntilLost, type WhenLost, writeUntilLost } from '../stream/until-lost.js';
import { WireError } from '../wire/errors.js';
import type { Inventory, PlanEdge } from '../wire/graph.js';
import {
  isRuntimeName,
  newClusterId,
  newSessionId,
  newStreamId,
  type RuntimeName,
  type SessionId,
} from '../wire/ids.js';
import type { AgentReport, Body, RoutedEdge, RuntimeStatus } from '../wire/messages.js';
import { topics } from '../wire/topics.js';
import { askKernel, openClient, patience } from './client.js';
import { readConfig } from './home.js';
import { configurationFile } from './local.js';

declare const ONESH_VERSION: string;

export interface OpenOptions {
  readonly home: string;
  /** A runtime of a cluster is up under `home`. */
  readonly clustered: boolean;
  readonly dist: string;
}

/** @throws WireError ECONNREFUSED, ETIMEDOUT, EACCES, EINVAL: one clear line */
export async function openCluster(options: OpenOptions): Promise<ClusterPort> {
  return options.clustered ? openSession(options) : openEmbedded(options);
}

async function openSession({ home }: OpenOptions): Promise<ClusterPort> {
  const { peer, keys, members, name, session, close } = await openClient(home);
  const mesh = await startMesh({ peer, keys, publicKeyOf: members.publicKeyOf });
  return makePort(peer, name, session, { paths: mesh, onGone: members.onGone }, async () => {
    await mesh.close();
    await close();
  });
}

async function openEmbedded({ dist }: OpenOptions): Promise<ClusterPort> {
  // This bundle has a loader of its own.
  setModuleRoot(dist);
  const config = readConfig(configurationFile());
  const { name } = config;
  const cluster = newClusterId();
  const session = newSessionId(name);
  const keys: Keys = generateKeys();
  const hub = new MemoryHub();
  const publicKeyOf = (who: string) => (who === name ? keys.publicKey : undefined);
  const kernelPeer = await createPeer({ bus: hub.connect(), cluster, self: { runtime: name }, keys, publicKeyOf });
  const directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-'));
  const kernel = await startKernel({
    peer: kernelPeer,
    services: ['scheduler'],
    coordination: await openCoordination(undefined),
    onGone: () => () => {},
  });
  const runtime = await startRuntime({
    // A shell does not stay for the next program.
    waiting: 'never',
    peer: kernelPeer,
    config,
    home: directory,
    kernel: true,
    incarnation: Date.now(),
    contextFile: path.join(dist, 'context.cjs'),
    shell: [path.join(dist, '..', 'bin', 'onesh')],
    version: ONESH_VERSION,
  });
  const peer = await createPeer({ bus: hub.connect(), cluster, self: { runtime: name, session }, keys, publicKeyOf });
  return makePort(peer, name, session, {}, async () => {
    await runtime.close();
    await kernel.close();
    await peer.close();
    await kernelPeer.close();
    rmSync(directory, { recursive: true, force: true });
  });
}

/** A stream that breaks while the session ends is no loss. */
const readUntilEnd = ({ read, cancel }: StreamReader, closing: () => boolean): StreamReader => ({
  read: () =>
    read().catch((error) => {
      throw closing() ? new WireError('ECANCELED', 'the session has ended', { cause: error }) : error;
    }),
  cancel,
});

/** The port over a connected peer, whatever bus it is on. */
async function makePort(
  peer: Peer,
  home: RuntimeName,
  session: SessionId,
  others: { readonly paths?: Paths; readonly onGone?: OnGone },
  close: () => Promise<void>,
): Promise<ClusterPort> {
  const { cluster, bus } = peer;
  const streams = openStreams({ bus, cluster, ...others });
  const reports = new Set<(report: AgentReport) => void>();
  await peer.serve(topics.sessionInbox(cluster, session), (body) => {
    if (body.type === 'agent.state') for (const each of [...reports]) each(body);
    return undefined;
  });
  const neighbours = new Neighbours(home);
  const lost = new Set<(runtime: RuntimeName) => void>();
  await peer.serve(topics.runtimeStatus(cluster, '+'), (body, { from }) => {
    const status = body as unknown as RuntimeStatus;
    if (status.type === 'runtime.status' && status.name === from.runtime && neighbours.hear(status))
      for (const each of [...lost]) each(status.name);
    return undefined;
  });
  others.onGone?.((name) => {
    for (const each of [...lost]) each(name);
  });
  const inventory = async (): Promise<Inventory> =>
    (await askKernel(peer, 'scheduler', { type: 'inventory.get' }, 'inventory')).inventory;

  /** The answer of a machine that is not there is not waited for. @throws WireError EHOSTDOWN; ENOENT when nobody knows it */
  const mustBeThere = async (runtime: RuntimeName): Promise<void> => {
    if (runtime === home || neighbours.online().includes(runtime)) return;
    if ((await inventory()).runtimes.some((r) => r.name === runtime)) return;
    if (neighbours.isLost(runtime)) throw new WireError('EHOSTDOWN', `${runtime} is down`);
    throw new WireError('ENOENT', 'No such file or directory');
  };

  let closing = false;
  const whenLost: WhenLost = (runtime, handler) => {
    const heard = (name: RuntimeName): void => {
      if (name === runtime) handler(new WireError('EHOSTDOWN', `${runtime} is down`));
    };
    lost.add(heard);
    return () => lost.delete(heard);
  };
  /** Asks a runtime, for as long as it is there. @throws WireError what it answers; EHOSTDOWN, ETIMEDOUT */
  const ask = async (runtime: RuntimeName, body: Body): Promise<Body> => {
    let stop: () => void = () => {};
    const left = new Promise<never>((_, reject) => {
      stop = whenLost(runtime, reject);
    });
    try {
      const reply = peer.request(topics.runtimeInbox(cluster, runtime), body, { timeoutMs: patience.ask });
      reply.catch(() => {});
      return await Promise.race([reply, left]);
    } finally {
      stop();
    }
  };

  const providerOf = async (namespacePath: string): Promise<RuntimeName> => {
    const net = /^\/net\/([^/]+)/.exec(namespacePath)?.[1];
    if (net !== undefined && isRuntimeName(net)) {
      await mustBeThere(net);
      return net;
    }
    const device = /^\/dev\/([^/]+)$/.exec(namespacePath)?.[1];
    const owner = (await inventory()).runtimes.find((r) => r.devices.some((d) => d.name === device));
    if (owner === undefined) throw new WireError('ENODEV', 'No such device', { path: namespacePath });
    return owner.name;
  };
  const openPath = async (
    namespacePath: string,
    mode: 'read' | 'write' | 'append',
  ): Promise<StreamReader | StreamWriter> => {
    const provider = await providerOf(namespacePath);
    const outside: PlanEdge['from'] = { kind: 'path', path: namespacePath, provider, mode };
    const here: PlanEdge['from'] = { kind: 'session', label: namespacePath };
    const reading = mode === 'read';
    const edge: RoutedEdge = {
      id: newStreamId(),
      from: reading ? outside : here,
      to: reading ? here : outside,
      fromRuntime: reading ? provider : home,
      toRuntime: reading ? home : provider,
    };
    const opened = reading
      ? readUntilEnd(readUntilLost(await streams.openReader(edge), provider, whenLost), () => closing)
      : writeUntilLost(streams.openWriter(edge), provider, whenLost);
    try {
      await ask(provider, { type: 'stream.open', session, edges: [edge] });
    } catch (error) {
      if ('cancel' in opened) opened.cancel();
      else opened.abort();
      throw error;
    }
    return opened;
  };

  return {
    session,
    home,
    inventory,
    place: async (plan) => (await askKernel(peer, 'scheduler', { type: 'job.place', plan }, 'job.placed')).placements,
    submit: async (plan) =>
      (await askKernel(peer, 'scheduler', { type: 'job.submit', plan }, 'job.placed', patience.submit)).placements,
    signal: async (runtime, agent, signal) => {
      await ask(runtime, { type: 'agent.signal', agent, signal });
    },
    abandon: async (job) => {
      await askKernel(peer, 'scheduler', { type: 'job.signal', job, signal: 'SIGKILL' }, 'ok');
    },
    onLost: (handler) => {
      lost.add(handler);
      return () => lost.delete(handler);
    },
    onReport: (handler) => {
      reports.add(handler);
      return () => reports.delete(handler);
    },
    openWriter: (edge) => streams.openWriter(edge),
    openReader: (edge) => streams.openReader(edge),
    openPath: openPath as ClusterPort['openPath'],
    file: async (runtime, request) => {
      await mustBeThere(runtime);
      return (await ask(runtime, request)) as Awaited<ReturnType<ClusterPort['file']>>;
    },
    gpioLines,
    close: () => {
      closing = true;
      return close();
    },
  };
}
