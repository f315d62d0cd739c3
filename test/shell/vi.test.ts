/** The line editor in vi mode (XCU sh, Command Line Editing), as a table of keys and what the line then is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type EditorEvent, emptyLine, type Key, setLine, textOf } from '../../src/shell/ui/editor.js';
import { applyViKey, beginVi, type Surroundings, type ViLine } from '../../src/shell/ui/vi.js';

const names: Readonly<Record<string, Key>> = {
  Esc: { input: '', name: 'escape' },
  Enter: { input: '', name: 'return' },
  BS: { input: '', name: 'backspace' },
  Left: { input: '', name: 'left' },
  Up: { input: '', name: 'up' },
  Down: { input: '', name: 'down' },
  Del: { input: '', name: 'delete' },
};

/** `<Esc>`, `<C-v>`, `<M-b>` or a character each. */
const keysOf = (text: string): Key[] =>
  [...text.matchAll(/<(C|M)-(.)>|<(\w+)>|(.)/gsu)].map(([, modifier, of, name, plain]): Key => {
    if (modifier !== undefined) return modifier === 'C' ? { input: of!, ctrl: true } : { input: of!, meta: true };
    return name === undefined ? { input: plain! } : names[name]!;
  });

const history = ['first command', 'echo two words', 'ls -l /tmp', 'echo [three]'];

interface Row {
  /** The line typed before, with the cursor at its end and in command mode; none: a new line, in insert mode. */
  readonly line?: string;
  readonly keys: string;
  /** The line, `|` before the cursor. */
  readonly want: string;
  readonly event?: EditorEvent;
}

const show = ({ characters, cursor }: ViLine): string =>
  `${characters.slice(0, cursor).join('')}|${characters.slice(cursor).join('')}`;

