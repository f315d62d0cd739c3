/** The history and `fc` (XCU fc): rows of a script, what it prints, and what the history is afterwards. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openHistory } from '../../src/shell/history.js';
import { runHere } from '../support/scripts.js';

interface Row {
  /** The command lines before; three where none are given. */
  readonly before?: readonly string[];
  /** The command line under way: the last of the history. */
  readonly in: string;
  readonly want: string;
  readonly status?: number;
  /** What is said on standard error. */
  readonly said?: string;
  /** The history afterwards, where it is not what it was and the command. */
  readonly after?: readonly string[];
}

const three = ['echo one', 'printf "%s\\n" two', 'for i in 1 2\ndo echo $i\ndone'];
const [one, two, loop] = three as [string, string, string];
/** An editor that changes what it is given. */
const sed = 'f() { sed s/one/ONE/ "$1" >t && cat t >"$1"; };';

const listing: readonly Row[] = [
  { in: 'fc -l', want: `1\t${one}\n2\t${two}\n3\tfor i in 1 2\n\tdo echo $i\n\tdone\n` },
  { in: 'fc -ln', want: `\t${one}\n\t${two}\n\tfor i in 1 2\n\tdo echo $i\n\tdone\n` },
  { in: 'fc -lr 1 2', want: `2\t${two}\n1\t${one}\n` },
  { in: 'fc -l -n -r 1 2', want: `\t${two}\n\t${one}\n` },
  { in: 'fc -l 2 1', want: `2\t${two}\n1\t${one}\n` },
  { in: 'fc -lr 2 1', want: `2\t${two}\n1\t${one}\n` },
  { in: 'fc -l 2 2', want: `2\t${two}\n` },
  { in: 'fc -l +1 -2', want: `1\t${one}\n2\t${two}\n` },
  { in: 'fc -l -3 -2', want: `1\t${one}\n2\t${two}\n` },
  { in: 'fc -l -- -3 -2', want: `1\t${one}\n2\t${two}\n` },
  { in: 'fc -l echo pri', want: `1\t${one}\n2\t${two}\n` },
  { in: 'fc -l 2', want: `2\t${two}\n3\tfor i in 1 2\n\tdo echo $i\n\tdone\n` },
  // Outside the list is its end.
  { in: 'fc -ln 99 99', want: '\tfor i in 1 2\n\tdo echo $i\n\tdone\n' },
  { in: 'fc -l -99 1', want: `1\t${one}\n` },
  { before: [], in: 'fc -l', want: '' },
  {
    before: Array.from({ length: 20 }, (_, i) => `: ${i}`),
    in: 'fc -l | wc -l; fc -l | head -n 1',
    want: '16\n5\t: 4\n',
  },
  { in: 'fc -l nosuch', want: '', status: 2, said: 'nosuch: no such command' },
  { in: 'fc -q', want: '', status: 2, said: 'Illegal option -q' },
  { in: 'fc -e', want: '', status: 2, said: 'requires an argument' },
];

