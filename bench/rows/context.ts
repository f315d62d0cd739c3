/**
 * JavaScript programs in their evaluation context, against Node alone: starting one, file calls at home, and file calls whose
 * provider is another machine.
 */
import { randomFillSync } from 'node:crypto';
import * as fs from 'node:fs';
import path from 'node:path';
import { type ContractLab, makeContractLab } from '../../test/runtime/contract/lab.js';
import { mosquittoAvailable } from '../../test/support/mosquitto.js';
import { alternate, medians } from '../measure.js';
import type { Figures, Row } from '../row.js';
import { bareTls } from './direct.js';

/** Calls of one kind, µs each, as JSON. */
const calls = `
const fs = require('fs');
const time = (n, f) => { f(); const t = performance.now(); for (let i = 0; i < n; i++) f(); return (performance.now() - t) / n * 1000; };
const n = Number(process.argv[2]);
const b = Buffer.alloc(4096);
const read = () => { const fd = fs.openSync('four', 'r'); fs.readSync(fd, b); fs.closeSync(fd); };
(async () => {
  const stat = time(n, () => fs.statSync('four'));
  const open = time(n, read);
  const t = performance.now();
  for await (const part of fs.createReadStream('large')) part.length;
  const stream = fs.statSync('large').size / 1048.576 / (performance.now() - t);
  console.log(JSON.stringify({ stat, open, stream }));
})();`;

/** Large files of another machine, MiB/s, and one small read, µs. */
const far = `
const fs = require('fs');
const size = fs.statSync('large').size;
(async () => {
  const fd = fs.openSync('four', 'r'), b = Buffer.alloc(4096);
  fs.readSync(fd, b, 0, 4096, 0);
  const t0 = performance.now();
  for (let i = 0; i < 100; i++) fs.readSync(fd, b, 0, 4096, 0);
  const small = (performance.now() - t0) * 10;
  const t = performance.now();
  for await (const part of fs.createReadStream('large', { highWaterMark: 262144 })) part.length;
  const read = size / 1048.576 / (performance.now() - t);
  const u = performance.now();
  const out = fs.openSync('copy', 'w'), part = Buffer.alloc(262144, 'x');
  for (let at = 0; at < size; at += part.length) fs.writeSync(out, part);
  fs.fsyncSync(out); fs.closeSync(out);
  const write = size / 1048.576 / (performance.now() - u);
  console.log(JSON.stringify({ small, read, write }));
})();`;

type Measured = Readonly<Record<string, number>>;

const milliseconds = async (run: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await run();
  return performance.now() - started;
};

export const contextRow: Row = {
  name: 'context',
  run: async (options) => {
    if (!mosquittoAvailable()) {
      options.skip('mosquitto is not installed');
      return [];
    }
    const labs = [await makeContractLab('never'), await makeContractLab('lately')] as const;
    try {
      return [...(await measureStarts(...labs, options.quick)), ...(await measure(labs[0], options.quick))];
    } finally {
      for (const lab of labs) await lab.close();
    }
  },
};

/** Wall clock, ms, as two processes of one machine have it. */
const clock = 'performance.timeOrigin + performance.now()';
const wallClock = (): number => performance.timeOrigin + performance.now();
/** After a program was started, a process waits for the next within so many milliseconds. */
const calm = 1200;

/** A program until its first line runs, from the moment it is asked for: in a fresh process, and in one that has waited. */
async function measureStarts(fresh: ContractLab, waiting: ContractLab, quick: boolean): Promise<Figures[]> {
  const text = `console.log(${clock})`;
  const start = async (lab: ContractLab, on: 'home' | 'pi' | 'node'): Promise<number> => {
    const file = path.join(lab.tree, 'hello.js');
    fs.writeFileSync(file, text);
    await new Promise((resolve) => setTimeout(resolve, lab === waiting ? calm : 0));
    const asked = wallClock();
    const { stdout } =
      on === 'node'
        ? await lab.plainly([process.execPath, file])
        : await lab.asAgent({ kind: 'node', path: file, text }, { on });
    return Number(stdout) - asked;
  };
  await start(waiting, 'home');
  await start(waiting, 'pi');
  const found = medians(
    await alternate(
      {
        onesh: () => start(waiting, 'home'),
        away: () => start(waiting, 'pi'),
        fresh: () => start(fresh, 'home'),
        'fresh, away': () => start(fresh, 'pi'),
        node: () => start(fresh, 'node'),
      },
      quick ? 1 : 9,
    ),
  );
  return [
    {
      row: 'a program until its first line, from the request',
      unit: 'ms',
      medians: found,
      targets: [{ against: 'node', limit: 1.15, is: 'at most' }],
      note: 'in a process that has waited for it, at home and away; `fresh`: the first of a while',
    },
  ];
}

