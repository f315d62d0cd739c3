/** Kernel runtimes of one engine, each a process of its own that is killed, stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ClusterStatus } from '../../src/bin/status.js';
import { bin, cleanEnvironment, type Result, type Running, type RunOptions, run, start } from './system.js';

export interface KernelRuntimes {
  readonly dir: string;
  /** Makes its state directory, with these files in it. */
  make(name: string, files: Readonly<Record<string, string>>): Promise<void>;
  /** Starts `oneos up --engine … --name NAME` and waits until it is up. */
  up(name: string, ...more: string[]): Promise<ChildProcess>;
  /** A signal to one of them. */
  kill(name: string, signal: NodeJS.Signals): void;
  /** Resolves once the process of one has ended. */
  ended(name: string): Promise<void>;
  /** `oneos …` on one of them. */
  oneos(name: string, ...args: string[]): Promise<Result>;
  /** `onesh -c SCRIPT` on one of them. */
  sh(name: string, script: string, options?: RunOptions): Promise<Result>;
  startSh(name: string, script: string, options?: RunOptions): Running;
  status(name: string): Promise<ClusterStatus>;
  /** What all of them have said. */
  said(): string;
  close(): Promise<void>;
}

export function kernelRuntimes(engine: string, broker: string): KernelRuntimes {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'onesh-engine-'));
  const children = new Map<string, ChildProcess>();
  let text = '';
  const env = (name: string) => ({ ...cleanEnvironment(dir), ONESH_HOME: path.join(dir, name) });
  const killAll = () => {
    for (const child of children.values()) child.kill('SIGKILL');
  };
  process.on('exit', killAll);
  const oneos = (name: string, ...args: string[]) =>
    run([path.join(bin, 'oneos'), ...args], { cwd: dir, env: env(name) });
  const startSh = (name: string, script: string, options: RunOptions = {}) =>
    start([path.join(bin, 'onesh'), '-c', script], { cwd: dir, env: env(name), ...options });
  const make: KernelRuntimes['make'] = async (name, files) => {
    await mkdir(path.join(dir, name), { recursive: true });
    for (const [file, content] of Object.entries(files)) await writeFile(path.join(dir, name, file), content);
  };
  return {
    dir,
    make,
    up: async (name, ...more) => {
      await make(name, {});
      const args = ['up', '--name', name, '--engine', engine, '--broker', broker, ...more];
      const child = spawn(path.join(bin, 'oneos'), args, {
        cwd: dir,
        env: env(name),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.set(name, child);
      let own = '';
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (chunk: Buffer) => {
            own += chunk;
            text += chunk;
            if (/is up in cluster/.test(own)) resolve();
          });
        child.once('exit', () => reject(new Error(`${name} did not start:\n${own}`)));
      });
      return child;
    },
    kill: (name, signal) => void children.get(name)!.kill(signal),
    ended: async (name) => {
      const child = children.get(name)!;
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    oneos,
    startSh,
    sh: (name, script, options) => startSh(name, script, options).ended,
    status: async (name) => {
      const deadline = performance.now() + 30_000;
      for (;;) {
        const { stdout, stderr } = await oneos(name, 'status', '--json');
        if (stdout !== '') return JSON.parse(stdout) as ClusterStatus;
        // Its kernel agents may be moving, or their servers electing.
        if (performance.now() > deadline) throw new Error(stderr);
      }
    },
    said: () => text,
    close: async () => {
      process.off('exit', killAll);
      for (const child of children.values()) {
        child.kill('SIGCONT');
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
