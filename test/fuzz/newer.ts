/**
 * Random scripts of what POSIX has had only since its Issue 8, and dash has not: `case` that falls through, pipefail. Each stage reads
 * all of its input, so that no status is that of a writer to a closed pipe, which is a matter of time.
 */
import * as fc from 'fast-check';

type Text = fc.Arbitrary<string>;
const pick = (...values: string[]): Text => fc.constantFrom(...values);

const { list } = fc.letrec<Record<'list' | 'command' | 'cases' | 'pipeline' | 'stage', string>>((tie) => ({
  stage: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    pick('true', 'false', '(exit 3)', 'sh -c "exit 4"', 'echo a', 'exit 5', '! true', 'f', 'eval "exit 6"'),
    tie('list').map((text) => `{ ${text}\n}`),
    tie('list').map((text) => `( ${text}\n)`),
    tie('cases'),
  ),
  pipeline: fc
    .tuple(pick('', '', '! '), fc.array(tie('stage'), { minLength: 1, maxLength: 4 }))
    .map(([not, stages]) => not + stages.map((s, i) => `{ ${i > 0 ? 'cat; ' : ''}${s}\n}`).join(' | ')),
  cases: fc
    .tuple(
      pick('a', 'b', 'c', '"$x"', '$?'),
      fc.array(
        fc.tuple(
          pick('a', 'b', 'a|b', '*', '[!a]', '0', '"$x"'),
          fc.oneof(pick('', 'x=a', 'x=b'), tie('list')),
          pick(';;', ';&', ';&'),
        ),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
    )
    .map(
      ([word, items]) => `case ${word} in ${items.map(([p, body, end]) => `${p}) ${body}\n${end}`).join('\n')}\nesac`,
    ),
  command: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    pick('echo "s $?"', 'set -o pipefail', 'set +o pipefail', 'x=b', 'f', 'case $x in b) ;& *) esac', 'true'),
    tie('pipeline'),
    tie('cases'),
    tie('pipeline').map((text) => `if ${text}; then echo yes; else echo no; fi`),
    fc.tuple(tie('pipeline'), pick('&&', '||'), tie('pipeline')).map((parts) => parts.join(' ')),
    tie('list').map((text) => `for i in 1 2; do ${text}\ncase $i$x in 1a) continue ;& 2a) break ;; esac\ndone`),
  ),
  list: fc.array(tie('command'), { minLength: 1, maxLength: 3 }).map((commands) => commands.join('\n')),
}));

export const newer: Text = list.map(
  (text) => `x=a; f() { echo f; return 8; }\ng() {\n${text}\n}\nset -o pipefail; g; echo "end $?"\n`,
);
