/** Runtimes and a session on an in-memory bus, with what a scheduler would do done by hand. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import type { Bus } from '../../src/bus/bus.js';
import { MemoryHub } from '../../src/bus/memory.js';
import { type Peer, sealMessage } from '../../src/bus/peer.js';
import { keepDescriptors } from '../../src/host/libc.js';
import { setModuleRoot } from '../../src/host/modules.js';
import { parseDevices } from '../../src/runtime/devices/config.js';
import { type Runtime, startRuntime } from '../../src/runtime/index.js';
import type { Policy } from '../../src/runtime/waiting.js';
import type { StreamReader, StreamWriter } from '../../src/stream/stream.js';
import { openStreams } from '../../src/stream/streams.js';
import type { Endpoint, PlanAgent, Program } from '../../src/wire/graph.js';
import {
  type AgentId,
  newAgentId,
  newJobId,
  newSessionId,
  newStreamId,
  type RuntimeName,
  type SessionId,
} from '../../src/wire/ids.js';
import type { AgentReport, Body, RoutedEdge, SpawnRequest } from '../../src/wire/messages.js';
import { topics } from '../../src/wire/topics.js';
import { makeMembers } from '../support/members.js';

export const root = process.env.ONESH_ROOT ?? process.cwd();

export interface Lab {
  readonly dir: string;
  readonly session: Peer;
  readonly sessionId: SessionId;
  readonly runtimes: ReadonlyMap<string, Runtime>;
  readonly contextFile: string;
  request(runtime: string, body: Body): Promise<Body>;
  /** The connection of a runtime is cut as a crash would: its will is sent. */
  cut(runtime: string): void;
  /** The session goes; `lost`: without a word, so that its will is sent. */
  leave(): void;
  /** Spawns one agent on `runtime` with stdin, stdout and stderr joined to the session. */
  run(runtime: string, program: Program, argv: readonly string[], options?: RunOptions): Promise<RunningAgent>;
  /** Spawns agents as a plan would: each with its runtime, joined by `edges`. */
  spawn(
    agents: readonly PlacedAgent[],
    edges: readonly (readonly [Endpoint, Endpoint])[],
    options?: RunOptions,
  ): Promise<Spawned>;
  makeAgent(program: Program, argv: readonly string[]): PlanAgent;
  reports(agent: AgentId): readonly AgentReport[];
  exited(agent: AgentId): Promise<AgentReport>;
  close(): Promise<void>;
}

export interface PlacedAgent {
  readonly agent: PlanAgent;
  readonly runtime: string;
}

