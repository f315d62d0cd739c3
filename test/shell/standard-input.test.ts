/** Scripts read from standard input: each command is complete before it runs, and what it leaves unread is the next (XCU sh, STDIN). */
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { onesh } from '../support/scripts.js';

const rows: readonly { readonly in: string; readonly want: string; readonly status?: number }[] = [
  { in: 'cat <<E\nabc $((1 + 1))\nE\necho after\n', want: 'abc 2\nafter\n' },
  { in: 'cat <<A; cat <<-B | tr a-z A-Z\none\nA\n\ttwo\n\tB\necho after\n', want: 'one\nTWO\nafter\n' },
  { in: "cat <<\\E\n$x\nE\ncat <<'F F'\n`y`\nF F\n", want: '$x\n`y`\n' },
  { in: 'f() {\ncat <<X\nin $1\nX\n}\nf a\nf b\n', want: 'in a\nin b\n' },
  { in: 'x=$(cat <<Z\nsub\nZ\n)\necho "$x"\n', want: 'sub\n' },
  { in: 'while read l; do echo "<$l>"; done <<E\n1\n2\nE\n', want: '<1>\n<2>\n' },
  { in: 'cat <<E\nnot E\n E\n\tE\nE\n', want: 'not E\n E\n\tE\n' },
  { in: 'cat <<E\nended by the end', want: 'ended by the end' },
  { in: 'echo a \\\nb\necho "c\nd"\n', want: 'a b\nc\nd\n' },
  { in: 'echo a &&\n\n# a comment\necho b |\ncat\n', want: 'a\nb\n' },
  { in: 'if true\nthen for i in 1 2\ndo echo $i\ndone\nfi\n', want: '1\n2\n' },
  {
    in: 'f() {\ncat <<E\nbody\nE\necho x\n}\nf\nif :; then\necho "a\nb"\nf\\\ni\necho c\n',
    want: 'body\nx\na\nb\nc\n',
  },
  { in: 'alias z=done\nfor i in 1; do\necho $i\nz\necho c\n', want: '1\nc\n' },
  { in: 'case a in\na) echo a\n;;\nesac\n(\necho b\n)\n', want: 'a\nb\n' },
  { in: 'read x\nthis is data\necho "got $x"\n', want: 'got this is data\n' },
  { in: 'cat\nall the rest\n', want: 'all the rest\n' },
  { in: 'echo a\nexit 3\necho b\n', want: 'a\n', status: 3 },
  { in: 'echo a\nif true\nthen', want: 'a\n', status: 2 },
  { in: 'echo a\0b\n', want: 'ab\n' },
  { in: 'echo last', want: 'last\n' },
];

const test = suite('standard input');
for (const row of rows) {
  test(JSON.stringify(row.in), () => {
    const { stdout, status } = spawnSync(onesh[0]!, [], { input: row.in });
    assert.equal({ stdout: stdout.toString(), status }, { stdout: row.want, status: row.status ?? 0 });
  });
}
test('a function of many lines is not parsed for each of them', () => {
  const body = Array.from({ length: 5000 }, (_, i) => `  x=${i}\n`).join('');
  const { stdout } = spawnSync(onesh[0]!, [], { input: `f() {\n${body}}\nf\necho $x\n`, timeout: 20_000 });
  assert.is(stdout.toString(), '4999\n');
});
test('a here-document of many lines is read once', () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join('');
  const { stdout } = spawnSync(onesh[0]!, [], { input: `cat <<E\n${lines}E\n`, timeout: 20_000 });
  assert.ok(stdout.toString() === lines);
});
test.run();
