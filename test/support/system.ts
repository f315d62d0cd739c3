/** Real processes for system tests: clusters of runtimes started by `oneos`, shells started as a user would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ClusterStatus } from '../../src/bin/status.js';

export const root = process.env.ONESH_ROOT ?? process.cwd();
export const bin = path.join(root, 'bin');

export interface Result {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves when standard output (or error) matches. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Result>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; null: a pipe that the test writes and ends. Default /dev/null. */
  readonly input?: string | null;
  /** In a process group of its own, as a shell with job control would start it. */
  readonly group?: boolean;
}

/** Milliseconds that nothing here takes on any machine. */
const deadlineMs = 60_000;

/** An environment in which nothing of the user's own is found. */
export const cleanEnvironment = (home: string): Record<string, string> => ({
  PATH: `${bin}:${path.dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin:/usr/sbin`,
  HOME: home,
  ONESH_HOME: path.join(home, 'onesh'),
  LC_ALL: 'C.UTF-8',
});

/** Starts a program; one that does not end within the deadline is killed. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const { cwd, env, input, group = false } = options;
  const child = spawn(argv[0]!, argv.slice(1), {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: group,
  });
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.on('data', (chunk: Buffer) => {
      text[name] += chunk.toString();
      for (const each of [...listeners]) each();
    });
  }
  child.stdin?.on('error', () => {});
  if (typeof input === 'string') child.stdin!.end(input);
  const timer = setTimeout(() => {
    text.stderr += `\n[killed: did not end within ${deadlineMs} ms]\n`;
    child.kill('SIGKILL');
  }, deadlineMs);
  const ended = once(child, 'close').then(([status, signal]): Result => {
    clearTimeout(timer);
    return { status: status as number | null, signal: signal as NodeJS.Signals | null, ...text };
  });
  return {
    child,
    pid: child.pid!,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    ended,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(text.stdout) ?? pattern.exec(text.stderr);
          if (found === null) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        void ended.then(() => reject(new Error(`ended without saying ${pattern}:\n${text.stdout}\n${text.stderr}`)));
        look();
      }),
  };
}

export const run = (argv: readonly string[], options?: RunOptions): Promise<Result> => start(argv, options).ended;

/** Resolves when `done` is true; for what no event tells, such as a process that is not our child. */
export async function until(done: () => boolean | Promise<boolean>, what: string, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** False too for a zombie that whoever inherited it has not reaped yet. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

export interface TestCluster {
  /** Scratch directory; a shell's home. */
  readonly dir: string;
  readonly env: Record<string, string>;
  /** Directory of the emulated GPIO lines. */
  readonly gpio: string;
  /** State directory of runtime `i`, from 1. */
  homeOf(i: number): string;
  pidOf(i: number): number;
  /** Runs `onesh -c SCRIPT` in the scratch directory. */
  sh(script: string, options?: RunOptions): Promise<Result>;
  startSh(script: string, options?: RunOptions): Running;
  oneos(...args: string[]): Promise<Result>;
  status(): Promise<ClusterStatus>;
  close(): Promise<void>;
}

/** `oneos cluster COUNT`, on `broker` or on the first runtime's own. */
export async function startCluster(count: number, broker?: string): Promise<TestCluster> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-system-'));
  const env = cleanEnvironment(dir);
  const args = ['cluster', String(count), ...(broker === undefined ? [] : ['--broker', broker])];
  const cluster = spawn(path.join(bin, 'oneos'), args, { env, cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = () => cluster.kill('SIGTERM');
  process.once('exit', gone);
  let text = '';
  for (const stream of [cluster.stdout, cluster.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  const ended = once(cluster, 'close');
  await new Promise<void>((resolve, reject) => {
    cluster.stdout.on('data', () => {
      if (/Ctrl-C stops it/.test(text)) resolve();
    });
    void ended.then(() => reject(new Error(`oneos cluster did not start:\n${text}`)));
  });
  const gpio = /files in (\S+)\.\n/.exec(text)![1]!;
  const homeOf = (i: number) => path.join(path.dirname(gpio), `pi${i}`);
  const startSh = (script: string, options: RunOptions = {}) =>
    start([path.join(bin, 'onesh'), '-c', script], { cwd: dir, env, ...options });
  const oneos = (...more: string[]) => run([path.join(bin, 'oneos'), ...more], { cwd: dir, env });
  return {
    dir,
    env,
    gpio,
    homeOf,
    pidOf: (i) => (JSON.parse(readFileSync(path.join(homeOf(i), 'daemon.json'), 'utf8')) as { pid: number }).pid,
    startSh,
    sh: (script, options) => startSh(script, options).ended,
    oneos,
    status: async () => {
      const { stdout, stderr } = await oneos('status', '--json');
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as ClusterStatus;
    },
    close: async () => {
      process.off('exit', gone);
      cluster.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
