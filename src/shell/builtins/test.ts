/** `test` and `[` (XCU test). Paths go through the namespace. */
import { accessSync, constants } from 'node:fs';
import { isTerminal } from '../../host/modules.js';
import { encodeBytes } from '../../wire/bytes.js';
import { parseNumber } from '../expand/arithmetic.js';
import { isOneField } from '../expand/fields.js';
import type { WordCode } from '../expand/words.js';
import { locate } from '../namespace.js';
import { done, type MaybePromise, type Outcome, ShellError, then } from '../outcome.js';
import type { Builtin, Env } from '../state.js';
import { plainDecimal } from '../variables.js';
import { type Found, stat } from './stat.js';

type Truth = MaybePromise<boolean>;

const both = (a: Truth, b: () => Truth): Truth => then(a, (x) => (x ? b() : false));
const either = (a: Truth, b: () => Truth): Truth => then(a, (x) => (x ? true : b()));

const integer = (text: string): number | bigint => {
  const plain = plainDecimal(text);
  if (plain !== undefined) return plain;
  const trimmed = text.trim();
  // Beyond 64 bits it is no number here, though an expression would wrap it around.
  if (!/^[+-]?\d+$/.test(trimmed) || BigInt.asIntN(64, BigInt(trimmed)) !== BigInt(trimmed))
    throw new ShellError(`test: Illegal number: ${text}`, 2);
  return parseNumber(trimmed.replace(/^([+-]?)0+(?=\d)/, '$1'));
};

const comparisons: Readonly<Record<string, (a: string, b: string, env: Env) => Truth>> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  // biome-ignore lint/suspicious/noDoubleEquals: a number may be compared with a bigint
  '-eq': (a, b) => integer(a) == integer(b),
  // biome-ignore lint/suspicious/noDoubleEquals: a number may be compared with a bigint
  '-ne': (a, b) => integer(a) != integer(b),
  '-lt': (a, b) => integer(a) < integer(b),
  '-le': (a, b) => integer(a) <= integer(b),
  '-gt': (a, b) => integer(a) > integer(b),
  '-ge': (a, b) => integer(a) >= integer(b),
  '-nt': (a, b, env) =>
    then(stat(a, env, true), (x) =>
      then(stat(b, env, true), (y) => x !== undefined && (y === undefined || x.mtimeMs > y.mtimeMs)),
    ),
  '-ot': (a, b, env) =>
    then(stat(a, env, true), (x) =>
      then(stat(b, env, true), (y) => y !== undefined && (x === undefined || x.mtimeMs < y.mtimeMs)),
    ),
  '-ef': (a, b, env) =>
    then(stat(a, env, true), (x) =>
      then(stat(b, env, true), (y) => x !== undefined && y !== undefined && x.dev === y.dev && x.ino === y.ino),
    ),
};

const kindIs =
  (kind: Found['kind'], follow = true) =>
  (path: string, env: Env): Truth =>
    then(stat(path, env, follow), (s) => s?.kind === kind);
const modeHas =
  (bits: number) =>
  (path: string, env: Env): Truth =>
    then(stat(path, env, true), (s) => s !== undefined && (s.mode & bits) !== 0);

const mayAccess =
  (how: 'R_OK' | 'W_OK' | 'X_OK', bits: number) =>
  (path: string, env: Env): Truth =>
    then(stat(path, env, true), (s) => {
      if (s === undefined) return false;
      if (s.remote) return (s.mode & bits) !== 0;
      try {
        const { path: full } = locate(path, env);
        accessSync(full.isWellFormed() ? full : encodeBytes(full), constants[how]);
        return true;
      } catch {
        return false;
      }
    });

const unaries: Readonly<Record<string, (operand: string, env: Env) => Truth>> = {
  '-n': (text) => text !== '',
  '-z': (text) => text === '',
  '-b': kindIs('block'),
  '-c': kindIs('character'),
  '-d': kindIs('directory'),
  '-f': kindIs('file'),
  '-p': kindIs('fifo'),
  '-S': kindIs('socket'),
  '-h': kindIs('symlink', false),
  '-L': kindIs('symlink', false),
  '-e': (path, env) => then(stat(path, env, true), (s) => s !== undefined),
  '-s': (path, env) => then(stat(path, env, true), (s) => s !== undefined && s.size > 0),
  '-u': modeHas(0o4000),
  '-g': modeHas(0o2000),
  '-k': modeHas(0o1000),
  '-r': mayAccess('R_OK', 0o444),
  '-w': mayAccess('W_OK', 0o222),
  '-x': mayAccess('X_OK', 0o111),
  '-O': (path, env) => then(stat(path, env, true), (s) => s?.uid === process.geteuid?.()),
  '-G': (path, env) => then(stat(path, env, true), (s) => s?.gid === process.getegid?.()),
  '-t': (text, env) => {
    const fd = env.files.get(Number(integer(text)));
    return fd !== undefined && isTerminal(fd.hostFd());
  },
};

/** Evaluates by the number of operands, as XCU test says; more than four by precedence, as dash does. */
function evaluate(args: readonly string[], env: Env): Truth {
  const [a, b, c] = args;
  switch (args.length) {
    case 0:
      return false;
    case 1:
      return a !== '';
    case 2:
      if (a === '!') return b === '';
      if (unaries[a!] !== undefined) return unaries[a!]!(b!, env);
      throw new ShellError(`test: ${a}: unexpected operator`, 2);
    case 3:
      if (comparisons[b!] !== undefined) return comparisons[b!]!(a!, c!, env);
      if (b === '-a') return a !== '' && c !== '';
      if (b === '-o') return a !== '' || c !== '';
      if (a === '!') return then(evaluate(args.slice(1), env), (x) => !x);
      if (a === '(' && c === ')') return b !== '';
      throw new ShellError(`test: ${b}: unexpected operator`, 2);
    case 4:
      if (a === '!') return then(evaluate(args.slice(1), env), (x) => !x);
      if (a === '(' && args[3] === ')') return evaluate(args.slice(1, 3), env);
      break;
    default:
  }
  const parser = new ExpressionParser(args, env);
  return parser.parse();
}

