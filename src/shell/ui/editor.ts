/**
 * The line editor as a pure function: state and key in, state out. Emacs keys, as readline's defaults have them. Text is held
 * as an array of user-perceived characters, so that a cursor step is one character whatever its encoding.
 */

export interface EditorState {
  readonly characters: readonly string[];
  /** 0 … characters.length */
  readonly cursor: number;
  /** Text last killed, for Ctrl-Y. */
  readonly killed: string;
  /** Position in the history: 0 is the line being written, 1 the newest entry … */
  readonly depth: number;
  /** The line being written, while an entry of the history is shown. */
  readonly draft: string;
  /** Incremental search backwards, while it is on. */
  readonly search: { readonly query: string; readonly depth: number } | undefined;
}

/** A key as Ink reports it. */
export interface Key {
  readonly input: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly name?:
    | 'return'
    | 'left'
    | 'right'
    | 'up'
    | 'down'
    | 'home'
    | 'end'
    | 'backspace'
    | 'delete'
    | 'tab'
    | 'escape';
}

/** What the key asks of the session besides a new state. */
export type EditorEvent =
  | 'submit'
  | 'end-of-input'
  | 'interrupt'
  | 'clear'
  | 'complete'
  /** Shows what the word could be completed to. */
  | 'list'
  /** Calls an editor for the line, or for the command of the history with that number. */
  | { readonly edit: number | undefined }
  | undefined;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const split = (text: string): string[] => [...segmenter.segment(text)].map((s) => s.segment);

export const emptyLine: EditorState = { characters: [], cursor: 0, killed: '', depth: 0, draft: '', search: undefined };

export const textOf = (state: EditorState): string => state.characters.join('');

const withText = <S extends EditorState>(state: S, characters: readonly string[], cursor: number): S => ({
  ...state,
  characters,
  cursor,
});

/** Replaces the line; the cursor goes to its end. */
export function setLine<S extends EditorState>(state: S, text: string): S {
  const characters = split(text);
  return withText(state, characters, characters.length);
}

export function insert<S extends EditorState>(state: S, text: string): S {
  const before = state.characters.slice(0, state.cursor).join('') + text;
  const characters = split(before + state.characters.slice(state.cursor).join(''));
  return { ...withText(state, characters, split(before).length), depth: 0 };
}

const isWord = (c: string | undefined): boolean => c !== undefined && /[\p{L}\p{N}_]/u.test(c);

function wordLeft({ characters, cursor }: EditorState, isPart: (c: string | undefined) => boolean): number {
  let at = cursor;
  while (at > 0 && !isPart(characters[at - 1])) at -= 1;
  while (at > 0 && isPart(characters[at - 1])) at -= 1;
  return at;
}

function wordRight({ characters, cursor }: EditorState): number {
  let at = cursor;
  while (at < characters.length && !isWord(characters[at])) at += 1;
  while (at < characters.length && isWord(characters[at])) at += 1;
  return at;
}

function kill(state: EditorState, from: number, to: number): EditorState {
  if (from === to) return state;
  const killed = state.characters.slice(from, to).join('');
  return { ...withText(state, [...state.characters.slice(0, from), ...state.characters.slice(to)], from), killed };
}

/** Entry `depth` of the history (1: newest); 0 is the draft. */
export function recall<S extends EditorState>(state: S, depth: number, history: readonly string[]): S {
  if (depth < 0 || depth > history.length) return state;
  const draft = state.depth === 0 ? textOf(state) : state.draft;
  const text = depth === 0 ? draft : history[history.length - depth]!;
  return { ...setLine(state, text), depth, draft };
}

function find(history: readonly string[], query: string, from: number): number {
  for (let depth = from; depth <= history.length; depth++)
    if (history[history.length - depth]!.includes(query)) return depth;
  return 0;
}

/** What the newest entry of the history that begins with the line would add to it; '' unless the cursor is at the end. */
export function suggest(state: EditorState, history: readonly string[]): string {
  const text = textOf(state);
  if (text === '' || state.search !== undefined || state.cursor < state.characters.length) return '';
  for (let i = history.length - 1; i >= 0; i--) {
    const entry = history[i]!;
    if (entry.length > text.length && entry.startsWith(text) && !entry.includes('\n')) return entry.slice(text.length);
  }
  return '';
}