async function measure(lab: ContractLab, quick: boolean): Promise<Figures[]> {
  const rounds = quick ? 1 : 7;
  const file = (name: string, content: string | Buffer): string => {
    const at = path.join(lab.tree, name);
    fs.writeFileSync(at, content);
    return at;
  };
  file('four', Buffer.alloc(4096, 'x'));
  file('large', randomFillSync(Buffer.alloc(quick ? 4 << 20 : 100 << 20)));
  const hello = file('hello.js', 'console.log(performance.now())');
  const spent = file('spent.js', 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)');
  const lines = Array.from(
    { length: 12_000 },
    (_, i) => `function f${i}(a, b) { return a * ${i} + b.length * (a - b); }`,
  );
  const last = "if (process.argv[9]) import('x');\nconsole.log(performance.now());";
  const bundle = file('bundle.js', [...lines, last].join('\n'));
  const agent = (program: string, on: 'home' | 'pi', argv: readonly string[] = []) =>
    lab.asAgent({ kind: 'node', path: program, text: fs.readFileSync(program, 'utf8') }, { on, argv });
  const plain = (program: string, argv: readonly string[] = []) => lab.plainly([process.execPath, program, ...argv]);

  /** Until its first line runs, by what the program says of itself. */
  const starts = async (program: string) =>
    medians(
      await alternate(
        {
          onesh: async () => Number((await agent(program, 'home')).stdout),
          away: async () => Number((await agent(program, 'pi')).stdout),
          node: async () => Number((await plain(program)).stdout),
        },
        quick ? 1 : 9,
      ),
    );
  const whole = medians(
    await alternate(
      { onesh: () => milliseconds(() => agent(hello, 'pi')), node: () => milliseconds(() => plain(hello)) },
      quick ? 1 : 9,
    ),
  );
  const results: Figures[] = [
    {
      row: 'a program in a fresh process until its first line, by its own clock',
      unit: 'ms',
      medians: await starts(hello),
      targets: [],
    },
    {
      row: 'the same, processor time',
      unit: 'ms',
      medians: await starts(spent),
      targets: [{ against: 'node', limit: 1.15, is: 'at most' }],
      note: 'the clock above also shows what the runtime and the broker do meanwhile on the same processors',
    },
    {
      row: 'a bundle of 1 MB until its last line',
      unit: 'ms',
      medians: await starts(bundle),
      targets: [{ against: 'node', limit: 1.6, is: 'at most' }],
    },
    {
      row: 'an agent away from home, from request to report',
      unit: 'ms',
      medians: whole,
      targets: [],
      note: 'with its streams and its files over the broker, against a process',
    },
  ];

  const loops = file('calls.js', calls);
  const count = String(quick ? 500 : 20_000);
  const parsed = ({ stdout, stderr }: { stdout: string; stderr: string }): Measured => {
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Measured;
  };
  const runs: Record<'onesh' | 'node', Measured[]> = { onesh: [], node: [] };
  for (let i = 0; i < rounds; i++) {
    runs.node.push(parsed(await plain(loops, [count])));
    runs.onesh.push(parsed(await agent(loops, 'home', [count])));
  }
  const of = (name: string) => ({
    onesh: median(runs.onesh.map((m) => m[name]!)),
    node: median(runs.node.map((m) => m[name]!)),
  });
  for (const [name, row, unit] of [
    ['stat', 'stat of a local file in a context', 'µs'],
    ['open', 'open, read 4 KiB, close in a context', 'µs'],
    ['stream', 'stream of a local file in a context', 'MiB/s'],
  ] as const) {
    const faster = unit === 'MiB/s';
    const target = { against: 'node', limit: faster ? 0.9 : 1.1, is: faster ? 'at least' : 'at most' } as const;
    results.push({ row, unit, medians: of(name), targets: [target] });
  }

  const remote = file('far.js', far);
  const measured: Measured[] = [];
  const peers: { readonly tls: number; readonly bus: number }[] = [];
  const socket = await bareTls();
  const size = fs.statSync(path.join(lab.tree, 'large')).size;
  for (let i = 0; i < rounds; i++) {
    measured.push(parsed(await agent(remote, 'pi')));
    const tls = await socket.rate(size);
    await lab.ping();
    const pings = await milliseconds(async () => {
      for (let n = 0; n < 100; n++) await lab.ping();
    });
    peers.push({ tls, bus: pings * 10 });
  }
  socket.close();
  const ofFar = (name: string) => median(measured.map((m) => m[name]!));
  results.push({
    row: 'a synchronous 4 KiB read of another machine',
    unit: 'µs',
    medians: { onesh: ofFar('small'), 'bus round trip': median(peers.map(({ bus }) => bus)) },
    targets: [{ against: 'bus round trip', limit: 2, is: 'at most' }],
  });
  for (const [name, row] of [
    ['read', 'a large file read from another machine'],
    ['write', 'a large file written to another machine'],
  ] as const)
    results.push({
      row,
      unit: 'MiB/s',
      medians: { onesh: ofFar(name), 'TLS socket': median(peers.map(({ tls }) => tls)) },
      targets: [{ against: 'TLS socket', limit: 0.7, is: 'at least' }],
    });
  return results;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
