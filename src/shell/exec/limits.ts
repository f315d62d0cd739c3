/**
 * Resource limits (XCU ulimit). They are kept in the environment and put on the programs it starts, by a shell that sets them and
 * becomes the program: on this process they would limit the interpreter, and every subshell with it.
 */
import { getLimit } from '../../host/libc.js';
import type { Env, Limit } from '../state.js';
import { quoteWord } from './quote.js';

interface Resource {
  /** RLIMIT_* of Linux. */
  readonly number: number;
  /** What one operand counts. */
  readonly unit: bigint;
  readonly name: string;
}

/** The resources by `ulimit`'s letter. */
export const limits: Readonly<Record<string, Resource>> = {
  t: { number: 0, unit: 1n, name: 'time(seconds)' },
  f: { number: 1, unit: 512n, name: 'file(blocks)' },
  d: { number: 2, unit: 1024n, name: 'data(kbytes)' },
  s: { number: 3, unit: 1024n, name: 'stack(kbytes)' },
  c: { number: 4, unit: 512n, name: 'coredump(blocks)' },
  m: { number: 5, unit: 1024n, name: 'memory(kbytes)' },
  l: { number: 8, unit: 1024n, name: 'locked memory(kbytes)' },
  p: { number: 6, unit: 1n, name: 'process' },
  n: { number: 7, unit: 1n, name: 'nofiles' },
  v: { number: 9, unit: 1024n, name: 'vmemory(kbytes)' },
  w: { number: 10, unit: 1n, name: 'locks' },
  r: { number: 14, unit: 1n, name: 'rtprio' },
};

/** The limit this process was started with. */
export function systemLimit(letter: string): Limit {
  const [soft, hard] = getLimit(limits[letter]!.number);
  return { soft, hard };
}

/** A program under the environment's limits: itself where there are none. */
export function withLimits(
  file: string,
  argv: readonly string[],
  env: Env,
): { readonly file: string; readonly argv: readonly string[] } {
  if (env.limits.size === 0) return { file, argv };
  const commands: string[] = [];
  for (const [letter, { soft, hard }] of env.limits) {
    const show = (value: bigint) => (value < 0n ? 'unlimited' : String(value / limits[letter]!.unit));
    // The soft limit first: it may not be above the hard one.
    commands.push(`ulimit -S${letter} ${show(soft)}`, `ulimit -H${letter} ${show(hard)}`);
  }
  const text = `${commands.join('; ')}; exec ${quoteWord(file)} "$@"`;
  return { file: '/bin/sh', argv: ['sh', '-c', text, argv[0]!, ...argv.slice(1)] };
}