const tables: Readonly<Record<string, readonly Row[]>> = {
  'insert mode': [
    { keys: 'abc', want: 'abc|' },
    { keys: 'abc<BS>d', want: 'abd|' },
    { keys: 'abc<Esc>', want: 'ab|c' },
    { keys: 'a<Esc><Esc>', want: '|a' },
    { keys: 'one two<C-w>', want: 'one |' },
    { keys: 'one two<C-u>', want: '|' },
    { keys: 'a<C-v><Esc>b', want: 'a\x1bb|' },
    { keys: 'a<C-v><C-a>', want: 'a\x01|' },
    { keys: 'ab<Left>c', want: 'ac|b' },
    { keys: 'abc<M-h>', want: 'a|bc' },
    { keys: 'abc<Enter>', want: 'abc|', event: 'submit' },
    { keys: '<C-d>', want: '|', event: 'end-of-input' },
    { keys: 'ab<C-d>', want: 'ab|' },
    { keys: 'ab<C-c>', want: '|', event: 'interrupt' },
    { keys: '<Up>', want: 'echo [three]|' },
    { keys: 'ab<C-x>c', want: 'abc|' },
  ],
  motions: [
    { line: 'abc', keys: 'h', want: 'a|bc' },
    { line: 'abc', keys: '5h', want: '|abc' },
    { line: 'abc', keys: '0', want: '|abc' },
    { line: 'abc', keys: '0l', want: 'a|bc' },
    { line: 'abc', keys: '0 ', want: 'a|bc' },
    { line: 'abc', keys: '09l', want: 'ab|c' },
    { line: '漢字é', keys: 'hh', want: '|漢字é' },
    { line: '  ab', keys: '^', want: '  |ab' },
    { line: 'abc', keys: '0$', want: 'ab|c' },
    { line: 'abc def', keys: '3|', want: 'ab|c def' },
    { line: 'one two-three', keys: '0w', want: 'one |two-three' },
    { line: 'one two-three', keys: '02w', want: 'one two|-three' },
    { line: 'one two-three', keys: '0ww', want: 'one two|-three' },
    { line: 'one two-three four', keys: '02W', want: 'one two-three |four' },
    { line: 'one two', keys: '0e', want: 'on|e two' },
    { line: 'one two-x y', keys: '02E', want: 'one two-|x y' },
    { line: 'one two', keys: '02e', want: 'one tw|o' },
    { line: 'one two-three', keys: 'b', want: 'one two-|three' },
    { line: 'one two-three', keys: '3b', want: 'one |two-three' },
    { line: 'one two-three', keys: 'B', want: 'one |two-three' },
    { line: 'a,b,c', keys: '0f,', want: 'a|,b,c' },
    { line: 'a,b,c', keys: '02f,', want: 'a,b|,c' },
    { line: 'a,b,c', keys: '0f,;', want: 'a,b|,c' },
    { line: 'a,b,c', keys: '0f,;,', want: 'a|,b,c' },
    { line: 'a,b,c', keys: 'F,', want: 'a,b|,c' },
    { line: 'a,b,c', keys: '0t,', want: '|a,b,c' },
    { line: 'a,b,c', keys: '0t,;', want: 'a,|b,c' },
    { line: 'a,b,c', keys: 'T,', want: 'a,b,|c' },
    { line: 'a,b,c', keys: 'T,;', want: 'a,|b,c' },
    { line: 'a,b,c', keys: '0fx', want: '|a,b,c' },
    { line: 'abc', keys: '0;', want: '|abc' },
    { line: 'abc', keys: '<Left>', want: 'a|bc' },
    { line: '', keys: 'hlwbe$0^', want: '|' },
  ],
  inserting: [
    { line: 'abc', keys: 'ix', want: 'abx|c' },
    { line: 'abc', keys: 'ax', want: 'abcx|' },
    { line: 'abc', keys: 'Ix', want: 'x|abc' },
    { line: 'abc', keys: '0Ax', want: 'abcx|' },
    { line: 'abc', keys: '0Rxy<Esc>', want: 'x|yc' },
    { line: 'abc', keys: 'Rxyz', want: 'abxyz|' },
    { line: 'echo', keys: '_', want: 'echo [three]|' },
    { line: 'echo', keys: '1_', want: 'echo echo|' },
    { line: 'echo', keys: '9_', want: 'ech|o' },
    { line: '', keys: 'ax', want: 'x|' },
  ],
  changing: [
    { line: 'abc', keys: 'x', want: 'a|b' },
    { line: 'abcd', keys: '02x', want: '|cd' },
    { line: 'abcd', keys: 'X', want: 'ab|d' },
    { line: 'abcd', keys: '2X', want: 'a|d' },
    { line: 'abcd', keys: '<Del>', want: 'ab|c' },
    { line: 'abcd', keys: '0rx', want: '|xbcd' },
    { line: 'abcd', keys: '03rx', want: 'xx|xd' },
    { line: 'abcd', keys: '9rx', want: 'abc|d' },
    { line: 'aB1c', keys: '0~', want: 'A|B1c' },
    { line: 'aB1c', keys: '09~', want: 'Ab1|C' },
    { line: 'one two three', keys: '0dw', want: '|two three' },
    { line: 'one two three', keys: '02dw', want: '|three' },
    { line: 'one two three', keys: '0d2w', want: '|three' },
    { line: 'one two three', keys: 'wdb', want: 'one two |e' },
    { line: 'one two', keys: '0de', want: '| two' },
    { line: 'one two', keys: '0d$', want: '|' },
    { line: 'one two', keys: '0wD', want: 'one| ' },
    { line: 'one two', keys: 'd0', want: '|o' },
    { line: 'one two', keys: '0dft', want: '|wo' },
    { line: 'one two', keys: '0dtt', want: '|two' },
    { line: 'one two', keys: 'dFn', want: 'o|o' },
    { line: 'one two', keys: 'dd', want: '|' },
    { line: 'one two', keys: '0dx', want: '|one two' },
    { line: 'one two', keys: '0cwX', want: 'X| two' },
    { line: 'a b c', keys: '02cwX', want: 'X| c' },
    { line: 'one two', keys: '0c$X', want: 'X|' },
    { line: 'one two', keys: '0wCX', want: 'one X|' },
    { line: 'one two', keys: 'ccX', want: 'X|' },
    { line: 'one two', keys: 'SX', want: 'X|' },
    { line: 'one two', keys: '0cfwX', want: 'X|o' },
    { line: 'one two', keys: '0c<Esc>x', want: '|ne two' },
    { line: 'one two', keys: '0cdx', want: '|ne two' },
  ],
  'killing and putting': [
    { line: 'ab', keys: '0xp', want: 'b|a' },
    { line: 'abc', keys: '0xP', want: '|abc' },
    { line: 'ab', keys: '0x3p', want: 'baa|a' },
    { line: 'one two', keys: '0yw$p', want: 'one twoone| ' },
    { line: 'one two', keys: 'yy0P', want: 'one tw|oone two' },
    { line: 'one two', keys: '0wY0P', want: 'tw|oone two' },
    { line: 'one two', keys: 'yb', want: 'one |two' },
    { line: 'ab', keys: 'p', want: 'a|b' },
  ],
  'undoing and doing again': [
    { line: 'abc', keys: 'xu', want: 'ab|c' },
    { line: 'abc', keys: 'xxuu', want: 'ab|c' },
    { line: 'abc', keys: '0xxU', want: '|' },
    { line: 'one two', keys: '0cwX<Esc>u', want: '|one two' },
    { keys: 'abc<Esc>u', want: '|' },
    { keys: 'abc<Esc>uu', want: '|' },
    { keys: '<Esc>kxxU', want: '|echo [three]' },
    { line: 'abcdef', keys: '0x.', want: '|cdef' },
    { line: 'abcdef', keys: '02x.', want: '|ef' },
    { line: 'abcdef', keys: '02x3.', want: '|f' },
    { line: 'one two three', keys: '0cwX<Esc>w.', want: 'X |X three' },
    { line: 'one two three', keys: '0dw.', want: '|three' },
    { line: 'abc', keys: '0ax<Esc>.', want: 'ax|xbc' },
    { line: 'abc', keys: '.', want: 'ab|c' },
    { line: 'abcd', keys: '0rx2l.', want: 'xb|xd' },
    { line: 'abcd', keys: '0~.', want: 'AB|cd' },
    { line: 'abcd', keys: 'xp.', want: 'abcd|d' },
  ],
  history: [
    { line: '', keys: 'k', want: '|echo [three]' },
    { line: '', keys: '2k', want: '|ls -l /tmp' },
    { line: '', keys: '-', want: '|echo [three]' },
    { line: '', keys: '<Up><Up><Down>', want: '|echo [three]' },
    { line: '', keys: '<C-p>', want: '|echo [three]' },
    { line: 'draft', keys: 'kj', want: '|draft' },
    { line: 'draft', keys: 'k+', want: '|draft' },
    { line: '', keys: '9k', want: '|' },
    { line: '', keys: 'G', want: '|first command' },
    { line: '', keys: '12G', want: '|ls -l /tmp' },
    { line: '', keys: '99G', want: '|' },
    { line: '', keys: '/two<Enter>', want: '|echo two words' },
    { line: '', keys: '/echo<Enter>n', want: '|echo two words' },
    { line: '', keys: '/echo<Enter>nN', want: '|echo [three]' },
    { line: '', keys: '/^ec*wo<Enter>', want: '|echo two words' },
    { line: '', keys: '/^two<Enter>', want: '|' },
    { line: '', keys: '/\\[th<Enter>', want: '|echo [three]' },
    { line: '', keys: 'G?echo<Enter>', want: '|echo two words' },
    { line: '', keys: 'G?echo<Enter>n', want: '|echo [three]' },
    { line: '', keys: '/echo<Enter>/<Enter>', want: '|echo two words' },
    { line: '', keys: '/tx<BS>wo<Enter>', want: '|echo two words' },
    { line: 'ab', keys: '/<BS>x', want: '|a' },
    { line: 'ab', keys: '/tw<Esc>x', want: '|a' },
    { line: '', keys: 'kxu', want: '|echo [three]' },
    { line: '', keys: 'kxuu', want: '|echo [three]' },
  ],
  'expansion and aliases': [
    { line: 'ls fo', keys: '*', want: 'ls foo food|' },
    { line: 'ls fo -l', keys: '0w*', want: 'ls foo food| -l' },
    { line: 'ls f*d x', keys: '0w*!', want: 'ls food!| x' },
    { line: 'ls none', keys: '*', want: 'ls non|e' },
    { line: 'ls fo', keys: '*<Esc>u', want: 'ls f|o' },
    { line: 'one two', keys: '0@w', want: '>|>two' },
    { line: 'one two', keys: '0@wx', want: '>|two' },
    { line: 'one two', keys: '@r', want: '#one two|', event: 'submit' },
    { line: 'one two', keys: '@l', want: 'one tw|o' },
    { line: 'one two', keys: '@zx', want: 'one t|w' },
  ],
  'asking more of the session': [
    { line: 'ls', keys: '<Enter>', want: 'l|s', event: 'submit' },
    { line: 'ls', keys: '#', want: '#ls|', event: 'submit' },
    { line: 'ls', keys: 'v', want: 'l|s', event: { edit: undefined } },
    { line: 'ls', keys: '12v', want: 'l|s', event: { edit: 12 } },
    { line: 'ls fo bar', keys: '0w\\', want: 'ls fo| bar', event: 'complete' },
    { line: 'ls fo', keys: '0w=', want: 'ls fo|', event: 'list' },
    { line: 'ls', keys: '<C-c>', want: '|', event: 'interrupt' },
    { line: 'ls', keys: '<C-l>', want: 'l|s', event: 'clear' },
    { line: 'ls', keys: '/<C-c>', want: '|', event: 'interrupt' },
    { line: 'ls', keys: 'Zq<C-x>', want: 'l|s' },
  ],
};

