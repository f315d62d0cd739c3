import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createReader, parse, parseArithmetic, printProgram, ShellSyntaxError } from '../../grammar/index.js';

/** An AST without its spans: what print and parse must keep. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) if (key !== 'span' && inner !== undefined) out[key] = bare(inner);
  return out;
}

/** Without what the printer may choose: backquotes, `<<-`, how a here-document's delimiter was quoted. */
function canonical(program: unknown): string {
  return JSON.stringify(bare(program), (key, value: unknown) => {
    if (key === 'backquoted' || key === 'quoted') return undefined;
    if (key === 'operator' && value === '<<-') return '<<';
    if (typeof value === 'object' && value !== null && 'body' in value && 'target' in value)
      return { ...value, target: undefined };
    return value;
  });
}

const printing = suite('printer');
const texts: { in: string; want: string }[] = [
  { in: 'echo   a  b', want: 'echo a b' },
  { in: 'a|b |c', want: 'a | b | c' },
  { in: 'a&&b||c', want: 'a && b || c' },
  { in: '! a', want: '! a' },
  { in: 'a & b; c', want: 'a & b; c' },
  { in: 'x=1 y=$z cmd <in >out 2>&1', want: 'x=1 y=$z cmd < in > out 2>&1' },
  { in: '{ a; b; }', want: '{ a; b; }' },
  { in: '(a;b)', want: '(a; b)' },
  { in: 'if a\nthen b\nelif c; then d; else e; fi', want: 'if a; then b; elif c; then d; else e; fi' },
  { in: 'while a; do b; done >f', want: 'while a; do b; done > f' },
  { in: 'until a; do b & done', want: 'until a; do b & done' },
  { in: 'for i in 1 2 "x y"; do echo $i; done', want: 'for i in 1 2 "x y"; do echo $i; done' },
  { in: 'for i; do :; done', want: 'for i; do :; done' },
  { in: 'case $x in a|b) c;; (d) ;& *) e; esac', want: 'case $x in (a | b) c ;; (d) ;& (*) e ;; esac' },
  { in: 'f ( ) { a; } 2>/dev/null', want: 'f() { a; } 2> /dev/null' },
  { in: 'cat <<EOF\nhi $x\nEOF', want: 'cat <<EOF\nhi $x\nEOF\n' },
  { in: "cat <<'E' | b\n$x\nE", want: "cat <<'E' | b\n$x\nE\n" },
  { in: 'echo `a \\`b\\``', want: 'echo $(a $(b))' },
  { in: '$`a \\`b\\`` "$`c $x`"', want: '$`a \\$(b)` "$`c \\$x`"' },
  { in: 'echo `cat <<A <<B; b\nx $y`', want: 'echo `cat <<A <<B; b\nx \\$y`' },
  { in: 'cat <<A & b\nx', want: 'cat <<A & b\nx' },
  { in: 'echo $(( x + 1 ))', want: 'echo $(( x + 1 ))' },
  { in: 'echo ${x:-a b} "${y#*/}" ${#z} ${#}', want: 'echo ${x:-a b} "${y#*/}" ${#z} ${#}' },
  { in: "echo $'a\\tb'", want: "echo $'a\\011b'" },
  { in: 'echo a\\\nb', want: 'echo ab' },
  { in: 'x=~/a:~b', want: 'x=~/a:~b' },
  { in: 'echo $((1)) $( (a) )', want: 'echo $((1)) $( (a))' },
];
for (const { in: source, want } of texts) {
  printing(source.replaceAll('\n', ' '), () => {
    const program = parse(source);
    assert.is(printProgram(program), want);
    assert.equal(canonical(parse(want)), canonical(program));
  });
}
printing('a script of the system survives print and parse', () => {
  let read = 0;
  for (const file of [
    '/usr/bin/ldd',
    '/usr/bin/gunzip',
    '/usr/bin/zgrep',
    '/etc/profile',
    '/usr/bin/which.debianutils',
    '/usr/sbin/update-rc.d',
  ]) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    if (!/^#!.*\bsh\b/.test(text) && file !== '/etc/profile') continue;
    read += 1;
    let program: ReturnType<typeof parse>;
    try {
      program = parse(text);
    } catch (error) {
      // A script for bash may use what POSIX has not.
      assert.instance(error, ShellSyntaxError);
      continue;
    }
    const again = printProgram(program);
    assert.equal(canonical(parse(again)), canonical(program), file);
  }
  assert.ok(read >= 0);
});
printing.run();