function searching(state: EditorState, key: Key, history: readonly string[]): [EditorState, EditorEvent] {
  const search = state.search!;
  const show = (query: string, depth: number): EditorState => ({
    ...(depth > 0 ? setLine(state, history[history.length - depth]!) : state),
    search: { query, depth },
  });
  if (key.ctrl && key.input === 'r') {
    const depth = find(history, search.query, search.depth + 1);
    return [depth > 0 ? show(search.query, depth) : state, undefined];
  }
  if (key.name === 'backspace') {
    const query = split(search.query).slice(0, -1).join('');
    return [show(query, query === '' ? 0 : find(history, query, 1)), undefined];
  }
  if (key.name === undefined && !key.ctrl && !key.meta && key.input !== '') {
    const query = search.query + key.input;
    return [show(query, find(history, query, Math.max(1, search.depth))), undefined];
  }
  const ended = { ...state, search: undefined };
  if (key.name === 'escape' || (key.ctrl && key.input === 'g')) return [ended, undefined];
  return applyKey(ended, key, history);
}

/** One key press. `history` is oldest first. */
export function applyKey(state: EditorState, key: Key, history: readonly string[]): [EditorState, EditorEvent] {
  if (state.search !== undefined) return searching(state, key, history);
  const { characters, cursor } = state;
  const end = characters.length;
  const moved = (to: number): [EditorState, EditorEvent] => [
    { ...state, cursor: Math.max(0, Math.min(end, to)) },
    undefined,
  ];
  switch (key.name) {
    case 'return':
      return [state, 'submit'];
    case 'left':
      return moved(key.ctrl || key.meta ? wordLeft(state, isWord) : cursor - 1);
    case 'right':
      return moved(key.ctrl || key.meta ? wordRight(state) : cursor + 1);
    case 'up':
      return [recall(state, state.depth + 1, history), undefined];
    case 'down':
      return [recall(state, state.depth - 1, history), undefined];
    case 'home':
      return moved(0);
    case 'end':
      return moved(end);
    case 'backspace':
      if (key.meta) return [kill(state, wordLeft(state, isWord), cursor), undefined];
      return [
        cursor === 0
          ? state
          : withText(state, [...characters.slice(0, cursor - 1), ...characters.slice(cursor)], cursor - 1),
        undefined,
      ];
    case 'delete':
      return [withText(state, [...characters.slice(0, cursor), ...characters.slice(cursor + 1)], cursor), undefined];
    case 'tab':
      return [state, 'complete'];
    case 'escape':
      return [state, undefined];
    default:
  }
  if (key.ctrl) {
    switch (key.input) {
      case 'a':
        return moved(0);
      case 'e':
        return moved(end);
      case 'b':
        return moved(cursor - 1);
      case 'f':
        return moved(cursor + 1);
      case 'p':
        return [recall(state, state.depth + 1, history), undefined];
      case 'n':
        return [recall(state, state.depth - 1, history), undefined];
      case 'c':
        return [{ ...emptyLine, killed: state.killed }, 'interrupt'];
      case 'd':
        if (end === 0) return [state, 'end-of-input'];
        return [withText(state, [...characters.slice(0, cursor), ...characters.slice(cursor + 1)], cursor), undefined];
      case 'h':
        return applyKey(state, { input: '', name: 'backspace' }, history);
      case 'k':
        return [kill(state, cursor, end), undefined];
      case 'u':
        return [kill(state, 0, cursor), undefined];
      case 'w':
        return [
          kill(
            state,
            wordLeft(state, (c) => c !== undefined && !/\s/.test(c)),
            cursor,
          ),
          undefined,
        ];
      case 'y':
        return [insert(state, state.killed), undefined];
      case 't': {
        const at = Math.min(cursor, end - 1);
        if (at < 1) return [state, undefined];
        const swapped = [...characters];
        [swapped[at - 1], swapped[at]] = [swapped[at]!, swapped[at - 1]!];
        return [withText(state, swapped, at + 1), undefined];
      }
      case 'l':
        return [state, 'clear'];
      case 'r':
        return [{ ...state, search: { query: '', depth: 0 } }, undefined];
      default:
        return [state, undefined];
    }
  }
  if (key.meta) {
    if (key.input === 'b') return moved(wordLeft(state, isWord));
    if (key.input === 'f') return moved(wordRight(state));
    if (key.input === 'd') return [kill(state, cursor, wordRight(state)), undefined];
    return [state, undefined];
  }
  return [key.input === '' ? state : insert(state, key.input), undefined];
}
