/**
 * The vi-mode line editor (XCU sh, Command Line Editing), as pure as the other: state and key in, state and event out. A command is
 * collected as text until it is whole — `2d3w`, `fx` — and then done.
 */
import { compilePattern } from '../expand/pattern.js';
import { applyKey, type EditorEvent, type EditorState, insert, type Key, recall, setLine, textOf } from './editor.js';
import { type Command, type Find, motion } from './vi-motions.js';

interface Search {
  /** `/`: towards older commands; `?`: towards newer ones. */
  readonly direction: string;
  readonly pattern: string;
}

interface Snapshot {
  readonly characters: readonly string[];
  readonly cursor: number;
}

export interface ViState {
  readonly mode: 'insert' | 'replace' | 'command';
  /** The command under way; in insert mode `V`: the next key is text, whatever it is. */
  readonly pending: string;
  /** The pattern being typed. */
  readonly asking: Search | undefined;
  readonly undo: readonly Snapshot[];
  /** The line as it was recalled, for `U`. */
  readonly original: string;
  readonly find: Find | undefined;
  readonly search: Search | undefined;
  /** The keys of the last change, with its count apart, for `.`. */
  readonly change: { readonly count: string; readonly keys: readonly Key[] } | undefined;
  /** The keys of the change under way, until its insertion ends. */
  readonly recording: { readonly count: string; readonly keys: readonly Key[] } | undefined;
}

/** A line that is edited with vi's keys. */
export interface ViLine extends EditorState {
  readonly vi: ViState;
}

/** A new line begins in insert mode; what was found, searched and changed last is remembered. */
export const beginVi = (before?: ViState): ViState => ({
  mode: 'insert',
  pending: '',
  asking: undefined,
  undo: [{ characters: [], cursor: 0 }],
  original: '',
  find: before?.find,
  search: before?.search,
  change: before?.change,
  recording: undefined,
});

/** What the editor may know of the session. */
export interface Surroundings {
  /** Oldest first. */
  readonly history: readonly string[];
  /** Number of the oldest. */
  readonly first: number;
  alias(name: string): string | undefined;
  /** The pathnames that match, each as it would be typed. */
  expand(pattern: string): readonly string[];
}

type Result = [ViLine, EditorEvent];
const withVi = (state: ViLine, change: Partial<ViState>): ViLine => ({ ...state, vi: { ...state.vi, ...change } });
const at = (state: ViLine, cursor: number): ViLine => ({ ...state, cursor });

/** Where the cursor may be in command mode: on a character. */
const onCharacter = (state: ViLine): ViLine =>
  at(state, Math.max(0, Math.min(state.cursor, state.characters.length - 1)));

const remember = (state: ViLine): ViLine => {
  const { characters, cursor } = state;
  return withVi(state, { undo: [...state.vi.undo, { characters, cursor }] });
};

/** One key press. */
export function applyViKey(state: ViLine, key: Key, around: Surroundings): Result {
  const vi = state.vi;
  if (vi.asking !== undefined) return asking(state, key, around);
  if (vi.mode === 'command') return inCommand(state, key, around);
  const recorded =
    vi.recording === undefined
      ? state
      : withVi(state, { recording: { ...vi.recording, keys: [...vi.recording.keys, key] } });
  return inInsert(recorded, key, around);
}

// --- insert mode --------------------------------------------------------------------------------------------------------

/** What Ctrl-V makes of a key. */
function literal(key: Key): string {
  if (key.name === 'return') return '\r';
  if (key.name === 'escape') return '\x1b';
  if (key.name === 'tab') return '\t';
  return key.ctrl ? String.fromCharCode(key.input.charCodeAt(0) & 31) : key.input;
}

function inInsert(state: ViLine, key: Key, around: Surroundings): Result {
  const vi = state.vi;
  if (vi.pending === 'V') return [put(withVi(state, { pending: '' }), literal(key)), undefined];
  if (key.ctrl && key.input === 'v') return [withVi(state, { pending: 'V' }), undefined];
  if (key.name === 'escape') {
    const change = vi.recording ?? vi.change;
    const left = at(state, Math.max(0, state.cursor - 1));
    return [onCharacter(withVi(left, { mode: 'command', pending: '', change, recording: undefined })), undefined];
  }
  // A terminal sends an Escape and the key right behind it as it does one with Alt.
  if (key.meta && key.name === undefined && !key.ctrl) {
    const [escaped] = inInsert(state, { input: '', name: 'escape' }, around);
    return applyViKey(escaped, { input: key.input }, around);
  }
  if (key.name === undefined && !key.ctrl) return [put(state, key.input), undefined];
  if (key.ctrl && key.name === undefined && !'cdhuwln'.includes(key.input)) return [state, undefined];
  return byName(state, key, around);
}

