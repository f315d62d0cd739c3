/** Parsing a long script: in the shell, above its start-up, and warm, against mvdan/sh compiled to WebAssembly. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse as parseWithSh } from 'sh-syntax';
import { createReader } from '../../grammar/index.js';
import { configureScript } from '../configure.js';
import { alternate, median, medians, timeOf } from '../measure.js';
import type { Row } from '../row.js';
import { onesh } from '../shells.js';

/** As the shell does: one complete command at a time. */
function readAll(text: string): void {
  const reader = createReader(text);
  while (reader.next() !== undefined);
}

export const parseRow: Row = {
  name: 'parse',
  run: async (options) => {
    const text = configureScript(10_000);
    const file = path.join(options.directory, 'configure');
    writeFileSync(file, text);
    const shells = await alternate(
      {
        script: () => timeOf([onesh, '-n', file]),
        nothing: () => timeOf([onesh, '-c', ':']),
      },
      options.quick ? 1 : 11,
    );
    const above = shells.script!.map((time, i) => time - shells.nothing![i]!);
    const megabytes = Buffer.byteLength(text) / 1e6;
    const rate = async (run: () => unknown): Promise<number> => {
      const started = performance.now();
      await run();
      return megabytes / ((performance.now() - started) / 1000);
    };
    const contenders = { onesh: () => rate(() => readAll(text)), 'sh-syntax': () => rate(() => parseWithSh(text)) };
    // Warm is when the engine has compiled what it will.
    for (const run of Object.values(contenders)) {
      const until = performance.now() + (options.quick ? 0 : 2000);
      while (performance.now() < until) await run();
    }
    const warm = await alternate(contenders, options.quick ? 1 : 15);
    return [
      {
        row: `parsing ${text.split('\n').length} lines above start-up`,
        unit: 'ms',
        medians: { onesh: median(above) },
        targets: [{ limit: 150, is: 'at most' }],
      },
      {
        row: `parsing warm, ${megabytes.toFixed(2)} MB`,
        unit: 'MB/s',
        medians: medians(warm),
        targets: [
          { limit: 5, is: 'at least' },
          { against: 'sh-syntax', limit: 1, is: 'at least' },
        ],
      },
    ];
  },
};
