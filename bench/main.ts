/**
 * The benchmark: onesh and its peers side by side, medians of runs in turn, as a table and as JSON. Prints; judges nothing by
 * its exit status.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { type BenchOptions, type Figures, isMet, type Row, ratioOf } from './row.js';
import { contextRow } from './rows/context.js';
import { direct } from './rows/direct.js';
import { interrupt } from './rows/interrupt.js';
import { loopRows } from './rows/loops.js';
import { parseRow } from './rows/parse.js';
import { processRows } from './rows/processes.js';
import { start } from './rows/start.js';
import { topic } from './rows/topic.js';

const rows: readonly Row[] = [start, ...loopRows, ...processRows, parseRow, interrupt, topic, direct, contextRow];

const usage = `usage: npm run bench -- [--quick] [--json FILE] [NAME …]
  NAME    part of a row's name: ${rows.map((row) => row.name).join(', ')}
`;

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function print(figures: Figures): void {
  const values = Object.entries(figures.medians).map(([name, value]) => `${name} ${number(value)}`);
  process.stdout.write(`${figures.row.padEnd(46)} ${values.join('  ')} ${figures.unit}\n`);
  for (const target of figures.targets) {
    const ratio = ratioOf(figures, target);
    if (ratio === undefined) continue;
    const what = target.against === undefined ? figures.unit : `x ${target.against}`;
    const mark = isMet(ratio, target) ? 'ok  ' : 'MISS';
    process.stdout.write(`  ${mark} ${number(ratio)} ${what} (target: ${target.is} ${number(target.limit)})\n`);
  }
  if (figures.note !== undefined) process.stdout.write(`       ${figures.note}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const jsonAt = args.indexOf('--json');
  const json = jsonAt >= 0 ? args[jsonAt + 1] : undefined;
  const unknown = args.find((a) => a.startsWith('--') && a !== '--quick' && a !== '--json');
  if (unknown !== undefined || (jsonAt >= 0 && json === undefined)) {
    process.stdout.write(usage);
    return;
  }
  const names = args.filter((a, i) => !a.startsWith('--') && (jsonAt < 0 || i !== jsonAt + 1));
  const chosen = rows.filter((row) => names.length === 0 || names.some((name) => row.name.includes(name)));
  const skipped = new Set<string>();
  const directory = mkdtempSync(path.join(tmpdir(), 'onesh-bench-'));
  const options: BenchOptions = {
    quick: args.includes('--quick'),
    directory,
    skip: (reason) => {
      if (!skipped.has(reason)) process.stdout.write(`skipped: ${reason}\n`);
      skipped.add(reason);
    },
  };
  const all: Figures[] = [];
  try {
    for (const row of chosen) {
      for (const figures of await row.run(options)) {
        print(figures);
        all.push(figures);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report(all, [...skipped]), undefined, 2)}\n`);
}

const report = (all: readonly Figures[], skipped: readonly string[]) => ({
  date: new Date().toISOString(),
  node: process.version,
  machine: `${cpus().length} x ${cpus()[0]?.model ?? process.arch}`,
  skipped,
  rows: all.map((figures) => ({
    ...figures,
    targets: figures.targets.map((target) => {
      const ratio = ratioOf(figures, target);
      return { ...target, ratio, met: ratio === undefined ? undefined : isMet(ratio, target) };
    }),
  })),
});

await main(process.argv.slice(2));
// Nothing is under way any more, but the C library's threads would keep the process.
process.exit(0);
