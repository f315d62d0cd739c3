/**
 * A runtime: what one machine does for the cluster (paper §3.2). It announces itself, hosts agents, and serves its devices and
 * files.
 */
import os from 'node:os';
import path from 'node:path';
import type { OnGone } from '../bus/members.js';
import type { Peer } from '../bus/peer.js';
import type { StreamReader, StreamWriter } from '../stream/stream.js';
import { openStreams, type Streams } from '../stream/streams.js';
import { WireError } from '../wire/errors.js';
import { isFileRequest } from '../wire/files.js';
import type { RuntimeInfo } from '../wire/graph.js';
import { newStreamId, type RuntimeName } from '../wire/ids.js';
import type {
  Body,
  Envelope,
  RoutedEdge,
  RuntimeStatus,
  Sender,
  SessionStatus,
  SpawnRequest,
} from '../wire/messages.js';
import { topics } from '../wire/topics.js';
import type { Agent } from './agent.js';
import { Agents } from './agents.js';
import type { Authority } from './authority/authority.js';
import { Children } from './children.js';
import { type DeviceConfig, deviceInfo } from './devices/config.js';
import { Devices } from './devices/devices.js';
import { openLine } from './devices/lines.js';
import { availableLanguages } from './drivers/index.js';
import { makeAsking } from './files/ask.js';
import { DirectFiles } from './files/direct.js';
import { bytesOf, FileService, packAnswer } from './files/service.js';
import { ForkSockets } from './forks.js';
import { Neighbours } from './neighbours.js';
import { Network } from './network/network.js';
import { Provider } from './provider.js';
import { Dispatcher } from './syscalls/dispatch.js';
import { type Policy, WaitingProcesses } from './waiting.js';

export interface RuntimeConfig {
  readonly name: RuntimeName;
  readonly labels: readonly string[];
  readonly devices: readonly DeviceConfig[];
}

export interface RuntimeOptions {
  /** Connected as this runtime; the MQTT will that says `offline` is set by whoever connected its bus. */
  readonly peer: Peer;
  readonly config: RuntimeConfig;
  /** How its streams travel; over topics alone when it is not given. */
  readonly streams?: Streams;
  /** State directory: `agents/` and `cache/` are made in it. */
  readonly home: string;
  /** This is a kernel runtime. */
  readonly kernel: boolean;
  /** Milliseconds since the epoch when this life began: the same number as in the will. */
  readonly incarnation: number;
  /** The bundled context preload. */
  readonly contextFile: string;
  /** How to start an onesh: program and leading arguments; empty when there is none, and then no shell agents run here. */
  readonly shell: readonly string[];
  readonly version: string;
  /** Tells of machines that are members no more. */
  readonly onGone?: OnGone;
  /** Who may do what here. Without it everything is the one user's own, who started this process. */
  readonly authority?: Authority;
  /** Whether processes wait for programs; `lately` when it is not given. */
  readonly waiting?: Policy;
}

export interface Runtime {
  info(): RuntimeInfo;
  /** Ends every agent and says goodbye. Does not close the peer. */
  close(): Promise<void>;
}

/** The status is said again this often, in milliseconds, with the load as it is then. */
const statusEvery = 30_000;
/** Changes within so many milliseconds are said at once. */
const statusDelay = 200;
const rememberedSessions = 1000;

