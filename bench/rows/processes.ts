/** What a shell does with processes: makes none for a substitution of built-ins, and few and fast ones for programs. */
import { alternate, medians, outputOf } from '../measure.js';
import type { Row } from '../row.js';
import { compareScript, shells } from '../shells.js';

const many = (quick: boolean, n: number): number => (quick ? Math.ceil(n / 20) : n);

export const processRows: readonly Row[] = [
  {
    name: 'substitution',
    run: async (options) => [
      await compareScript(
        'x=$(printf …) in a loop',
        `i=0; while [ $i -lt ${many(options.quick, 30_000)} ]; do x=$(printf %s "$i"); i=$((i + 1)); done; echo $x`,
        ['dash'],
        [{ against: 'dash', limit: 1 / 20, is: 'at most' }],
        3,
        options,
      ),
      await compareScript(
        'x=$(function) in a loop',
        `f() { echo "<$1>"; }; i=0; while [ $i -lt ${many(options.quick, 30_000)} ]; do x=$(f $i); i=$((i + 1)); done; echo $x`,
        ['dash'],
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
    // Inside a shell that runs already: how long it takes to start is another row's, and would be all the difference here.
    run: async (options) => {
      const mebibytes = options.quick ? 64 : 512;
      const script = `/bin/true | cat; s=$(date +%s%N); head -c ${mebibytes * 2 ** 20} /dev/zero | cat >/dev/null; e=$(date +%s%N); echo $((e - s))`;
      const rate = (argv: readonly string[]) => (mebibytes * 1e9) / Number(outputOf([...argv, '-c', script]));
      const contenders = Object.entries(shells(['dash', 'bash', 'busybox'], options)).map(
        ([name, argv]) => [name, () => rate(argv)] as const,
      );
      const rates = await alternate(Object.fromEntries(contenders), options.quick ? 1 : 15);
      return [
        {
          row: `head | cat >/dev/null, ${mebibytes} MiB`,
          unit: 'MiB/s',
          medians: medians(rates),
          targets: [{ against: 'dash', limit: 0.95, is: 'at least' }],
        },
      ];
    },
  },
];
