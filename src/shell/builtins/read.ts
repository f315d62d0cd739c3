/** `read` (XCU read) and `getopts` (XCU getopts). */
import { isName } from '../../../grammar/index.js';
import { decodeBytes } from '../../wire/bytes.js';
import type { Activity, OpenFile, Piece } from '../files.js';
import { done, type MaybePromise, type Outcome, ShellError } from '../outcome.js';
import { complain } from '../report.js';
import { type Builtin, type Env, type Ifs, Separates, separates } from '../state.js';
import { slotOf } from '../variables.js';

/** A line, `text` from `start` to `end`, and which of its characters a backslash quoted (undefined: none). */
interface Line extends Piece {
  readonly quoted: ReadonlySet<number> | undefined;
  /** The delimiter was met. */
  readonly complete: boolean;
}

const line = (text: string, quoted: Line['quoted'], complete: boolean): Line => ({
  text,
  start: 0,
  end: text.length,
  quoted,
  complete,
});

const block = Buffer.alloc(512);
const one = Buffer.alloc(1);

/** Reads up to the delimiter and not a byte further: the rest is for whoever reads next. */
function readLine(env: Env, delimiter: number, raw: boolean): MaybePromise<Line> {
  const file = env.files.get(0);
  if (file === undefined) throw new ShellError('read: Bad file descriptor', 2);
  const piece = file.readAtHand(delimiter, raw ? undefined : 92);
  if (piece !== undefined) {
    const { text, start, end } = piece;
    const nul = text.indexOf('\0');
    if (nul < 0) return { text, start, end, quoted: undefined, complete: true };
    return line(withoutNuls(text.slice(start, end)), undefined, true);
  }
  return readPieces(file, delimiter, raw, env.shell.activity);
}

/** A line that is not at hand as a whole. */
function readPieces(file: OpenFile, delimiter: number, raw: boolean, activity: Activity): MaybePromise<Line> {
  const pieces: Buffer[] = [];
  /** The last byte read is a backslash that quotes the next. */
  let escaped = false;
  /** Index behind the delimiter that ends the line, or 0. */
  const endIn = (bytes: Buffer): number => {
    if (raw) return bytes.indexOf(delimiter) + 1;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (escaped) escaped = false;
      else if (byte === 92) escaped = true;
      else if (byte === delimiter) return i + 1;
    }
    return 0;
  };
  // A file that can seek is read in blocks and the rest given back; anything else byte by byte.
  const buffer = file.unread(0) ? block : one;
  const go = (): MaybePromise<Line> => {
    for (;;) {
      const got = file.read(buffer, activity);
      if (got instanceof Promise) return got.then((n) => use(n) ?? go());
      const line = use(got);
      if (line !== undefined) return line;
    }
  };
  const use = (got: number): Line | undefined => {
    if (got === 0) return unquote(decodeAll(pieces), raw, false);
    const bytes = buffer.subarray(0, got);
    const end = endIn(bytes);
    if (end === 0) {
      pieces.push(Buffer.from(bytes));
      return undefined;
    }
    if (end < got) file.unread(got - end);
    const last = bytes.subarray(0, end - 1);
    if (pieces.length === 0) return unquote(decode(last), raw, true);
    pieces.push(last);
    return unquote(decodeAll(pieces), raw, true);
  };
  return go();
}

/** Text without the NULs, which no parameter can hold. */
const withoutNuls = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '') : text);
const decode = (bytes: Uint8Array): string => withoutNuls(decodeBytes(bytes));
const decodeAll = (pieces: readonly Buffer[]): string => decode(Buffer.concat(pieces));

/** Takes out the backslashes that quote, and line continuations. */
function unquote(text: string, raw: boolean, complete: boolean): Line {
  if (raw || !text.includes('\\')) return line(text, undefined, complete);
  const quoted = new Set<number>();
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') out += text[i];
    else if (i + 1 < text.length) {
      i += 1;
      if (text[i] === '\n') continue;
      quoted.add(out.length);
      out += text[i];
    }
  }
  return line(out, quoted, complete);
}

/** What a `read` is to do. */
interface Order {
  readonly raw: boolean;
  readonly delimiter: number;
  /** The variables' slots. */
  readonly slots: readonly number[];
}

/** Reads options and operands. @throws ShellError status 2 */
function orderOf(args: readonly string[]): Order {
  let i = 1;
  let raw = false;
  let delimiter = 10;
  for (; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      i += 1;
      break;
    }
    if (arg === '-' || arg[0] !== '-') break;
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at]!;
      if (letter === 'r') raw = true;
      else if (letter === 'd' || letter === 'p') {
        const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i];
        if (value === undefined) throw new ShellError(`read: No arg for -${letter} option`, 2);
        if (letter === 'd') delimiter = value === '' ? 0 : Buffer.from(value)[0]!;
        break;
      } else throw new ShellError(`read: Illegal option -${letter}`, 2);
    }
  }
  if (i === args.length) throw new ShellError('read: arg count', 2);
  const names = args.slice(i);
  for (const name of names) if (!isName(name)) throw new ShellError(`read: ${name}: bad variable name`, 2);
  return { raw, delimiter, slots: names.map(slotOf) };
}

/** The last command's: a loop has the same arguments, in the same array, at each turn. */
let latest: { readonly args: readonly string[]; readonly order: Order } | undefined;

