/** What a shell does with processes: makes none for a substitution of built-ins, and few and fast ones for programs. */
import type { Row } from '../row.js';
import { compareScript } from '../shells.js';

const many = (quick: boolean, n: number): number => (quick ? Math.ceil(n / 20) : n);

export const processRows: readonly Row[] = [
  {
    name: 'substitution',
    run: async (options) => [
      await compareScript(
        'x=$(printf …) in a loop',
        `i=0; while [ $i -lt ${many(options.quick, 5000)} ]; do x=$(printf %s "$i"); i=$((i + 1)); done; echo $x`,
        ['dash', 'bash', 'busybox'],
        [{ against: 'dash', limit: 1 / 20, is: 'at most' }],
        3,
        options,
      ),
      await compareScript(
        'x=$(function) in a loop',
        `f() { echo "<$1>"; }; i=0; while [ $i -lt ${many(options.quick, 5000)} ]; do x=$(f $i); i=$((i + 1)); done; echo $x`,
        ['dash', 'bash', 'busybox'],
        [{ against: 'dash', limit: 1 / 20, is: 'at most' }],
        3,
        options,
      ),
    ],
  },
  {
    name: 'external',
    run: async (options) => [
      await compareScript(
        '/bin/true in a loop, 2 000 times',
        `i=0; while [ $i -lt ${many(options.quick, 2000)} ]; do /bin/true; i=$((i + 1)); done`,
        ['dash', 'bash', 'busybox'],
        [{ against: 'dash', limit: 1.5, is: 'at most' }],
        3,
        options,
      ),
    ],
  },
  {
    name: 'stages',
    run: async (options) => [
      await compareScript(
        'pipeline of 20 programs, 20 times',
        `i=0; while [ $i -lt ${many(options.quick, 20)} ]; do /bin/echo x${' | cat'.repeat(19)}; i=$((i + 1)); done`,
        ['dash', 'bash', 'busybox'],
        [{ against: 'dash', limit: 1.5, is: 'at most' }],
        5,
        options,
      ),
    ],
  },
  {
    name: 'throughput',
    run: async (options) => {
      const mebibytes = options.quick ? 64 : 2048;
      const time = await compareScript(
        `head | cat >/dev/null, ${mebibytes} MiB`,
        `head -c ${mebibytes << 20} /dev/zero | cat >/dev/null`,
        ['dash', 'bash', 'busybox'],
        [{ against: 'dash', limit: 0.95, is: 'at least' }],
        7,
        options,
      );
      const rates = Object.entries(time.medians).map(([name, ms]) => [name, mebibytes / (ms / 1000)]);
      return [{ ...time, unit: 'MiB/s', medians: Object.fromEntries(rates) }];
    },
  },
];