/** Keys that do the same in both editors. */
function byName(state: ViLine, key: Key, { history }: Surroundings): Result {
  const [line, event] = applyKey(state, key, history);
  const next = { ...line, vi: state.vi };
  return [next.depth === state.depth ? next : withVi(next, { undo: [], original: textOf(next) }), event];
}

/** Inserts, or in replace mode overwrites. */
function put(state: ViLine, text: string): ViLine {
  if (text === '') return state;
  if (state.vi.mode === 'insert') return insert(state, text);
  const typed = insert({ ...state, characters: [], cursor: 0 }, text).characters;
  const { characters, cursor } = state;
  const over = [...characters.slice(0, cursor), ...typed, ...characters.slice(cursor + typed.length)];
  return { ...state, characters: over, cursor: cursor + typed.length, depth: 0 };
}

// --- command mode -------------------------------------------------------------------------------------------------------

const whole = /^([1-9]\d*)?(?:([dcy])([1-9]\d*)?)?(?:([fFtTr@])(.+)|([^dcyfFtTr@1-9])|([dcy]))$/su;
const beginning = /^(?:[1-9]\d*)?(?:[dcy](?:[1-9]\d*)?)?[fFtTr@]?$/s;

/** A command as far as it is typed: undefined until it is whole, or `none` when it can be none any more. */
function parse(text: string): Command | 'none' | undefined {
  if (beginning.test(text)) return undefined;
  const found = whole.exec(text);
  if (found === null) return 'none';
  const [, before, operator = '', after, taking, argument = '', single, doubled] = found;
  if (doubled !== undefined && doubled !== operator) return 'none';
  const count = before === undefined && after === undefined ? undefined : Number(before ?? '1') * Number(after ?? '1');
  return { count, operator, key: taking ?? single ?? doubled!, argument };
}

/** Keys that have names, by the command they are. */
const named: Readonly<Record<string, string>> = {
  left: 'h',
  right: 'l',
  up: 'k',
  down: 'j',
  home: '0',
  end: '$',
  backspace: 'h',
  delete: 'x',
};

function inCommand(state: ViLine, key: Key, around: Surroundings): Result {
  if (key.name === 'return') return [state, 'submit'];
  if (key.name === 'escape') return [withVi(state, { pending: '' }), undefined];
  if (key.meta && key.name === undefined)
    return inCommand(withVi(state, { pending: '' }), { input: key.input }, around);
  if (key.ctrl && key.name === undefined) {
    if (key.input === 'p' || key.input === 'n')
      return inCommand(state, { input: key.input === 'p' ? 'k' : 'j' }, around);
    return 'cdl'.includes(key.input) ? byName(state, key, around) : [state, undefined];
  }
  const input = key.name === undefined ? key.input : (named[key.name] ?? '');
  let result: Result = [state, undefined];
  // Several characters may arrive as one run of text.
  for (const character of insert({ ...state, characters: [], cursor: 0 }, input).characters) {
    result = typed(result[0], character, around);
    if (result[1] !== undefined) break;
  }
  return result;
}

function typed(state: ViLine, character: string, around: Surroundings): Result {
  const vi = state.vi;
  if (vi.asking !== undefined || vi.mode !== 'command') return applyViKey(state, { input: character }, around);
  const pending = vi.pending + character;
  const command = parse(pending);
  if (command === undefined) return [withVi(state, { pending }), undefined];
  const ready = withVi(state, { pending: '' });
  return command === 'none' ? [ready, undefined] : run(ready, command, pending, around);
}

/** Changes the text: undone by `u`, done again by `.`. */
function changed(before: ViLine, after: ViLine, text: string): ViLine {
  const keys = [{ input: text.replace(/^[1-9]\d*/, '') }];
  const change = { count: /^[1-9]\d*/.exec(text)?.[0] ?? '', keys };
  const { undo } = remember(before).vi;
  const inserting = after.vi.mode !== 'command';
  const kept = withVi(after, inserting ? { undo, recording: change } : { undo, change });
  return { ...(inserting ? kept : onCharacter(kept)), depth: 0 };
}

function remove(state: ViLine, from: number, to: number): ViLine {
  const { characters } = state;
  const killed = characters.slice(from, to).join('');
  return { ...state, characters: [...characters.slice(0, from), ...characters.slice(to)], cursor: from, killed };
}

const inserting = (state: ViLine, cursor: number): ViLine => at(withVi(state, { mode: 'insert' }), cursor);