const read: Builtin['run'] = (args, env) => {
  if (latest?.args !== args) latest = { args, order: orderOf(args) };
  const { order } = latest;
  const got = readLine(env, order.delimiter, order.raw);
  return got instanceof Promise ? got.then((later) => assignFields(later, order, env)) : assignFields(got, order, env);
};

/** Assigns a line's fields to the variables. */
function assignFields(line: Line, { slots }: Order, env: Env): Outcome {
  const reader = new FieldReader(line, env.ifs());
  const last = slots.length - 1;
  for (let n = 0; n < last; n++) env.setAt(slots[n]!, reader.next());
  env.setAt(slots[last]!, reader.rest());
  return done(line.complete ? 0 : 1);
}

/** Splits as XCU read says: the last variable gets the rest, without the IFS white space around it. */
class FieldReader {
  private at: number;
  private readonly text: string;
  private readonly end: number;
  private readonly quoted: Line['quoted'];
  constructor(
    { text, start, end, quoted }: Line,
    private readonly ifs: Ifs,
  ) {
    this.text = text;
    this.end = end;
    this.quoted = quoted;
    this.at = this.past(Separates.white, start, end);
  }

  /** The first place from `at` on where something else stands, or `end`. */
  private past(what: Separates, at: number, end: number): number {
    const { text, quoted, ifs } = this;
    for (let i = at; i < end; i++) {
      const here = quoted?.has(i) === true ? Separates.no : separates(text.charCodeAt(i), ifs);
      if (here !== what) return i;
    }
    return end;
  }

  /** Past one separator and the white space around it. */
  private pastSeparator(at: number, end: number): number {
    const white = this.past(Separates.white, at, end);
    if (white === end || this.past(Separates.other, white, white + 1) === white) return white;
    return this.past(Separates.white, white + 1, end);
  }

  next(): string {
    const { text, at } = this;
    const end = this.past(Separates.no, at, this.end);
    this.at = this.pastSeparator(end, this.end);
    return text.slice(at, end);
  }

  /** The rest; one field's closing separator goes with it, if the rest is just one field (XCU 2.6.5). */
  rest(): string {
    const { text, at } = this;
    let { end } = this;
    while (end > at && this.past(Separates.white, end - 1, end) === end) end -= 1;
    const field = this.past(Separates.no, at, end);
    return text.slice(at, this.pastSeparator(field, end) === end ? field : end);
  }
}

/** Where a scan stands, by environment: OPTIND alone does not tell inside a group of options (`-abc`). */
const scans = new WeakMap<Env, { readonly optind: string; readonly index: number; readonly at: number }>();

/** `getopts` (XCU getopts). As in dash, OPTIND is past a group of options while it is being read. */
const getopts: Builtin['run'] = (args, env) => {
  const [, spec, name, ...given] = args;
  if (spec === undefined || name === undefined)
    throw new ShellError('getopts: usage: getopts optstring var [arg ...]', 2);
  if (!isName(name)) throw new ShellError(`getopts: ${name}: bad variable name`, 2);
  const words = args.length > 3 ? given : env.positional;
  const quiet = spec.startsWith(':');
  const optind = env.get('OPTIND') ?? '1';
  const scan = scans.get(env);
  // One that a script set begins a scan anew.
  const inside = scan?.optind === optind && scan.at > 1;
  const index = inside ? scan.index : Number(optind) || 1;
  let at = inside ? scan.at : 1;
  /** `next`: the operand the scan goes on with; `position`: where in it. */
  const finish = (letter: string, next: number, position: number, value: string | undefined, status = 0): Outcome => {
    const text = String(position > 1 ? next + 1 : next);
    scans.set(env, { optind: text, index: next, at: position });
    env.set('OPTIND', text);
    if (value === undefined) env.unset('OPTARG');
    else env.set('OPTARG', value);
    env.set(name, letter);
    return done(status);
  };
  const word = words[index - 1];
  if (at === 1) {
    if (word === undefined || word === '-' || word[0] !== '-') return finish('?', index, 1, undefined, 1);
    if (word === '--') return finish('?', index + 1, 1, undefined, 1);
  }
  const letter = word?.[at];
  if (word === undefined || letter === undefined) return finish('?', index, 1, undefined, 1);
  at += 1;
  const last = at >= word.length;
  const place = letter === ':' ? -1 : spec.indexOf(letter, quiet ? 1 : 0);
  if (place < 0) {
    if (!quiet) complain(env, `Illegal option -${letter}`);
    return finish('?', last ? index + 1 : index, last ? 1 : at, quiet ? letter : undefined);
  }
  if (spec[place + 1] !== ':') return finish(letter, last ? index + 1 : index, last ? 1 : at, undefined);
  if (!last) return finish(letter, index + 1, 1, word.slice(at));
  const value = words[index];
  if (value === undefined) {
    if (!quiet) complain(env, `No arg for -${letter} option`);
    return finish(quiet ? ':' : '?', index + 1, 1, quiet ? letter : undefined);
  }
  return finish(letter, index + 2, 1, value);
};

export const readUtility: Readonly<Record<string, Builtin>> = {
  read: { special: false, run: read },
  getopts: { special: false, run: getopts },
};