const aliases: Readonly<Record<string, string>> = { _w: 'dwi>>\x1b', _r: '#', _l: '@l' };
const files = ['foo', 'food', 'bar'];
const entries: Surroundings = {
  history,
  first: 10,
  alias: (name) => aliases[name],
  expand: (pattern) => files.filter((name) => new RegExp(`^${pattern.replace('*', '.*')}$`).test(name)),
};
for (const [what, rows] of Object.entries(tables)) {
  const test = suite(what);
  for (const row of rows) {
    test(`${row.line ?? ''} ${row.keys}`, () => {
      let state: ViLine = { ...emptyLine, vi: beginVi() };
      let event: EditorEvent;
      if (row.line !== undefined) {
        state = setLine(state, row.line);
        [state] = applyViKey(state, names.Esc!, entries);
      }
      for (const key of keysOf(row.keys)) [state, event] = applyViKey(state, key, entries);
      assert.is(show(state), row.want);
      assert.equal(event, row.event);
    });
  }
  test.run();
}

const kept = suite('from line to line');
kept('what was killed, found, searched and changed is remembered', () => {
  const press = (from: ViLine, keys: string) =>
    keysOf(keys).reduce((state, key) => applyViKey(state, key, entries)[0], from);
  const first = press({ ...emptyLine, vi: beginVi() }, 'a,b,c<Esc>0f,x');
  const second = press({ ...emptyLine, killed: first.killed, vi: beginVi(first.vi) }, 'x,y,z<Esc>0;.0P');
  assert.is(textOf(second), ',xy,z');
});
kept('a run of keys that arrives at once is done key by key', () => {
  const line: ViLine = setLine({ ...emptyLine, vi: { ...beginVi(), mode: 'command' } }, 'one two three');
  const [state] = applyViKey(line, { input: '0dwrXix' }, entries);
  assert.is(show(state), 'x|Xwo three');
});
kept.run();