function operate(state: ViLine, command: Command, text: string): Result {
  const { characters, cursor } = state;
  const { operator, key } = command;
  let [from, to] = [0, characters.length];
  let next = state;
  if (key !== operator) {
    const moved = motion({ ...state, find: state.vi.find }, command);
    if (moved === undefined) return [state, undefined];
    from = Math.min(cursor, moved.to);
    to = Math.max(cursor, moved.to) + (moved.inclusive ? 1 : 0);
    if (moved.find !== undefined) next = withVi(state, { find: moved.find });
  }
  if (operator === 'y') {
    const killed = characters.slice(from, to).join('');
    return [{ ...next, killed, cursor: key === operator ? cursor : from }, undefined];
  }
  const removed = remove(next, from, to);
  return [changed(state, operator === 'c' ? inserting(removed, from) : removed, text), undefined];
}

/** Shorter names of operators with their motion. */
const short: Readonly<Record<string, readonly [operator: string, key: string]>> = {
  x: ['d', 'l'],
  X: ['d', 'h'],
  D: ['d', '$'],
  C: ['c', '$'],
  S: ['c', 'c'],
  Y: ['y', '$'],
};

function run(state: ViLine, command: Command, text: string, around: Surroundings): Result {
  const { characters, cursor } = state;
  const { operator, key, count } = command;
  if (operator !== '') return operate(state, command, text);
  const abbreviated = short[key];
  if (abbreviated !== undefined)
    return operate(state, { ...command, operator: abbreviated[0], key: abbreviated[1] }, text);
  const n = count ?? 1;
  const end = characters.length;
  const insertAt = (where: number): Result => [changed(state, inserting(state, Math.min(end, where)), text), undefined];
  switch (key) {
    case 'i':
      return insertAt(cursor);
    case 'a':
      return insertAt(cursor + 1);
    case 'I':
      return insertAt(0);
    case 'A':
      return insertAt(end);
    case 'R':
      return [changed(state, withVi(state, { mode: 'replace' }), text), undefined];
    case '_':
      return lastWord(state, count, text, around);
    case 'r':
      if (cursor + n > end) return [state, undefined];
      return [
        changed(
          state,
          {
            ...state,
            characters: characters.map((c, i) => (i >= cursor && i < cursor + n ? command.argument : c)),
            cursor: cursor + n - 1,
          },
          text,
        ),
        undefined,
      ];
    case '~':
      return [
        changed(
          state,
          {
            ...state,
            characters: characters.map((c, i) => (i >= cursor && i < cursor + n ? otherCase(c) : c)),
            cursor: cursor + n,
          },
          text,
        ),
        undefined,
      ];
    case 'p':
    case 'P': {
      if (state.killed === '') return [state, undefined];
      const where = key === 'p' ? Math.min(end, cursor + 1) : cursor;
      const filled = insert(at(state, where), state.killed.repeat(n));
      return [changed(state, at(filled, filled.cursor - 1), text), undefined];
    }
    case 'u': {
      const before = state.vi.undo.at(-1);
      if (before === undefined) return [state, undefined];
      return [onCharacter({ ...withVi(state, { undo: state.vi.undo.slice(0, -1) }), ...before }), undefined];
    }
    case 'U':
      if (textOf(state) === state.vi.original) return [state, undefined];
      return [onCharacter(at(setLine(remember(state), state.vi.original), 0)), undefined];
    case '.':
      return again(state, count, around);
    case '#': {
      const commented = setLine(state, `#${textOf(state)}`);
      return [commented, 'submit'];
    }
    case 'v':
      return [state, { edit: count }];
    case '=':
      return [at(state, nextBlank(state)), 'list'];
    case '*':
      return [expanded(state, text, around), undefined];
    case '@':
      return play(state, command.argument, around);
    case '\\':
      return [inserting(remember(state), nextBlank(state)), 'complete'];
    case 'k':
    case '-':
      return [goTo(state, state.depth + n, around), undefined];
    case 'j':
    case '+':
      return [goTo(state, state.depth - n, around), undefined];
    case 'G':
      return [
        goTo(
          state,
          count === undefined ? around.history.length : around.history.length - (count - around.first),
          around,
        ),
        undefined,
      ];
    case '/':
    case '?':
      return [withVi(state, { asking: { direction: key, pattern: '' } }), undefined];
    case 'n':
    case 'N': {
      const { search } = state.vi;
      if (search === undefined) return [state, undefined];
      const direction = key === 'n' ? search.direction : search.direction === '/' ? '?' : '/';
      return [searchHistory(state, { ...search, direction }, around), undefined];
    }
    default: {
      const moved = motion({ ...state, find: state.vi.find }, command);
      if (moved === undefined) return [state, undefined];
      const there = moved.find === undefined ? state : withVi(state, { find: moved.find });
      return [onCharacter(at(there, moved.to)), undefined];
    }
  }
}

function otherCase(c: string): string {
  const upper = c.toUpperCase();
  return upper === c ? c.toLowerCase() : upper;
}