const errors = suite('syntax errors');
const wrong: { in: string; line: number; message: RegExp; incomplete: boolean }[] = [
  { in: 'if a; then b', line: 1, message: /end of file.*'(fi|else|elif)'/, incomplete: true },
  { in: 'for x in a; do\n b', line: 2, message: /end of file.*'done'/, incomplete: true },
  { in: 'echo a; fi', line: 1, message: /unexpected 'fi'/, incomplete: false },
  { in: ')', line: 1, message: /unexpected '\)'/, incomplete: false },
  { in: 'a\n\n b | | c', line: 3, message: /unexpected '\|', expected a command/, incomplete: false },
  { in: "echo 'x", line: 1, message: /unterminated quoted string/, incomplete: true },
  { in: 'echo "x\n', line: 2, message: /unterminated quoted string/, incomplete: true },
  { in: 'echo $(a', line: 1, message: /expected '\)'/, incomplete: true },
  { in: 'echo `a', line: 1, message: /unterminated command substitution/, incomplete: true },
  { in: 'echo ${x', line: 1, message: /expected '}'|bad substitution/, incomplete: true },
  { in: 'a &&', line: 1, message: /end of file/, incomplete: true },
  { in: 'a > ', line: 1, message: /expected a word/, incomplete: true },
  { in: 'a > ;', line: 1, message: /unexpected ';', expected a word/, incomplete: false },
  { in: 'case x in', line: 1, message: /end of file.*'esac'/, incomplete: true },
  { in: 'f() {', line: 1, message: /end of file/, incomplete: true },
  { in: 'echo ${x!y', line: 1, message: /expected '}'/, incomplete: true },
  { in: '{ a; ', line: 1, message: /end of file.*'}'/, incomplete: true },
  { in: 'while a; done', line: 1, message: /unexpected 'done', expected 'do'/, incomplete: false },
];
for (const { in: source, line, message, incomplete } of wrong) {
  errors(source.replaceAll('\n', ' '), () => {
    try {
      parse(source);
    } catch (error) {
      assert.instance(error, ShellSyntaxError);
      const found = error as ShellSyntaxError;
      assert.match(found.message, message);
      assert.is(found.line, line);
      assert.is(found.incomplete, incomplete);
      return;
    }
    assert.unreachable('parsed');
  });
}
errors.run();

const reading = suite('reader');
reading('gives one complete command at a time, and an error only when it is reached', () => {
  const reader = createReader('echo 1\n\n# note\nif a\nthen b; fi\ncat <<E\nbody\nE\nx &&\ny\necho )\n');
  const seen: string[] = [];
  for (let i = 0; i < 4; i++) seen.push(printProgram(reader.next()!));
  assert.equal(seen, ['echo 1', 'if a; then b; fi', 'cat <<E\nbody\nE\n', 'x && y']);
  assert.throws(
    () => reader.next(),
    (error: unknown) => error instanceof ShellSyntaxError && error.line === 11,
  );
});
reading('aliases take effect from the next command on', () => {
  const aliases = new Map<string, string>();
  const reader = createReader('ll a\nll b\n', { aliases: (name) => aliases.get(name) });
  assert.is(printProgram(reader.next()!), 'll a');
  aliases.set('ll', 'ls -l ');
  assert.is(printProgram(reader.next()!), 'ls -l b');
});
reading('an alias does not replace itself, and a trailing blank passes the turn on', () => {
  const table: Record<string, string> = { ls: 'ls -F', run: 'exec ', foo: 'bar' };
  const options = { aliases: (name: string) => table[name] };
  assert.is(printProgram(parse('ls x', options)), 'ls -F x');
  assert.is(printProgram(parse('run foo foo', options)), 'exec bar foo');
  assert.is(printProgram(parse("'ls' x; \\ls", options)), "'ls' x; \\ls");
});
reading.run();

const arithmetic = suite('arithmetic');
const shape = (text: string): string => JSON.stringify(bare(parseArithmetic(text)));
arithmetic('precedence and associativity', () => {
  assert.is(shape('1+2*3'), shape('1+(2*3)'));
  assert.is(shape('1-2-3'), shape('(1-2)-3'));
  assert.is(shape('a=b=1'), shape('a=(b=1)'));
  assert.is(shape('a?b:c?d:e'), shape('a?b:(c?d:e)'));
  assert.is(shape('a||b&&c|d^e&f==g<h<<i+j*k'), shape('a||(b&&(c|(d^(e&(f==(g<(h<<(i+(j*k)))))))))'));
  assert.is(shape('- -1'), shape('-(-1)'));
});
for (const text of ['1 +', '(1', '1 2', '1 = 2', '08', '@', '1 ? 2']) {
  arithmetic(`refuses ${text}`, () =>
    assert.throws(
      () => parseArithmetic(text),
      (e: unknown) => e instanceof ShellSyntaxError,
    ),
  );
}
arithmetic.run();

const fuzz = suite('fuzz');
const pieces = fc.array(
  fc.constantFrom(
    'if ',
    'then ',
    'fi',
    ';',
    '\n',
    '&&',
    '|',
    '(',
    ')',
    '{ ',
    '}',
    "'",
    '"',
    '`',
    '$(',
    '$((',
    '${',
    '}',
    '\\',
    '<<E\n',
    'E\n',
    'a',
    'case ',
    ' in ',
    'esac',
    ';;',
    'for ',
    'do ',
    'done',
    '#',
    '=',
    '~',
    ' ',
    '$',
    '!',
    '&',
    '>',
    '<',
    '1',
    'é',
    '\udc80',
    '\0',
  ),
  { maxLength: 40 },
);
fuzz('any text is a program or a syntax error, and a program survives printing', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        pieces.map((p) => p.join('')),
        fc.string({ unit: 'binary' }),
      ),
      (text) => {
        let program: ReturnType<typeof parse>;
        try {
          program = parse(text, { partial: true });
        } catch (error) {
          if (error instanceof ShellSyntaxError) return;
          throw error;
        }
        const printed = printProgram(program);
        assert.equal(canonical(parse(printed)), canonical(program), printed);
      },
    ),
    { numRuns: process.env.ONESH_LONG ? 200_000 : 3000 },
  );
});
fuzz.run();
