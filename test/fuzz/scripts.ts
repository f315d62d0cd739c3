/** Random scripts by the grammar (XCU 2.10): small, always ending, and of nothing on which dash departs from the standard. */
import * as fc from 'fast-check';
import { arithmetic, expansion, fragment } from './fragments.js';

const pick = (...values: string[]) => fc.constantFrom(...values);
const join = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(''));

const name = pick('a', 'b', 'c', 'x', 'y');
const plain = pick('a', 'b', 'ab', 'abc', 'x', '0', '1', '2', '10', 'a.b', 'a/b', '-', 'k=v', 'a:b');
const quotedText = pick('', ' ', 'a b', ' x ', '*', '$a', 'a  b', ';', '#', '"', '~', '[a]', '{', '|');
const operator = pick(':-', '-', ':+', '+', '#', '##', '%', '%%');
const pattern = pick('a*', '*b', '?', '*', '[ab]', '[!a]*', 'a', 'x', '""', '*:', '*/');

/** Everything that refers to itself; `size` keeps it small. */
const { text } = fc.letrec<Record<'word' | 'part' | 'inner' | 'simple' | 'command' | 'list' | 'text', string>>(
  (tie) => ({
    inner: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      name.map((n) => `$${n}`),
      name.map((n) => `\${${n}}`),
      name.map((n) => `\${#${n}}`),
      pick('$#', '$?', '$*', '$1', '${2-none}', '$((i))', '$0'),
      join(fc.constant('${'), name, operator, pattern, fc.constant('}')),
      arithmetic.map((text) => `$((${text}))`),
      expansion,
      // Writing nothing: dash looks for the files of a word before it expands the next.
      tie('simple').map((inner) => `$(${inner.replaceAll(/>+ ?o\d/g, '>/dev/null')})`),
      pick('`echo q`', '$(echo "a  b")', '$(exit 3)', "$(printf 'a\\nb\\n\\n')"),
    ),
    part: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      { weight: 4, arbitrary: plain },
      { weight: 2, arbitrary: quotedText.filter((t) => !t.includes("'")).map((t) => `'${t}'`) },
      { weight: 2, arbitrary: quotedText.filter((t) => !/["$]/.test(t)).map((t) => `"${t}"`) },
      { weight: 2, arbitrary: tie('inner') },
      { weight: 2, arbitrary: tie('inner').map((t) => `"${t}"`) },
      { weight: 1, arbitrary: pick('"$@"', '$@', '\\ ', '\\*', '*.txt', '[ab].txt', '\\"', '"$*"', 'a\\\nb') },
    ),
    word: fc.oneof({ weight: 3, arbitrary: tie('part') }, { weight: 1, arbitrary: join(tie('part'), tie('part')) }),
    simple: fc.oneof(
      {
        weight: 5,
        arbitrary: fc
          .array(tie('word'), { minLength: 1, maxLength: 3 })
          .map((w) => `printf '<%s>' ${w.join(' ')}; echo`),
      },
      { weight: 3, arbitrary: join(name, fc.constant('='), tie('word')) },
      { weight: 2, arbitrary: fc.array(tie('word'), { maxLength: 3 }).map((w) => `set -- ${w.join(' ')}`) },
      {
        weight: 1,
        arbitrary: pick(
          'true',
          'false',
          ':',
          'shift 2>/dev/null || :',
          'unset a',
          'IFS=:',
          'IFS=" :"',
          'unset IFS',
          'set -f',
          'set +f',
          'echo $?',
          'cd d',
          'cd "$HOME"',
          'f a b',
          'nosuchcmd 2>/dev/null',
        ),
      },
      {
        weight: 1,
        arbitrary: join(
          fc.constant('echo '),
          tie('word'),
          pick(' >o1', ' >>o1', ' >o2', ' 2>/dev/null', ' >&2', ' >/dev/null'),
        ),
      },
      {
        weight: 1,
        arbitrary: pick(
          'cat o1 2>/dev/null',
          'read a b <o1 2>/dev/null',
          'cat <<E\n${a-} ${b-} $(echo c) \\$x\nE\n',
          "cat <<'E'\n$a\nE\n",
          'read x y <<E\n a b c \nE\n',
        ),
      },
      {
        weight: 1,
        arbitrary: join(pick('[ ', 'test '), tie('word'), pick(' = ', ' != '), plain, fc.constant('')).map((t) =>
          t.startsWith('[') ? `${t} ] 2>/dev/null` : `${t} 2>/dev/null`,
        ),
      },
      {
        weight: 1,
        arbitrary: pick(
          'return 3',
          'break',
          'continue',
          '(exit 4)',
          'exit 5',
          'eval "echo $a"',
          'export a',
          'x=1 eval "echo $x"',
          'trap "echo bye" EXIT',
          'local_=1',
          'set -e',
          'set +e',
          'set -u',
          'set +u',
        ),
      },
    ),
    command: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      { weight: 5, arbitrary: tie('simple') },
      { weight: 4, arbitrary: fragment },
      { weight: 1, arbitrary: tie('list').map((t) => `(${t}\n)`) },
      { weight: 1, arbitrary: tie('list').map((t) => `{ ${t}\n}`) },
      {
        weight: 1,
        arbitrary: join(
          fc.constant('if '),
          tie('command'),
          fc.constant('\nthen '),
          tie('list'),
          fc.constant('\nelse '),
          tie('list'),
          fc.constant('\nfi'),
        ),
      },
      {
        weight: 1,
        arbitrary: join(
          fc.constant('for x in '),
          tie('word'),
          fc.constant(' '),
          tie('word'),
          fc.constant('; do '),
          tie('list'),
          fc.constant('\ndone'),
        ),
      },
      {
        weight: 1,
        arbitrary: join(fc.constant('n=; while [ ${#n} -lt 2 ]; do n=$n.; '), tie('list'), fc.constant('\ndone')),
      },
      {
        weight: 1,
        arbitrary: join(
          fc.constant('case '),
          tie('word'),
          fc.constant(' in '),
          pattern,
          fc.constant(') '),
          tie('list'),
          fc.constant('\n;; '),
          pattern,
          fc.constant('|b) echo two;; *) echo other;; esac'),
        ),
      },
      // Not calling itself: in a pipeline that would be a bomb, on every shell.
      { weight: 1, arbitrary: tie('list').map((t) => `f() { ${t.replaceAll(/\bf a b\b|\bf (?=3>|<<)/g, ': ')}\n}`) },
      {
        weight: 1,
        arbitrary: join(
          tie('command'),
          pick('\n', ' | cat\n', ' && ', ' || ').map((t) => (t.includes('&&') || t.includes('||') ? `\n` : t)),
          tie('simple'),
        ),
      },
      { weight: 1, arbitrary: tie('simple').map((t) => `{ ${t}\n} | cat`) },
      { weight: 1, arbitrary: tie('simple').map((t) => `! { ${t}\n}`) },
      {
        weight: 1,
        arbitrary: join(
          fc.constant('{ '),
          tie('simple'),
          fc.constant('\n} '),
          pick('&& ', '|| '),
          fc.constant('{ '),
          tie('command'),
          fc.constant('\n}'),
        ),
      },
    ),
    list: fc.array(tie('command'), { minLength: 1, maxLength: 2 }).map((c) => c.join('\n')),
    text: fc.array(tie('command'), { minLength: 1, maxLength: 6 }).map((c) => `mkdir d; i=1 j=2\n${c.join('\n')}\n`),
  }),
);

/** Where dash departs from the standard: an empty last parameter is lost before another expansion. */
const known = /("\$@"|"\$\{@\}")(?=["'}]*[$`])/g;

/** Each loop has a counter of its own: one that an inner loop sets again would never end the outer. */
function numbered(all: string): string {
  let loops = 0;
  return all.replaceAll('n=; while [ ${#n} -lt 2 ]; do n=$n.;', () => {
    loops += 1;
    return `n${loops}=; while [ \${#n${loops}} -lt 2 ]; do n${loops}=$n${loops}.;`;
  });
}

export const script = text.map((all) => numbered(all.replaceAll(known, '$1 ')));