function nextBlank({ characters, cursor }: ViLine): number {
  let i = cursor;
  while (i < characters.length && !/\s/.test(characters[i]!)) i += 1;
  return i;
}

/** `*`: the pathnames that the bigword matches take its place; a `*` is thought behind it where it is no pattern. */
function expanded(state: ViLine, text: string, around: Surroundings): ViLine {
  const { characters, cursor } = state;
  const to = nextBlank(state);
  let from = cursor;
  while (from > 0 && !/\s/.test(characters[from - 1]!)) from -= 1;
  const word = characters.slice(from, to).join('');
  const found = around.expand(/[*?[]/.test(word) ? word : `${word}*`);
  if (found.length === 0) return state;
  const filled = insert(remove(state, from, to), found.join(' '));
  return changed(state, inserting({ ...filled, killed: state.killed }, filled.cursor), text);
}

const controls: Readonly<Record<string, Key>> = {
  '\x1b': { input: '', name: 'escape' },
  '\n': { input: '', name: 'return' },
  '\r': { input: '', name: 'return' },
  '\t': { input: '', name: 'tab' },
  '\x7f': { input: '', name: 'backspace' },
};

/** `@`: the value of the alias `_letter` as keys, up to one that asks something of the session. In them there is no other `@`. */
function play(state: ViLine, letter: string, around: Surroundings): Result {
  let result: Result = [state, undefined];
  for (const c of around.alias(`_${letter}`) ?? '') {
    const control = c < ' ' ? { input: String.fromCharCode(c.charCodeAt(0) + 96), ctrl: true } : { input: c };
    result = applyViKey(result[0], controls[c] ?? control, { ...around, alias: () => undefined });
    if (result[1] !== undefined) break;
  }
  return result;
}

/** `_`: the count-th bigword of the previous command, or its last, is appended behind a space. */
function lastWord(state: ViLine, count: number | undefined, text: string, { history }: Surroundings): Result {
  const words = (history[history.length - 1 - state.depth] ?? history.at(-1) ?? '')
    .split(/\s+/)
    .filter((w) => w !== '');
  const chosen = count === undefined ? words.at(-1) : words[count - 1];
  if (chosen === undefined) return [state, undefined];
  const where = Math.min(state.characters.length, state.cursor + 1);
  const appended = insert(at(state, where), ` ${chosen}`);
  return [changed(state, inserting(appended, appended.cursor), text), undefined];
}

/** `.`: the keys of the last change once more; a count given now takes the place of its own. */
function again(state: ViLine, count: number | undefined, around: Surroundings): Result {
  const { change } = state.vi;
  if (change === undefined) return [state, undefined];
  const before = count === undefined ? change.count : String(count);
  let result: Result = [state, undefined];
  for (const key of [{ input: before }, ...change.keys]) result = applyViKey(result[0], key, around);
  return result;
}

/** Another line of the history, with the cursor at its beginning; where there is none, nothing changes. */
function goTo(state: ViLine, depth: number, { history }: Surroundings): ViLine {
  if (depth < 0 || depth > history.length || depth === state.depth) return state;
  const recalled = at(recall(state, depth, history), 0);
  return withVi(recalled, { undo: [], original: textOf(recalled) });
}

// --- searching ----------------------------------------------------------------------------------------------------------

function asking(state: ViLine, key: Key, around: Surroundings): Result {
  const question = state.vi.asking!;
  const ended = withVi(state, { asking: undefined });
  if (key.name === 'return') {
    const pattern = question.pattern === '' ? (state.vi.search?.pattern ?? '') : question.pattern;
    if (pattern === '') return [ended, undefined];
    const search = { ...question, pattern };
    return [searchHistory(withVi(ended, { search }), search, around), undefined];
  }
  if (key.name === 'escape') return [ended, undefined];
  if (key.ctrl && key.input === 'c') return byName(ended, key, around);
  if (key.name === 'backspace') {
    if (question.pattern === '') return [ended, undefined];
    return [withVi(state, { asking: { ...question, pattern: question.pattern.slice(0, -1) } }), undefined];
  }
  if (key.name !== undefined || key.ctrl || key.meta) return [state, undefined];
  return [withVi(state, { asking: { ...question, pattern: question.pattern + key.input } }), undefined];
}

/** A pattern (XCU 2.14) anywhere in a command, or with `^` at its beginning. */
function searchHistory(state: ViLine, { direction, pattern }: Search, around: Surroundings): ViLine {
  const { history } = around;
  const wanted = compilePattern(pattern.startsWith('^') ? `${pattern.slice(1)}*` : `*${pattern}*`);
  const step = direction === '/' ? 1 : -1;
  for (let depth = state.depth + step; depth > 0 && depth <= history.length; depth += step)
    if (wanted.matches(history[history.length - depth]!)) return goTo(state, depth, around);
  return state;
}
