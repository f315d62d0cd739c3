/**
 * Two machines in processes of their own behind a real broker. What a program does as an agent on `pi`, its files on `home`, is
 * held against what it does on its own. Where the system lets us, `pi` does not have the files at all.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { connectMqtt } from '../../../src/bus/mqtt.js';
import type { Policy } from '../../../src/runtime/waiting.js';
import type { StreamWriter } from '../../../src/stream/stream.js';
import { openStreams } from '../../../src/stream/streams.js';
import type { PlanEdge, Program } from '../../../src/wire/graph.js';
import {
  type AgentId,
  type ClusterId,
  newAgentId,
  newJobId,
  newSessionId,
  newStreamId,
  type RuntimeName,
} from '../../../src/wire/ids.js';
import type { AgentReport, Body, RoutedEdge } from '../../../src/wire/messages.js';
import { topics } from '../../../src/wire/topics.js';
import { makeMembers } from '../../support/members.js';
import { startMosquitto } from '../../support/mosquitto.js';
import { bundleContext, readText, root } from '../lab.js';

export interface MachineOptions {
  readonly name: RuntimeName;
  readonly url: string;
  readonly cluster: ClusterId;
  /** The machine's own private key, PEM. */
  readonly pem: string;
  readonly publicKeys: Readonly<Record<string, string>>;
  readonly home: string;
  readonly contextFile: string;
  readonly root: string;
  readonly waiting: Policy;
}

export interface Ran {
  stdout: string;
  readonly stderr: string;
  readonly status: number | string;
}

export interface RunOptions {
  readonly argv?: readonly string[];
  readonly stdin?: string;
  /** The working directory; the tree itself when absent. */
  readonly cwd?: string;
  /** The machine; `pi` when absent. */
  readonly on?: 'home' | 'pi';
  readonly environment?: Readonly<Record<string, string>>;
  /** Standard input is left open, to be written by the caller. */
  readonly open?: boolean;
}

export interface StartedAgent {
  readonly id: AgentId;
  readonly stdin: StreamWriter;
  readonly exited: Promise<AgentReport>;
  readonly stdout: Promise<string>;
  readonly stderr: Promise<string>;
  signal(name: string): Promise<void>;
}

