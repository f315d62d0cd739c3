/**
 * `oneos cluster N`: N runtimes on this machine, each a process with a directory of its own, for trying things. The first is
 * the shell's home and has the kernel agents; the second owns a button (GPIO line 4), the last a lamp (line 7), both emulated.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { askKernel, openClient } from './client.js';
import { readDaemon, removeDaemon, writeDaemon } from './home.js';
import { spawnRuntime, stopProcess } from './up.js';

declare const ONESH_VERSION: string;

export interface LocalClusterOptions {
  readonly count: number;
  /** An external broker instead of the first runtime's own. */
  readonly broker: string | undefined;
  /** Runs in the cluster and stops it when it ends; none: until a signal. */
  readonly command: readonly string[];
  /** The user's own state directory, where the shell looks for a cluster. */
  readonly home: string;
  readonly dist: string;
}

/** Runtime `i` of `count`, as its configuration file says. */
export function localConfig(i: number, count: number, directory: string): object {
  const gpio = { driver: 'gpio', chip: 'emulated', dir: path.join(directory, 'gpio') };
  return {
    name: `pi${i}`,
    devices: [
      { name: `sensor${i}`, driver: 'simulated', seed: i },
      ...(i === Math.min(2, count)
        ? [
            { ...gpio, name: 'button', line: 4, direction: 'in' },
            // What is written to it presses and releases the button.
            { name: 'finger', driver: 'file', path: path.join(directory, 'gpio', 'line4') },
          ]
        : []),
      ...(i === count ? [{ ...gpio, name: 'lamp', line: 7, direction: 'out' }] : []),
    ],
  };
}

/** @throws WireError when a runtime does not come up */
export async function runLocalCluster(options: LocalClusterOptions): Promise<number> {
  const { count, broker, command, dist } = options;
  const directory = mkdtempSync(path.join(os.tmpdir(), 'oneos-cluster-'));
  // The user may press the button before any program has opened its line.
  mkdirSync(path.join(directory, 'gpio'));
  const children: ChildProcess[] = [];
  const names = new Map<ChildProcess, string>();
  let noted = false;
  const interrupted = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => resolve());
  });
  const homeOf = (i: number) => path.join(directory, `pi${i}`);
  const log = openSync(path.join(directory, 'oneos.log'), 'a', 0o600);
  const start = async (i: number, more: object): Promise<void> => {
    mkdirSync(homeOf(i), { mode: 0o700 });
    const configFile = path.join(homeOf(i), 'runtime.json');
    writeFileSync(configFile, `${JSON.stringify(localConfig(i, count, directory), undefined, 2)}\n`);
    const base = { home: homeOf(i), configFile, dist, version: ONESH_VERSION, bound: true };
    const { child } = await spawnRuntime({ ...base, ...more }, log);
    children.push(child);
    names.set(child, `pi${i}`);
  };
  try {
    await start(1, { broker, listen: { host: '127.0.0.1', port: 0 } });
    const client = await openClient(homeOf(1));
    try {
      await Promise.all(
        Array.from({ length: count - 1 }, async (_, k) => {
          const { token } = await askKernel(client.peer, 'nameserver', { type: 'token.new', lifetime: 60 }, 'token');
          const url = readDaemon(homeOf(1))!.broker;
          await start(k + 2, { join: { url, token } });
        }),
      );
    } finally {
      await client.close();
    }
    if (command.length > 0) return await runCommand(command, homeOf(1), dist, interrupted);
    // A shell started anywhere else on this machine finds it, unless another runtime is up there.
    const first = readDaemon(homeOf(1))!;
    if (readDaemon(options.home) === undefined) {
      mkdirSync(options.home, { recursive: true, mode: 0o700 });
      await writeDaemon(options.home, { ...first, pid: process.pid });
      noted = true;
    }
    process.stdout.write(describe(count, directory, homeOf(1), noted));
    let stopping = false;
    const ends = children.map(async (child) => {
      const [status, signal] = (await once(child, 'exit')) as [number | null, string | null];
      // One that is killed to see what happens leaves the others as they are.
      if (!stopping) process.stderr.write(`oneos: ${names.get(child)} has ended (${signal ?? `status ${status}`})\n`);
    });
    const left = await Promise.race([interrupted.then(() => true), Promise.all(ends).then(() => false)]);
    stopping = true;
    return left ? 0 : 1;
  } finally {
    if (noted) removeDaemon(options.home);
    // The first has the broker and the kernel agents: the others leave before it.
    for (const group of [children.slice(1), children.slice(0, 1)])
      await Promise.all(
        group.map((child) =>
          child.exitCode === null && child.signalCode === null && child.pid ? stopProcess(child.pid) : undefined,
        ),
      );
    closeSync(log);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runCommand(
  command: readonly string[],
  home: string,
  dist: string,
  interrupted: Promise<void>,
): Promise<number> {
  const bin = path.join(dist, '..', 'bin');
  const child = spawn(command[0]!, command.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, ONESH_HOME: home, PATH: `${bin}:${process.env.PATH ?? '/usr/bin:/bin'}` },
  });
  // Ctrl-C reaches the command itself, from the terminal; anything else sent here is passed on.
  void interrupted.then(() => child.kill('SIGTERM'));
  try {
    const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return signal === null ? (status ?? 1) : 128 + os.constants.signals[signal];
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    process.stderr.write(`oneos: ${command[0]}: ${missing ? 'not found' : (error as Error).message}\n`);
    return missing ? 127 : 126;
  }
}

function describe(count: number, directory: string, home: string, found: boolean): string {
  const names = Array.from({ length: count }, (_, k) => `pi${k + 1}`);
  const use = found ? 'onesh' : `ONESH_HOME=${home} onesh`;
  return [
    `A cluster of ${count} is up: ${names.join(', ')}. In another terminal:`,
    '',
    `    ${use} -c 'on pi${count} hostname; cat /dev/sensor${count} | head -n 3'`,
    '',
    `\`echo 1 > /dev/finger\` presses the button of pi${Math.min(2, count)}; the lines are files in ${directory}/gpio.`,
    'Ctrl-C stops it and leaves nothing behind.',
    '',
  ].join('\n');
}