const running: readonly Row[] = [
  { before: [one], in: 'fc -s', want: 'one\n', said: `${one}\n`, after: [one] },
  { in: 'fc -s ec', want: 'one\n', said: one, after: [...three, one] },
  { in: 'fc -s 1', want: 'one\n', said: one, after: [...three, one] },
  { in: 'fc -s -3', want: 'one\n', said: one, after: [...three, one] },
  { in: 'fc -e - 1', want: 'one\n', said: one, after: [...three, one] },
  { in: 'fc -s', want: '1\n2\n', said: loop, after: three },
  { in: 'fc -s one=three echo', want: 'three\n', said: 'echo three', after: [...three, 'echo three'] },
  { in: 'fc -s o=0 1', want: '', said: 'ech0 one', status: 127, after: [...three, 'ech0 one'] },
  { in: "fc -s one='$&' 1", want: '', said: 'echo $&', after: [...three, 'echo $&'] },
  { before: ['(exit 3)'], in: 'fc -s', want: '', status: 3, said: '(exit 3)', after: ['(exit 3)'] },
  { before: ['echo )'], in: 'fc -s', want: '', status: 2, said: 'syntax error', after: ['echo )'] },
  { in: 'fc -s 99', want: '', status: 2, said: 'no such command', after: three },
  { before: [], in: 'fc -s', want: '', status: 2, said: 'no such command', after: [] },
  { before: [], in: 'fc', want: '', status: 2, said: 'the history is empty', after: [] },
  // With an editor, and who is it.
  { in: `${sed} fc -e f 1`, want: 'ONE\n', said: 'echo ONE', after: [...three, 'echo ONE'] },
  { in: `${sed} FCEDIT=f; fc -3`, want: 'ONE\n', said: 'echo ONE', after: [...three, 'echo ONE'] },
  {
    in: `${sed} fc -e f 1 2`,
    want: 'ONE\ntwo\n',
    said: 'echo ONE\nprintf',
    after: [...three, 'echo ONE', two],
  },
  { in: 'fc -r -e : 1 2', want: 'two\none\n', said: 'printf', after: [...three, two, one] },
  { in: 'fc -e false 1', want: '', status: 1, after: three },
  { in: 'fc -e "sh -c \'echo exit 7 >\\$0\'" 1', want: '', status: 7, said: 'exit 7', after: [...three, 'exit 7'] },
  { in: 'fc -e nosuch-editor 1', want: '', status: 127, said: 'not found', after: three },
];

const rows = suite('fc');
for (const [what, table] of Object.entries({ listing, running })) {
  rows(what, async () => {
    for (const row of table) {
      const history = openHistory(undefined);
      for (const command of row.before ?? three) history.add(command);
      history.add(row.in);
      const { stdout, status, stderr } = await runHere({ script: row.in }, false, history);
      assert.equal({ stdout, status }, { stdout: row.want, status: row.status ?? 0 }, `${row.in}\n${stderr}`);
      if (row.said === undefined) assert.is(stderr, '', row.in);
      else assert.ok(stderr.includes(row.said), `${row.in}: ${stderr}`);
      assert.equal(history.entries, row.after ?? [...(row.before ?? three), row.in], row.in);
    }
  });
}
rows('a shell without a history says so', async () => {
  const { status, stderr } = await runHere({ script: 'fc -l; echo goes on; exit 5' });
  assert.is(status, 5);
  assert.match(stderr, /^sh: line 1: fc: there is no history/);
});
rows.run();

const files = suite('the history file');
const directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-history-'));
const file = path.join(directory, 'deep', 'history');
files.after(() => rmSync(directory, { recursive: true }));

files('keeps commands for the next session, of several lines too', () => {
  const history = openHistory(file);
  for (const command of ['one\n', 'two\\n\nlines\n', '', ' hidden', 'two\\n\nlines', 'three\n']) history.add(command);
  assert.equal(history.entries, ['one', 'two\\n\nlines', 'three']);
  assert.equal(openHistory(file).entries, history.entries);
});
files('has as many as HISTSIZE says, and the rest keep their numbers', () => {
  const history = openHistory(file, '2');
  assert.equal(history.entries, ['two\\n\nlines', 'three']);
  history.add('four');
  assert.equal([history.entries, history.first, history.before], [['three', 'four'], 2, 1]);
  assert.equal(openHistory(file, '0').entries, []);
});
files('loses what is withdrawn, unless another session wrote behind it', () => {
  const history = openHistory(file);
  history.add('fc -s');
  history.withdraw();
  assert.is(history.entries.at(-1), 'four');
  history.withdraw();
  assert.is(history.entries.at(-1), 'four');
  history.add('fc');
  openHistory(file).add('elsewhere');
  history.withdraw();
  assert.equal(openHistory(file).entries.slice(-3), ['four', 'fc', 'elsewhere']);
});
files('may be missing, unreadable, or damaged', () => {
  writeFileSync(file, '\\x\n\\\n\n');
  assert.equal(openHistory(file).entries, ['x', '\\']);
  const nowhere = openHistory('/dev/null/history');
  nowhere.add('kept for the session');
  nowhere.withdraw();
  nowhere.add('kept');
  assert.equal(nowhere.entries, ['kept']);
  assert.ok(readFileSync(file).length > 0);
});
files.run();