export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { peer, config, incarnation, authority } = options;
  const { cluster, bus } = peer;
  const { name } = config;
  const devices = new Devices(config.devices, bus);
  const neighbours = new Neighbours(name);
  const streams = options.streams ?? openStreams({ bus, cluster });
  const files = new FileService(
    (runtime, event) => {
      if (runtime === name) agents.tell(event, name);
      else void peer.send(topics.runtimeInbox(cluster, runtime), event).catch(() => {});
    },
    streams,
    authority,
    path.join(options.home, 'cache'),
  );
  const direct = new DirectFiles({ name, peer, streams, answer: (...asked) => files.answer(...asked) });
  const asking = makeAsking({ name, peer, service: files, direct, isLost: (runtime) => neighbours.isLost(runtime) });
  const provider = new Provider({
    name,
    streams,
    devices,
    isLost: (runtime) => neighbours.isLost(runtime),
    authority,
  });

  const network = new Network({
    name,
    peer,
    streams,
    neighbours: () => neighbours.online(),
    isLost: (runtime) => neighbours.isLost(runtime),
  });
  const children = new Children({ name, peer, streams });

  /** Descriptor numbers of streams that a program opened by itself: beyond any that a plan gives it. */
  let nextFd = 100_000;
  /** A stream between a program here and a path of another runtime. */
  const edgeTo = (agent: Agent, where: RuntimeName, path: string, mode: 'read' | 'write'): RoutedEdge => {
    const outside = { kind: 'path' as const, path, provider: where, mode };
    const inside = { kind: 'agent' as const, agent: agent.plan.id, fd: nextFd++ };
    return {
      id: newStreamId(),
      ...(mode === 'read' ? { from: outside, to: inside } : { from: inside, to: outside }),
      fromRuntime: mode === 'read' ? where : name,
      toRuntime: mode === 'read' ? name : where,
    };
  };
  const openDevice = async (
    agent: Agent,
    path: string,
    mode: 'read' | 'write',
    at?: RuntimeName,
  ): Promise<StreamReader | StreamWriter> => {
    const device = path.slice('/dev/'.length);
    const where = at ?? (devices.has(device) ? name : neighbours.whereIs(device));
    if (where === undefined) throw new WireError('ENODEV', `${path}: no such device`, { path });
    if (where === name) return provider.openPath(path, mode, agent.request.session);
    const edge = edgeTo(agent, where, path, mode);
    const open = { type: 'stream.open', session: agent.request.session, edges: [edge] } as const;
    if (mode === 'read') {
      const reader = await streams.openReader(edge);
      await peer.request(topics.runtimeInbox(cluster, where), open).catch((error) => {
        reader.cancel();
        throw error;
      });
      return reader;
    }
    await peer.request(topics.runtimeInbox(cluster, where), open);
    return streams.openWriter(edge);
  };

  const statusTopic = topics.runtimeStatus(cluster, name);
  let timer: NodeJS.Timeout | undefined;
  const agents = new Agents({
    name,
    home: options.home,
    contextFile: options.contextFile,
    shell: options.shell,
    waiting: new WaitingProcesses(options.contextFile, options.waiting),
    bridge: (edge, input, session) => provider.bridge(edge, input, session),
    openPair: async (input, output) => ({
      reader: await streams.openReader(input),
      writer: streams.openWriter(output),
    }),
    surroundings: (session) => ({
      devices: { ...neighbours.devices(), ...Object.fromEntries(config.devices.map((d) => [d.name, name])) },
      gpio: devices.hasGpio || neighbours.machines().some((m) => m.devices.some((d) => d.driver === 'gpio')),
      confined: authority?.isConfined(session) ?? false,
    }),
    dispatcher: (agent, emit) =>
      new Dispatcher(
        {
          home: agent.request.home,
          owner: { session: agent.request.session, agent: agent.plan.id },
          file: (where, request, bytes) => asking.ask(where, { ...request, session: agent.request.session }, bytes),
          openLine: (line, direction) =>
            openLine(line, direction, {
              name,
              devices,
              others: () => neighbours.machines(),
              mayUse: (device) => authority?.device(agent.request.session, device),
              openDevice: (path, mode, where) => openDevice(agent, path, mode, where),
            }),
          bulk: {
            edge: (where, path, mode) => edgeTo(agent, where, path, mode),
            openReader: (edge) => streams.openReader(edge),
            openWriter: (edge) => streams.openWriter(edge),
          },
          cache: path.join(options.home, 'cache'),
          program:
            agent.plan.program.kind === 'node'
              ? { ...agent.plan.program, isAway: agent.request.home !== name }
              : undefined,
          openDevice: (path, mode) => openDevice(agent, path, mode),
          spawn: (spec) => children.spawn(agent, spec),
          fork: (spec, text, given) =>
            children.fork(agent, spec, text, (request) =>
              startAgents(request, { runtime: name }, { parent: agent.plan.id, given }),
            ),
          forkSockets: new ForkSockets(agent),
          network: network.forAgent(agent),
        },
        emit,
      ),
    report: (report, { request }) => {
      if (request.parent === name) {
        children.hear(report, name);
        return;
      }
      if (request.parent !== undefined) {
        void peer.send(topics.runtimeInbox(cluster, request.parent), report).catch(() => {});
        return;
      }
      void peer.send(topics.sessionInbox(cluster, request.session), report).catch(() => {});
      void peer.send(topics.kernel(cluster, 'scheduler'), report).catch(() => {});
    },
    changed: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void announce();
      }, statusDelay);
      timer.unref();
    },
  });

  const languages = availableLanguages(options.shell);
  const info = (): RuntimeInfo => ({
    name,
    labels: config.labels,
    languages,
    devices: config.devices.map(deviceInfo),
    kernel: options.kernel,
    agents: agents.count,
    load: os.loadavg()[0]! / Math.max(1, os.availableParallelism()),
    version: options.version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    ...(authority === undefined ? {} : { openTo: authority.openTo() }),
  });
  let closed = false;
  const announce = async (): Promise<void> => {
    if (closed) return;
    const direct = streams.contact();
    const status: RuntimeStatus = {
      type: 'runtime.status',
      state: 'online',
      name,
      incarnation,
      info: info(),
      ...(direct === undefined ? {} : { direct }),
    };
    await peer.send(statusTopic, status, { retain: true }).catch(() => {});
  };

  /** Sessions that are over: a request of theirs that arrives late starts nothing. */
  const ended = new Set<string>();
  const startAgents = async (request: SpawnRequest, from: Sender, forked?: Agent['forked']): Promise<void> => {
    if (ended.has(request.session)) throw new WireError('ECANCELED', 'the session has ended');
    await authority?.run(request, from);
    await agents.spawn(request, forked);
  };
  const serve = async (body: Body, { from }: Envelope): Promise<Body | undefined> => {
    if (isFileRequest(body)) return packAnswer(await files.answer(body, bytesOf(body), from));
    switch (body.type) {
      case 'ping':
        return { type: 'ok' };
      case 'agent.spawn':
        await startAgents(body, from);
        return { type: 'ok' };
      case 'agent.signal': {
        const { agent, signal } = body;
        if (!Object.hasOwn(os.constants.signals, signal)) throw new WireError('EINVAL', `${signal}: no such signal`);
        const request = agents.requestOf(agent);
        if (request === undefined) throw new WireError('ESRCH', `${agent}: no such agent`);
        if (authority?.maySignal(request, from) === false)
          throw new WireError('EPERM', `${agent} is another session's`);
        agents.signal(agent, signal as NodeJS.Signals);
        return { type: 'ok' };
      }
      case 'agent.list':
        return { type: 'agents', agents: agents.list() };
      case 'stream.open':
        if (from.session !== undefined && from.session !== body.session)
          throw new WireError('EPERM', 'a session opens streams for itself');
        for (const edge of body.edges) await provider.openEdge(edge, body.session);
        return { type: 'ok' };
      case 'net.find':
        return { type: 'net.found', here: network.has(body.target) };
      case 'net.connect':
        await network.accept(body);
        return { type: 'ok' };
      case 'file.direct':
        direct.accept(from.runtime, body.name);
        return { type: 'ok' };
      case 'agent.state':
        children.hear(body, from.runtime);
        return undefined;
      case 'file.event':
        agents.tell(body, from.runtime);
        return undefined;
      default:
        throw new WireError('ENOSYS', `a runtime does not answer ${body.type}`);
    }
  };

  const lose = (runtime: RuntimeName): void => {
    agents.breakStreams(runtime);
    provider.breakStreams(runtime);
    asking.lose(runtime);
    direct.lose(runtime);
    children.lose(runtime);
    files.loseRuntime(runtime);
  };
  const stopGone = options.onGone?.((gone) => {
    neighbours.forget(gone);
    lose(gone);
  });
  const onRuntime = (body: Body, { from }: Envelope): undefined => {
    const status = body as unknown as RuntimeStatus;
    if (status.type !== 'runtime.status' || status.name === name || from.runtime !== status.name) return;
    if (neighbours.hear(status)) lose(status.name);
  };
  const onSession = (body: Body, { from }: Envelope): undefined => {
    const status = body as unknown as SessionStatus;
    if (status.type !== 'session.status' || from.session !== status.session) return;
    authority?.hear(status, from);
    if (status.state !== 'offline') return;
    ended.add(status.session);
    if (ended.size > rememberedSessions)
      for (const oldest of ended) {
        ended.delete(oldest);
        break;
      }
    provider.endSession(status.session);
    files.endSession(status.session);
    void agents.endSession(status.session);
  };
  const subscriptions = await Promise.all([
    peer.serve(topics.runtimeStatus(cluster, '+'), onRuntime),
    peer.serve(topics.sessionStatus(cluster, '+/+'), onSession),
    peer.serve(topics.runtimeInbox(cluster, name), serve),
  ]);
  await announce();
  const repeat = setInterval(() => void announce(), statusEvery);
  repeat.unref();
  // A broker that was restarted has forgotten what it retained.
  const stopWatching = bus.onState((state) => {
    if (state === 'connected') void announce();
  });

  return {
    info,
    close: async () => {
      if (closed) return;
      closed = true;
      stopWatching();
      stopGone?.();
      clearInterval(repeat);
      clearTimeout(timer);
      await agents.close();
      provider.close();
      direct.close();
      files.close();
      devices.close();
      const status: RuntimeStatus = { type: 'runtime.status', state: 'offline', name, incarnation };
      // Closing the bus gives it its time; a broker that has gone is not waited for.
      void peer.send(statusTopic, status, { retain: true }).catch(() => {});
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    },
  };
}