export interface ContractLab {
  /** The programs' files: home's alone. */
  readonly tree: string;
  /** On `pi` the tree is another file system, empty, of 16 MiB. */
  readonly hidden: boolean;
  /** The context preload; what runs WebAssembly is beside it. */
  readonly contextFile: string;
  /** The program on its own, in `tree`. */
  plainly(command: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The same as an agent. */
  asAgent(program: Program, options?: RunOptions): Promise<Ran>;
  start(program: Program, options?: RunOptions): Promise<StartedAgent>;
  /** A message to `pi` and back, over the broker. */
  ping(): Promise<void>;
  /** Ends a machine as a power cut would. */
  kill(name: 'home' | 'pi'): void;
  close(): Promise<void>;
}

/** Whether a process here may have a file system of its own. */
function canHide(): boolean {
  try {
    execFileSync('unshare', ['-rm', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Programs run in processes that have waited for them on one line of Node.js versions, in fresh ones on the other. */
export const waitingOn = (versions: 'older' | 'newer'): Policy =>
  Number(process.versions.node.split('.')[0]) >= 22 === (versions === 'newer') ? 'always' : 'never';

/** `waiting`: whether JavaScript programs are run by processes that have waited for them. */
export async function makeContractLab(waiting: Policy = 'never'): Promise<ContractLab> {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'onesh-contract-')));
  const tree = path.join(dir, 'tree');
  fs.mkdirSync(tree);
  const contextFile = await bundleContext(path.join(dir, 'context.cjs'));
  const machineFile = path.join(root, 'build', `machine-${process.pid}.mjs`);
  await esbuild.build({
    entryPoints: [path.join(root, 'test/runtime/contract/machine.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    outfile: machineFile,
    external: ['koffi', 'mqtt', 'acorn', 'magic-string', 'valibot', 'resolve.exports', 'cjs-module-lexer'],
    logLevel: 'warning',
  });
  const broker = await startMosquitto('set_tcp_nodelay true');
  const members = makeMembers();
  const { cluster } = members;
  const publicKeys = Object.fromEntries(['home', 'pi'].map((name) => [name, members.keysOf(name).publicKey]));
  const hidden = canHide();
  if (!hidden) console.log('skipped: machines share one file system here');
  const machines = new Map<string, ChildProcess>();
  for (const name of ['home', 'pi'] as RuntimeName[]) {
    const pem = members.keysOf(name).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const shared = { url: broker.url, cluster, publicKeys, contextFile, root, waiting };
    const options: MachineOptions = { ...shared, name, pem, home: path.join(dir, name) };
    const command = [process.execPath, machineFile];
    const script = 'mount -t tmpfs -o size=16m none "$1" && shift && exec "$@"';
    const [program, ...args] =
      name === 'pi' && hidden ? ['unshare', '-rm', '--', 'sh', '-c', script, 'sh', tree, ...command] : command;
    const child = spawn(program!, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, MACHINE: JSON.stringify(options) },
    });
    child.stdin!.on('error', () => {});
    machines.set(name, child);
    await new Promise<void>((resolve, reject) => {
      child.stdout!.once('data', () => resolve());
      child.once('exit', (status) => reject(new Error(`${name} ended with ${status}`)));
    });
  }

  const bus = await connectMqtt({ url: broker.url, clientId: 'session' });
  const sessionId = newSessionId('home' as RuntimeName);
  const streams = openStreams({ bus, cluster });
  const session = await members.peer('home', bus, sessionId);
  const reports = new Map<string, AgentReport>();
  const watchers = new Map<string, (report: AgentReport) => void>();
  await session.serve(topics.sessionInbox(cluster, sessionId), (body) => {
    if (body.type !== 'agent.state' || (body.state !== 'exited' && body.state !== 'lost')) return undefined;
    reports.set(body.agent, body);
    watchers.get(body.agent)?.(body);
    return undefined;
  });
  const ask = (body: Body, on = 'pi') =>
    session.request(topics.runtimeInbox(cluster, on as RuntimeName), body, { timeoutMs: 20_000 });

  const start = async (program: Program, options: RunOptions = {}): Promise<StartedAgent> => {
    const id = newAgentId();
    const { on = 'pi' } = options;
    const argv = ['path' in program ? program.path : 'program', ...(options.argv ?? [])];
    const edgeOf = (fd: number): RoutedEdge => {
      const inside = { kind: 'agent', agent: id, fd } as const;
      const outside = { kind: 'session', label: 'test' } as const;
      const ends: Pick<PlanEdge, 'from' | 'to'> =
        fd === 0 ? { from: outside, to: inside } : { from: inside, to: outside };
      const [here, there] = ['home', on] as RuntimeName[];
      return {
        id: newStreamId(),
        ...ends,
        fromRuntime: fd === 0 ? here! : there!,
        toRuntime: fd === 0 ? there! : here!,
      };
    };
    const edges = [0, 1, 2].map(edgeOf);
    const readers = await Promise.all(edges.slice(1).map((edge) => streams.openReader(edge)));
    const stdin = streams.openWriter(edges[0]!);
    const exited = new Promise<AgentReport>((resolve) => watchers.set(id, resolve));
    await ask(
      {
        type: 'agent.spawn',
        job: newJobId(),
        session: sessionId,
        home: 'home' as RuntimeName,
        agents: [{ id, argv, program, constraints: [], locality: [], operands: [], text: argv.join(' ') }],
        edges,
        context: {
          environment: { ...baseEnvironment(), ...options.environment },
          cwd: options.cwd ?? tree,
          umask: 0o022,
        },
      },
      on,
    );
    void (async () => {
      if (options.open) return;
      if (options.stdin) await stdin.write(Buffer.from(options.stdin));
      await stdin.end();
    })().catch(() => {});
    const [stdout, stderr] = readers.map((reader) => readText(reader));
    stdout!.catch(() => {});
    stderr!.catch(() => {});
    return {
      id,
      stdin,
      exited,
      stdout: stdout!,
      stderr: stderr!,
      signal: async (signal) => {
        await ask({ type: 'agent.signal', agent: id, signal }, on);
      },
    };
  };

  return {
    tree,
    hidden,
    contextFile,
    start,
    plainly: ([command, ...args], options = {}) =>
      new Promise((resolve, reject) => {
        const umask = process.umask(0o022);
        const child = spawn(command!, args, {
          cwd: options.cwd ?? tree,
          env: { ...baseEnvironment(), ...options.environment },
        });
        process.umask(umask);
        const texts = { stdout: '', stderr: '' };
        for (const name of ['stdout', 'stderr'] as const)
          child[name].setEncoding('utf8').on('data', (chunk) => {
            texts[name] += chunk;
          });
        child.stdin.on('error', () => {});
        child.stdin.end(options.stdin ?? '');
        child.on('error', reject);
        child.on('close', (status, signal) => resolve({ ...texts, status: signal ?? status ?? -1 }));
      }),
    asAgent: async (program, options) => {
      const agent = await start(program, options);
      // One that hangs is to fail by itself, not with all the others.
      const timer = setTimeout(() => void agent.signal('SIGKILL'), longest);
      void agent.exited.then(() => clearTimeout(timer));
      const [report, stdout, stderr] = await Promise.all([agent.exited, agent.stdout, agent.stderr]);
      return { stdout, stderr: stderr + (report.message ?? ''), status: report.signal ?? report.status ?? -1 };
    },
    ping: async () => {
      await ask({ type: 'ping' });
    },
    kill: (name) => {
      machines.get(name)?.kill('SIGKILL');
    },
    close: async () => {
      for (const child of machines.values()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.stdin!.end();
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
        await ended;
        clearTimeout(timer);
      }
      await session.close();
      await bus.close();
      await broker.close();
      fs.rmSync(dir, { recursive: true, force: true });
      fs.rmSync(machineFile, { force: true });
    },
  };
}

/** Milliseconds that one agent may take. */
const longest = 100_000;

const baseEnvironment = (): Readonly<Record<string, string>> => ({
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  HOME: '/tmp',
  TZ: 'UTC',
  LANG: 'C.UTF-8',
});

/** What is in a tree, as text: kinds, modes, sizes, contents; times only where they were set to the past. */
export function snapshot(directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (at: string): void => {
    for (const name of fs.readdirSync(at).sort()) {
      const file = path.join(at, name);
      const s = fs.lstatSync(file);
      const time = s.mtimeMs < 1e12 ? ` ${s.mtimeMs}` : '';
      const mode = s.isSymbolicLink() ? '' : (s.mode & 0o7777).toString(8);
      const content = s.isSymbolicLink()
        ? `-> ${fs.readlinkSync(file)}`
        : s.isFile()
          ? `${s.nlink} ${s.size} ${hashOf(file)}`
          : 'directory';
      found[path.relative(directory, file)] = `${mode} ${content}${time}`;
      if (s.isDirectory()) walk(file);
    }
  };
  walk(directory);
  return found;
}

function hashOf(file: string): string {
  try {
    return createHash('sha256').update(fs.readFileSync(file)).digest('hex').slice(0, 16);
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

/** Empties a directory. */
export function clear(directory: string): void {
  for (const name of fs.readdirSync(directory)) fs.rmSync(path.join(directory, name), { recursive: true, force: true });
}

/** Writes files below a directory; names ending with `@` are symbolic links to their text. */
export function plant(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const at = path.join(directory, name.replace(/@$/, ''));
    fs.mkdirSync(path.dirname(at), { recursive: true });
    if (name.endsWith('@')) fs.symlinkSync(text, at);
    else fs.writeFileSync(at, text);
  }
}

/** A few at a time. */
export async function inTurns<T>(all: readonly T[], run: (one: T, index: number) => Promise<void>): Promise<void> {
  const queue = [...all.entries()];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next[1], next[0]);
    }),
  );
}
