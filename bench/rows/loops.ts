/** Loops that start no program: what a shell's evaluator costs. Whole runs, start-up included. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Row, Target } from '../row.js';
import { compareScript } from '../shells.js';

/** Faster than dash, and three times as fast as bash. */
const targets: readonly Target[] = [
  { against: 'dash', limit: 1, is: 'at most' },
  { against: 'bash', limit: 1 / 3, is: 'at most' },
];

/** Scripts by what they exercise; `$n` is the number of rounds: a second of dash's and more. */
const loops: Readonly<Record<string, { readonly n: number; readonly script: string }>> = {
  arithmetic: {
    n: 1_000_000,
    script: 'i=0; s=0; while [ $i -lt $n ]; do s=$(((s + i * 3) % 65537)); i=$((i + 1)); done; echo $s',
  },
  'test and [': {
    n: 400_000,
    script:
      'i=0; c=0; while [ "$i" -lt $n ]; do if [ -n "$i" ] && test "$c" != "$i"; then c=$((c + 1)); fi; [ -z "$i" ] || i=$((i + 1)); done; echo $c',
  },
  case: {
    n: 500_000,
    script:
      'i=0; c=0; while [ $i -lt $n ]; do case $i in *7) c=$((c + 1)) ;; *[13]) : ;; a*|b?) c=0 ;; 1??) : ;; *) ;; esac; i=$((i + 1)); done; echo $c',
  },
  'string expansions': {
    n: 300_000,
    script:
      'i=0; p=/usr/local/lib/libfoo.so.1; while [ $i -lt $n ]; do b=${p##*/}; d=${p%/*}; e=${b%%.*}; x="${e}-${#b}-${d:-none}${q+y}"; i=$((i + 1)); done; echo "$x"',
  },
  functions: {
    n: 500_000,
    script: 'add() { r=$(($1 + $2)); return 0; }; i=0; while [ $i -lt $n ]; do add $i 1; i=$r; done; echo $r',
  },
  'for and set': {
    n: 250_000,
    script:
      'i=0; t=0; while [ $i -lt $n ]; do set -- a b c d e f; for w in "$@"; do t=$((t + 1)); done; i=$((i + $#)); i=$((i - 5)); done; echo $t',
  },
  'read from a file': {
    n: 200_000,
    script: 'c=0; while IFS=: read -r a b d; do c=$((c + ${#a})); done <"$file"; echo $c $b',
  },
};

export const loopRows: readonly Row[] = Object.entries(loops).map(([name, { n, script }]) => ({
  name: `loop ${name}`,
  run: async (options) => {
    const rounds = options.quick ? Math.ceil(n / 20) : n;
    const file = path.join(options.directory, 'lines');
    writeFileSync(file, Array.from({ length: rounds }, (_, i) => `user${i}:field ${i}:/home/user${i}\n`).join(''));
    const text = `n=${rounds}; file='${file}'; ${script}`;
    return [await compareScript(`loop: ${name}`, text, ['dash', 'bash', 'busybox'], targets, 5, options)];
  },
}));
