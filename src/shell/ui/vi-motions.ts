/** The motions of vi (XCU sh, Command Line Editing): from a place in a line to another, as far as an operator would reach. */

/** What a find motion looks for: `f` and `t` forwards, `F` and `T` backwards, `t` and `T` up to it. */
export interface Find {
  readonly kind: string;
  readonly character: string;
}

/** A command that is whole. */
export interface Command {
  readonly count: number | undefined;
  /** `d`, `c`, `y` before a motion, or ''. */
  readonly operator: string;
  readonly key: string;
  /** What `f`, `r`, `@` … are given. */
  readonly argument: string;
}

/** Where a motion begins, and what was looked for last. */
export interface Place {
  readonly characters: readonly string[];
  readonly cursor: number;
  readonly find: Find | undefined;
}

type Kind = 'blank' | 'word' | 'other';
const kindOf = (c: string, big: boolean): Kind =>
  /\s/.test(c) ? 'blank' : big || /[\p{L}\p{N}_]/u.test(c) ? 'word' : 'other';

function nextWord(characters: readonly string[], from: number, big: boolean): number {
  let i = from;
  const kind = i < characters.length ? kindOf(characters[i]!, big) : 'blank';
  while (i < characters.length && kind !== 'blank' && kindOf(characters[i]!, big) === kind) i += 1;
  while (i < characters.length && kindOf(characters[i]!, big) === 'blank') i += 1;
  return i;
}

function endOfWord(characters: readonly string[], from: number, big: boolean): number {
  let i = from + 1;
  while (i < characters.length && kindOf(characters[i]!, big) === 'blank') i += 1;
  if (i >= characters.length) return characters.length - 1;
  const kind = kindOf(characters[i]!, big);
  while (i + 1 < characters.length && kindOf(characters[i + 1]!, big) === kind) i += 1;
  return i;
}

function previousWord(characters: readonly string[], from: number, big: boolean): number {
  let i = from;
  while (i > 0 && kindOf(characters[i - 1]!, big) === 'blank') i -= 1;
  const kind = i > 0 ? kindOf(characters[i - 1]!, big) : 'blank';
  while (i > 0 && kindOf(characters[i - 1]!, big) === kind) i -= 1;
  return i;
}

/** Index of the count-th such character; undefined where there is none. `again`: `;` does not stop where the last `t` did. */
function findCharacter({ characters, cursor }: Place, find: Find, count: number, again: boolean): number | undefined {
  const step = find.kind === 'f' || find.kind === 't' ? 1 : -1;
  const upTo = find.kind === 't' || find.kind === 'T';
  let i = cursor + (again && upTo ? step : 0);
  for (let left = count; left > 0; left--) {
    do i += step;
    while (i >= 0 && i < characters.length && characters[i] !== find.character);
    if (i < 0 || i >= characters.length) return undefined;
  }
  return upTo ? i - step : i;
}

const opposite: Readonly<Record<string, string>> = { f: 'F', F: 'f', t: 'T', T: 't' };

/** A motion's end; `inclusive`: an operator takes the character there too. */
export interface Motion {
  readonly to: number;
  readonly inclusive: boolean;
  readonly find?: Find;
}

/** Where a motion leads from there; undefined: nowhere. */
export function motion(place: Place, command: Command): Motion | undefined {
  const { characters, cursor } = place;
  const { key, argument, count } = command;
  const n = count ?? 1;
  const exclusive = (to: number): Motion => ({ to: Math.max(0, Math.min(characters.length, to)), inclusive: false });
  const repeat = (step: (from: number) => number): number => {
    let i = cursor;
    for (let left = n; left > 0; left--) i = step(i);
    return i;
  };
  const big = key === key.toUpperCase();
  switch (key) {
    case 'l':
    case ' ':
      return cursor >= characters.length - (command.operator === '' ? 1 : 0) ? undefined : exclusive(cursor + n);
    case 'h':
      return cursor === 0 ? undefined : exclusive(cursor - n);
    case '0':
      return exclusive(0);
    case '^':
      return exclusive(characters.findIndex((c) => !/\s/.test(c)));
    case '$':
      return exclusive(characters.length);
    case '|':
      return exclusive(n - 1);
    case 'w':
    case 'W':
      // `cw` on a word leaves the blanks behind it, as in vi.
      if (command.operator === 'c' && cursor < characters.length && kindOf(characters[cursor]!, big) !== 'blank') {
        let last = endOfWord(characters, cursor - 1, big);
        for (let left = n; left > 1; left--) last = endOfWord(characters, last, big);
        return { to: last, inclusive: true };
      }
      return exclusive(repeat((from) => nextWord(characters, from, big)));
    case 'b':
    case 'B':
      return exclusive(repeat((from) => previousWord(characters, from, big)));
    case 'e':
    case 'E':
      return {
        to: Math.max(
          0,
          repeat((from) => endOfWord(characters, from, big)),
        ),
        inclusive: true,
      };
    case ';':
    case ',': {
      const last = place.find;
      if (last === undefined) return undefined;
      const find = key === ';' ? last : { ...last, kind: opposite[last.kind]! };
      const to = findCharacter(place, find, n, true);
      return to === undefined ? undefined : { to, inclusive: to > cursor };
    }
    default: {
      if (!/^[fFtT]$/.test(key)) return undefined;
      const find = { kind: key, character: argument };
      const to = findCharacter(place, find, n, false);
      return to === undefined ? undefined : { to, inclusive: to > cursor, find };
    }
  }
}