/** By index of its edge: the session's end. */
export interface Spawned {
  readonly writers: ReadonlyMap<number, StreamWriter>;
  readonly readers: ReadonlyMap<number, StreamReader>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly umask?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningAgent {
  readonly id: AgentId;
  readonly stdin: StreamWriter;
  readonly stdout: StreamReader;
  readonly stderr: StreamReader;
  /** The whole output as text; resolves at end of stream. */
  text(): Promise<string>;
  errors(): Promise<string>;
  /** The final report. */
  readonly exited: Promise<AgentReport>;
  signal(name: string): Promise<void>;
}

export const sessionEnd: Endpoint = { kind: 'session', label: 'test' };
export const end = (agent: PlanAgent, fd: number): Endpoint => ({ kind: 'agent', agent: agent.id, fd });

export async function readText(reader: StreamReader): Promise<string> {
  const parts: Uint8Array[] = [];
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** Resolves when `done` is true. For what no event tells, such as a file that another process writes. */
export async function until(done: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${done}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Bundles the contexts as the build does: JavaScript's in `file`, the others' beside it. */
export async function bundleContext(file: string): Promise<string> {
  const directory = path.dirname(file);
  await esbuild.build({
    entryPoints: {
      context: path.join(root, 'src/runtime/context/preload.ts'),
      'context-main': path.join(root, 'src/runtime/context/main.ts'),
      wasm: path.join(root, 'src/runtime/wasi/main.ts'),
    },
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    outdir: directory,
    outExtension: { '.js': '.cjs' },
    logLevel: 'warning',
    logOverride: { 'empty-import-meta': 'silent' },
  });
  execFileSync(process.execPath, [path.join(root, 'scripts/context-cache.mjs'), directory]);
  symlinkSync(path.join(root, 'node_modules'), path.join(directory, 'node_modules'));
  const python = path.join(root, 'src/runtime/python');
  cpSync(python, path.join(directory, 'python'), {
    recursive: true,
    filter: (from) => !from.includes('__pycache__'),
  });
  return file;
}

/** The first runtime named is the session's home. */
export async function makeLab(
  devices: Readonly<Record<string, readonly unknown[]>>,
  waiting: Policy = 'never',
): Promise<Lab> {
  setModuleRoot(path.join(root, 'package.json'));
  keepDescriptors();
  const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-lab-'));
  const contextFile = await bundleContext(path.join(dir, 'context.cjs'));
  const hub = new MemoryHub();
  const members = makeMembers();
  const runtimes = new Map<string, Runtime>();
  const buses = new Map<string, Bus>();
  for (const [name, list] of Object.entries(devices)) {
    const topic = topics.runtimeStatus(members.cluster, name as RuntimeName);
    const gone = {
      type: 'runtime.status',
      state: 'offline',
      name: name as RuntimeName,
      incarnation: 1,
    } as const;
    const payload = sealMessage({ self: { runtime: name as RuntimeName }, keys: members.keysOf(name) }, topic, gone);
    const bus = hub.connect({ will: { topic, payload, qos: 1, retain: true } });
    buses.set(name, bus);
    const runtime = await startRuntime({
      peer: await members.peer(name, bus),
      config: { name: name as RuntimeName, labels: [], devices: parseDevices(list) },
      home: path.join(dir, name),
      kernel: false,
      incarnation: 1,
      contextFile,
      waiting,
      shell: ['/bin/sh'],
      version: 'test',
    });
    runtimes.set(name, runtime);
  }
  const home = [...runtimes.keys()][0] as RuntimeName;
  const id = newSessionId(home);
  const statusTopic = topics.sessionStatus(members.cluster, id);
  const self = { runtime: home, session: id };
  const over = { type: 'session.status', state: 'offline', session: id, home } as const;
  const payload = sealMessage({ self, keys: members.keysOf(home) }, statusTopic, over);
  const bus = hub.connect({ will: { topic: statusTopic, payload, qos: 1, retain: true } });
  const session = await members.peer(home, bus, id);
  const carriers = openStreams({ bus, cluster: members.cluster });
  const streams: { abort?(): void; cancel?(): void }[] = [];
  const seen: AgentReport[] = [];
  const watchers = new Set<() => void>();
  await session.serve(topics.sessionInbox(members.cluster, id), (body) => {
    if (body.type === 'agent.state') {
      seen.push(body);
      for (const watcher of [...watchers]) watcher();
    }
    return undefined;
  });
  const exited = (agent: AgentId): Promise<AgentReport> =>
    new Promise((resolve) => {
      const look = () => {
        const last = seen.find((r) => r.agent === agent && r.state === 'exited');
        if (last === undefined) return;
        watchers.delete(look);
        resolve(last);
      };
      watchers.add(look);
      look();
    });
  const request = (runtime: string, body: Body) =>
    session.request(topics.runtimeInbox(members.cluster, runtime as RuntimeName), body);
  const makeAgent = (program: Program, argv: readonly string[]): PlanAgent => ({
    id: newAgentId(),
    argv,
    program,
    constraints: [],
    locality: [],
    operands: [],
    text: argv.join(' '),
  });

  const spawn = async (
    agents: readonly PlacedAgent[],
    joins: readonly (readonly [Endpoint, Endpoint])[],
    { cwd = dir, umask = 0o022, environment = {} }: RunOptions = {},
  ): Promise<Spawned> => {
    const where = (endpoint: Endpoint): RuntimeName => {
      if (endpoint.kind === 'path') return endpoint.provider;
      if (endpoint.kind === 'session') return home;
      return agents.find((a) => a.agent.id === endpoint.agent)!.runtime as RuntimeName;
    };
    const edges = joins.map(
      ([from, to]): RoutedEdge => ({ id: newStreamId(), from, to, fromRuntime: where(from), toRuntime: where(to) }),
    );
    const writers = new Map<number, StreamWriter>();
    const readers = new Map<number, StreamReader>();
    for (const [i, edge] of edges.entries()) {
      if (edge.from.kind === 'session') writers.set(i, carriers.openWriter(edge));
      if (edge.to.kind === 'session') readers.set(i, await carriers.openReader(edge));
    }
    streams.push(...writers.values(), ...readers.values());
    const job = newJobId();
    for (const runtime of new Set(agents.map((a) => a.runtime))) {
      const mine = agents.filter((a) => a.runtime === runtime).map((a) => a.agent);
      const touches = (endpoint: Endpoint) => endpoint.kind === 'agent' && mine.some((a) => a.id === endpoint.agent);
      const spawned: SpawnRequest = {
        type: 'agent.spawn',
        job,
        session: id,
        home,
        agents: mine,
        edges: edges.filter((e) => touches(e.from) || touches(e.to)),
        context: { environment: { PATH: process.env.PATH ?? '', ...environment }, cwd, umask },
      };
      await request(runtime, spawned);
    }
    for (const edge of edges) {
      for (const endpoint of [edge.from, edge.to]) {
        if (endpoint.kind === 'path')
          await request(endpoint.provider, { type: 'stream.open', session: id, edges: [edge] });
      }
    }
    return { writers, readers };
  };

  return {
    dir,
    session,
    sessionId: id,
    runtimes,
    contextFile,
    request,
    cut: (runtime) => buses.get(runtime)!.abort(),
    leave: () => bus.abort(),
    makeAgent,
    spawn,
    exited,
    reports: (agent) => seen.filter((r) => r.agent === agent),
    async run(runtime, program, argv, options = {}) {
      const agent = makeAgent(program, argv);
      const { writers, readers } = await spawn(
        [{ agent, runtime }],
        [
          [sessionEnd, end(agent, 0)],
          [end(agent, 1), sessionEnd],
          [end(agent, 2), sessionEnd],
        ],
        options,
      );
      const [stdin, stdout, stderr] = [writers.get(0)!, readers.get(1)!, readers.get(2)!];
      return {
        id: agent.id,
        stdin,
        stdout,
        stderr,
        exited: exited(agent.id),
        text: () => readText(stdout),
        errors: () => readText(stderr),
        signal: async (name) => {
          await request(runtime, { type: 'agent.signal', agent: agent.id, signal: name });
        },
      };
    },
    async close() {
      // A test that failed may still read.
      process.on('unhandledRejection', () => {});
      for (const stream of streams) {
        stream.abort?.();
        stream.cancel?.();
      }
      for (const runtime of runtimes.values()) await runtime.close();
      await session.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
