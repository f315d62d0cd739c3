/** A loop of a million rounds: how soon Ctrl-C ends it, and whether its memory grows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { median } from '../measure.js';
import type { Row } from '../row.js';
import { onesh } from '../shells.js';

const rounds = 1_000_000;
const loop = (n: number) => `i=0; echo; while [ $i -lt ${n} ]; do x="a$i" i=$((i + 1)); done; echo; read x`;

/** Milliseconds from the signal to the end. */
async function latency(after: number): Promise<number> {
  const child = spawn(onesh, ['-c', loop(100 * rounds)], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout!, 'data');
  await new Promise((resolve) => setTimeout(resolve, after));
  const started = performance.now();
  child.kill('SIGINT');
  await once(child, 'exit');
  return performance.now() - started;
}

const residentKiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]);

/** Resident memory at the loop's end, as a share of that after `1/20` of it. */
async function memory(n: number): Promise<number> {
  const child = spawn(onesh, ['-c', loop(n)], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(child.stdout!, 'data');
  await once(child.stdout!, 'data');
  const kib = residentKiB(child.pid!);
  child.stdin!.end('\n');
  await once(child, 'exit');
  return kib / 1024;
}

export const interrupt: Row = {
  name: 'interrupt',
  run: async (options) => {
    const waits = options.quick ? [50] : [50, 150, 250, 350, 450, 550, 650];
    const latencies: number[] = [];
    for (const wait of waits) latencies.push(await latency(wait));
    const short = await memory(rounds / 20);
    const long = await memory(options.quick ? rounds / 10 : rounds);
    return [
      {
        row: 'SIGINT to the end of a busy loop',
        unit: 'ms',
        medians: { onesh: median(latencies) },
        targets: [{ limit: 50, is: 'at most' }],
        note: `longest ${Math.max(...latencies).toFixed(1)} ms`,
      },
      {
        row: 'memory after a loop of a million / of 50 000',
        unit: 'MiB',
        medians: { onesh: long, 'after 50 000': short },
        targets: [{ against: 'after 50 000', limit: 1.25, is: 'at most' }],
      },
    ];
  },
};