/** `-o` binds least, then `-a`, then `!`. Each side is evaluated only when it matters. */
class ExpressionParser {
  private at = 0;
  constructor(
    private readonly args: readonly string[],
    private readonly env: Env,
  ) {}

  parse(): Truth {
    const thunk = this.or();
    if (this.at < this.args.length) throw new ShellError(`test: ${this.args[this.at]}: unexpected operator`, 2);
    return thunk();
  }

  private or(): () => Truth {
    const left = this.and();
    if (this.args[this.at] !== '-o') return left;
    this.at += 1;
    const right = this.or();
    return () => either(left(), right);
  }

  private and(): () => Truth {
    const left = this.not();
    if (this.args[this.at] !== '-a') return left;
    this.at += 1;
    const right = this.and();
    return () => both(left(), right);
  }

  private not(): () => Truth {
    const { args } = this;
    if (args[this.at] === '!' && comparisons[args[this.at + 1] ?? ''] === undefined) {
      this.at += 1;
      const inner = this.not();
      return () => then(inner(), (x) => !x);
    }
    return this.primary();
  }

  private primary(): () => Truth {
    const { args, env } = this;
    const a = args[this.at];
    if (a === undefined) throw new ShellError('test: argument expected', 2);
    const b = args[this.at + 1];
    const c = args[this.at + 2];
    if (b !== undefined && c !== undefined && comparisons[b] !== undefined) {
      this.at += 3;
      return () => comparisons[b]!(a, c, env);
    }
    if (a === '(') {
      this.at += 1;
      const inner = this.or();
      if (args[this.at] !== ')') throw new ShellError('test: closing paren expected', 2);
      this.at += 1;
      return inner;
    }
    if (unaries[a] !== undefined && b !== undefined && b !== '-a' && b !== '-o') {
      this.at += 2;
      return () => unaries[a]!(b, env);
    }
    this.at += 1;
    return () => a !== '';
  }
}

const run =
  (bracket: boolean): Builtin['run'] =>
  (args, env): MaybePromise<Outcome> => {
    let end = args.length;
    if (bracket) {
      if (args[end - 1] !== ']') throw new ShellError('[: missing ]', 2);
      end -= 1;
    }
    // The forms that loops use, without an array of their own.
    if (end === 4) {
      const compare = comparisons[args[2]!];
      if (compare !== undefined) {
        const result = compare(args[1]!, args[3]!, env);
        return result instanceof Promise ? result.then((x) => done(x ? 0 : 1)) : done(result ? 0 : 1);
      }
    }
    return then(evaluate(args.slice(1, end), env), (x) => done(x ? 0 : 1));
  };

const integerComparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '-eq': (a, b) => a === b,
  '-ne': (a, b) => a !== b,
  '-lt': (a, b) => a < b,
  '-le': (a, b) => a <= b,
  '-gt': (a, b) => a > b,
  '-ge': (a, b) => a >= b,
};

/** The field that a word makes; undefined where it makes none, or more, or that is not known at once. */
function fieldOf(word: WordCode): ((env: Env) => string | undefined) | undefined {
  const { single, bare } = word;
  if (!word.pure) return undefined;
  if (single !== undefined) return (env) => single(env) as string;
  if (bare === undefined) return undefined;
  return (env) => {
    const text = bare(env) as string;
    return text !== '' && isOneField(text, env.ifs()) ? text : undefined;
  };
}

/** `[ $a -lt $b ]` without fields: what the loops of scripts ask at each turn. */
function compareIntegers(
  left: WordCode,
  right: WordCode,
  operator: string,
): ((env: Env) => Outcome | undefined) | undefined {
  const a = left.integer;
  const b = right.integer;
  const compare = integerComparisons[operator];
  if (a === undefined || b === undefined || compare === undefined) return undefined;
  return (env) => {
    const x = a(env);
    if (x === undefined) return undefined;
    const y = b(env);
    return y === undefined || env.ifs().splitsNumbers ? undefined : done(compare(x, y) ? 0 : 1);
  };
}

function shortcut(operands: readonly WordCode[]): ((env: Env) => Outcome | undefined) | undefined {
  const [first, second, third] = operands;
  if (first === undefined || second === undefined) return undefined;
  if (third === undefined) {
    const operator = first.constant;
    const text = fieldOf(second);
    if (text === undefined || (operator !== '-n' && operator !== '-z')) return undefined;
    const empty = operator === '-z';
    return (env) => {
      const value = text(env);
      return value === undefined ? undefined : done((value === '') === empty ? 0 : 1);
    };
  }
  const operator = second.constant;
  if (operands.length > 3 || operator === undefined) return undefined;
  if (operator !== '=' && operator !== '!=') return compareIntegers(first, third, operator);
  const left = fieldOf(first);
  const right = fieldOf(third);
  if (left === undefined || right === undefined) return undefined;
  const equal = operator === '=';
  return (env) => {
    const a = left(env);
    const b = right(env);
    return a === undefined || b === undefined ? undefined : done((a === b) === equal ? 0 : 1);
  };
}

export const testUtilities: Readonly<Record<string, Builtin>> = {
  test: { special: false, run: run(false), shortcut: (words) => shortcut(words.slice(1)) },
  '[': {
    special: false,
    run: run(true),
    shortcut: (words) => (words.at(-1)?.constant === ']' ? shortcut(words.slice(1, -1)) : undefined),
  },
};
