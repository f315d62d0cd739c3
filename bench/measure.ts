/** Measuring whole processes: wall time or peak memory of a run, runs of all peers in turn, medians. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { spawn, type WaitResult, waitpid } from '../src/host/libc.js';

/** Where a program is in PATH. */
export function which(program: string): string | undefined {
  const found = (process.env.PATH ?? '').split(':').map((directory) => path.join(directory, program));
  return found.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
const nothing = openSync('/dev/null', 'r+');

function start(argv: readonly string[]): number {
  const file = argv[0]!.includes('/') ? argv[0]! : which(argv[0]!);
  if (file === undefined) throw new Error(`${argv[0]} is not installed`);
  const fds = [
    [0, nothing],
    [1, nothing],
    [2, 2],
  ] as const;
  return spawn({ file, argv, env: environment, fds, defaults: [13] });
}

function expectSuccess(argv: readonly string[], result: WaitResult): void {
  if (result.kind !== 'exited' || result.status !== 0)
    throw new Error(`${argv.join(' ')}: ended with ${JSON.stringify(result)}`);
}

/** Runs a program to its end, its output thrown away; milliseconds. @throws Error unless it exits 0 */
export function timeOf(argv: readonly string[]): number {
  const started = process.hrtime.bigint();
  const pid = start(argv);
  const result = waitpid(pid, { block: true, stops: false })!;
  const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
  expectSuccess(argv, result);
  return milliseconds;
}

/** Runs a program to its end; what it prints. @throws Error unless it exits 0 */
export const outputOf = (argv: readonly string[]): string =>
  execFileSync(argv[0]!, argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/**
 * Runs a program to its end; its peak resident memory in MiB, looked up all the time while it runs. (What wait4 reports
 * cannot be less than the memory of the process that started it.)
 */
export function peakMemoryOf(argv: readonly string[]): number {
  const pid = start(argv);
  let kib = 0;
  for (;;) {
    const found = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    if (found !== null) kib = Number(found[1]);
    const result = waitpid(pid, { block: false, stops: false });
    if (result === undefined) continue;
    expectSuccess(argv, result);
    return kib / 1024;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Calls each contender in turn, `rounds` times after one round that does not count; gives all results by name. */
export async function alternate(
  contenders: Readonly<Record<string, () => number | Promise<number>>>,
  rounds: number,
): Promise<Record<string, number[]>> {
  const results: Record<string, number[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const result = await run();
      if (round > 0) results[name]!.push(result);
    }
  }
  return results;
}

/** Medians by name. */
export const medians = (results: Record<string, number[]>): Record<string, number> =>
  Object.fromEntries(Object.entries(results).map(([name, list]) => [name, median(list)]));
