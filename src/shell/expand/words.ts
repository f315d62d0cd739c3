/**
 * Word expansion (XCU 2.6). A word is compiled once to closures; expanding it runs them into a sink:
 *
 *     tilde, parameter, command and arithmetic expansion -> field splitting -> pathname expansion -> quote removal
 *
 * Command substitution is an injected function, so that expansion never imports the interpreter.
 */
import type { ParameterExpansion, Program, Word, WordPart } from '../../../grammar/index.js';
import { fatal, type MaybePromise, then } from '../outcome.js';
import type { Env } from '../state.js';
import { plainDecimal, slotOf } from '../variables.js';
import { arithmeticCode, type Int, integerText, type Operand } from './arithmetic.js';
import { Fields, isOneField as isPlainField, PatternText, type Sink } from './fields.js';
import { characters, inLocale, isAscii, whole } from './locale.js';
import { expandPathname } from './pathname.js';
import { compilePattern, escapePattern, type Pattern } from './pattern.js';
import { expandTilde } from './tilde.js';

/** Compiles a command substitution: runs the program in a subshell and gives its output without trailing newlines. */
export type Substitution = (program: Program) => (env: Env) => MaybePromise<string>;

/** Gives text in an environment. */
type TextCode = (env: Env) => MaybePromise<string>;

/** Gives an integer, or undefined where there is none in its shortest decimal form; changes nothing. */
type IntegerCode = (env: Env) => number | undefined;

/** A compiled word. */
export interface WordCode {
  /** The word's value when no expansion can change it. */
  readonly constant: string | undefined;
  /** The word as a pattern when no expansion can change that. */
  readonly constantPattern: string | undefined;
  /** For a word that is always exactly one field and never a pattern, that field. */
  readonly single: TextCode | undefined;
  /** For a word that is one unquoted expansion, its result: nearly always one field, or none, as it is. */
  readonly bare: TextCode | undefined;
  /** The word is `"$@"`. */
  readonly all: boolean;
  /** For a word that is one parameter, or the length of one, or a number: its value as an integer. */
  readonly integer: IntegerCode | undefined;
  /** For a word that is one arithmetic expansion: its value. */
  readonly result: ((env: Env) => MaybePromise<Int>) | undefined;
  /** Expanding it changes nothing, waits for nothing, and may be done again. */
  readonly pure: boolean;
  /** Expansion without splitting: assignments, redirections, `case` subjects, here-documents. */
  scalar(env: Env): MaybePromise<string>;
  /** Expansion into a sink; the caller finishes the field. */
  into(env: Env, sink: Sink): MaybePromise<void>;
  /** Expansion to a pattern, quoted characters quoted. */
  pattern(env: Env): MaybePromise<string>;
}

type PartCode = (env: Env, sink: Sink) => MaybePromise<void>;

function runAll(codes: readonly PartCode[], env: Env, sink: Sink, from = 0): MaybePromise<void> {
  for (let i = from; i < codes.length; i++) {
    const wait = codes[i]!(env, sink);
    if (wait instanceof Promise) return wait.then(() => runAll(codes, env, sink, i + 1));
  }
}

/** How a part's literal text and results are treated. */
type Quoting = 'unquoted' | 'quoted' | 'operand';

export function compileWord(word: Word, substitution: Substitution): WordCode {
  const { parts } = word;
  const constant = constantText(parts);
  const scalar = joined(parts, constant, substitution);
  const codes = parts.map((part) => compilePart(part, 'unquoted', substitution));
  const pattern = (env: Env) => {
    const sink = new PatternText(env.ifs().join);
    return then(runAll(codes, env, sink), () => sink.text);
  };
  return {
    constant,
    constantPattern: constant === undefined ? undefined : constantPattern(parts),
    single: parts.length > 0 && parts.every(isOneField) && !mayMatch(parts) ? scalar : undefined,
    bare: parts.length === 1 && isBare(parts[0]!) ? scalar : undefined,
    all: isAll(parts),
    integer: integerCode(parts, constant),
    result: resultCode(parts, substitution),
    pure: parts.every(isPure),
    scalar,
    into: codes.length === 1 ? codes[0]! : (env, sink) => runAll(codes, env, sink),
    pattern,
  };
}

/** The only part of a word, within double quotes or not. */
function onlyPart(parts: readonly WordPart[]): WordPart | undefined {
  const part = parts.length === 1 ? parts[0]! : undefined;
  return part?.kind === 'double-quoted' ? onlyPart(part.parts) : part;
}

function isAll(parts: readonly WordPart[]): boolean {
  const part = parts[0]?.kind === 'double-quoted' ? onlyPart(parts) : undefined;
  return part?.kind === 'parameter' && part.name === '@' && part.operator === undefined && !part.length;
}

const isPure = (part: WordPart): boolean =>
  part.kind === 'double-quoted'
    ? part.parts.every(isPure)
    : part.kind === 'literal' || part.kind === 'quoted' || (part.kind === 'parameter' && part.operator === undefined);

function integerCode(parts: readonly WordPart[], constant: string | undefined): IntegerCode | undefined {
  if (constant !== undefined) {
    const value = plainDecimal(constant);
    return value === undefined ? undefined : () => value;
  }
  const part = onlyPart(parts);
  if (part?.kind !== 'parameter' || part.operator !== undefined) return undefined;
  const { name } = part;
  if (part.length) {
    if (name === '@' || name === '*') return undefined;
    const current = currentValue(name);
    return (env) => {
      const value = current(env);
      return value === undefined ? undefined : characters(value, env);
    };
  }
  if (name === '#') return (env) => env.positional.length;
  if (name === '?') return (env) => env.status;
  if (/^[A-Za-z_]/.test(name)) {
    const slot = slotOf(name);
    return (env) => env.integerAt(slot);
  }
  if (!/^[1-9]/.test(name)) return undefined;
  const index = Number(name) - 1;
  return (env) => {
    const value = env.positional[index];
    return value === undefined ? undefined : plainDecimal(value);
  };
}

function resultCode(
  parts: readonly WordPart[],
  substitution: Substitution,
): ((env: Env) => MaybePromise<Int>) | undefined {
  const part = onlyPart(parts);
  return part?.kind === 'arithmetic' ? arithmetic(part.expression.parts, substitution) : undefined;
}

/** An expression's value: the text between its expansions, and those. */
function arithmetic(parts: readonly WordPart[], substitution: Substitution): (env: Env) => MaybePromise<Int> {
  const pieces = [''];
  const expansions: Operand[] = [];
  for (const part of parts) {
    const text = constantText([part]);
    if (text !== undefined) pieces[pieces.length - 1] += text;
    else {
      expansions.push({ text: compileText(part, substitution), integer: integerCode([part], undefined) });
      pieces.push('');
    }
  }
  return arithmeticCode(pieces, expansions);
}

/** True for an expansion whose result is text to be split, with no quoted piece in it. */
const isBare = (part: WordPart): boolean =>
  part.kind === 'command' ||
  part.kind === 'arithmetic' ||
  (part.kind === 'parameter' && part.name !== '@' && part.name !== '*' && !/[-+]$/.test(part.operator ?? ''));

/** The expansion of parts one behind the other, without splitting. */
function joined(parts: readonly WordPart[], constant: string | undefined, substitution: Substitution): TextCode {
  if (constant !== undefined) return () => constant;
  const codes = parts.map((part) => compileText(part, substitution));
  if (codes.length === 1) return codes[0]!;
  const from = (env: Env, start: number, before: string): MaybePromise<string> => {
    let text = before;
    for (let i = start; i < codes.length; i++) {
      const piece = codes[i]!(env);
      if (piece instanceof Promise) {
        const lead = text;
        return piece.then((later) => from(env, i + 1, lead + later));
      }
      text += piece;
    }
    return text;
  };
  return (env) => from(env, 0, '');
}

/** One part's expansion, without splitting. */
function compileText(part: WordPart, substitution: Substitution): TextCode {
  switch (part.kind) {
    case 'literal':
    case 'quoted': {
      const { text } = part;
      return () => text;
    }
    case 'double-quoted':
      return joined(part.parts, constantText(part.parts), substitution);
    case 'tilde': {
      const { user } = part;
      return (env) => expandTilde(user, env) ?? `~${user}`;
    }
    case 'command':
      return substitution(part.program);
    case 'arithmetic': {
      const value = arithmetic(part.expression.parts, substitution);
      return (env) => {
        const number = value(env);
        return number instanceof Promise ? number.then(integerText) : integerText(number);
      };
    }
    case 'parameter':
      return parameterText(part, substitution);
    default:
      return part satisfies never;
  }
}

/** True when unquoted text of the word may be a pattern. `[` alone, the utility, is none. */
function mayMatch(parts: readonly WordPart[]): boolean {
  const text = parts.map((part) => (part.kind === 'literal' ? part.text : '')).join('');
  return /[*?]|\[.*\]/s.test(text);
}

/** True for a part that adds to one field whatever it expands to. */
function isOneField(part: WordPart): boolean {
  switch (part.kind) {
    case 'literal':
    case 'quoted':
      return true;
    case 'double-quoted':
      return part.parts.every((p) => p.kind !== 'parameter' || (p.name !== '@' && p.operand === undefined));
    default:
      return false;
  }
}

/** The value of an unset parameter: null, or an error under `set -u`. */
function unset(name: string, env: Env): string {
  if (env.options.nounset) throw fatal(`${name}: parameter not set`);
  return '';
}

function constantText(parts: readonly WordPart[]): string | undefined {
  let text = '';
  for (const part of parts) {
    if (part.kind === 'literal' || part.kind === 'quoted') text += part.text;
    else if (part.kind === 'double-quoted') {
      const inner = constantText(part.parts);
      if (inner === undefined) return undefined;
      text += inner;
    } else return undefined;
  }
  return text;
}

/** The pattern that constant parts make: quoted characters quoted. */
const constantPattern = (parts: readonly WordPart[]): string =>
  parts
    .map((part) =>
      part.kind === 'literal'
        ? part.text
        : part.kind === 'quoted'
          ? escapePattern(part.text)
          : escapePattern(constantText([part])!),
    )
    .join('');

function compilePart(part: WordPart, quoting: Quoting, substitution: Substitution): PartCode {
  switch (part.kind) {
    case 'literal': {
      const { text } = part;
      if (quoting === 'quoted') return (_, sink) => sink.quoted(text);
      // The word of `${x-word}` is a result of the expansion, so it is split (XCU 2.6.2, 2.6.5).
      if (quoting === 'operand') return (_, sink) => sink.expansion(text);
      return (_, sink) => sink.literal(text);
    }
    case 'quoted': {
      const { text } = part;
      return (_, sink) => sink.quoted(text);
    }
    case 'double-quoted': {
      const codes = part.parts.map((inner) => compilePart(inner, 'quoted', substitution));
      // `""` is an empty field, but `"$@"` alone with no parameters is none (XCU 2.5.2).
      if (codes.length === 0) return (_, sink) => sink.quoted('');
      return codes.length === 1 ? codes[0]! : (env, sink) => runAll(codes, env, sink);
    }
    case 'tilde': {
      const { user } = part;
      return (env, sink) => {
        const home = expandTilde(user, env);
        // Not split, and not a pattern (XCU 2.6.1).
        if (home === undefined) sink.literal(`~${user}`);
        else sink.quoted(home);
      };
    }
    case 'parameter':
      return compileParameter(part, quoting, substitution);
    case 'command':
    case 'arithmetic':
      return emitted(compileText(part, substitution), quoting);
    default:
      return part satisfies never;
  }
}

/** Text into a sink: split, unless quoted. */
function emitted(text: TextCode, quoting: Quoting): PartCode {
  if (quoting === 'quoted') {
    return (env, sink) => {
      const value = text(env);
      return value instanceof Promise ? value.then((later) => sink.quoted(later)) : sink.quoted(value);
    };
  }
  return (env, sink) => {
    const value = text(env);
    return value instanceof Promise ? value.then((later) => sink.expansion(later)) : sink.expansion(value);
  };
}

/** The value of a parameter, lists joined; undefined: unset. */
function currentValue(name: string): (env: Env) => string | undefined {
  if (/^[A-Za-z_]/.test(name)) {
    const slot = slotOf(name);
    return (env) => env.valueAt(slot);
  }
  if (/^[1-9]/.test(name)) {
    const index = Number(name) - 1;
    return (env) => env.positional[index];
  }
  if (name !== '@' && name !== '*') return (env) => env.parameter(name);
  // Where nothing is split, `$@` is joined as `$*`, and it is never unset (XCU 2.5.2 leaves both open).
  return (env) => env.positional.join(env.ifs().join);
}

/** Whether the operand of `-`, `=`, `?` or `+` counts: the parameter is unset, or null where the operator has a colon. */
const isMissing = (operator: string, value: string | undefined): value is undefined | '' =>
  value === undefined || (value === '' && operator.charCodeAt(0) === 58);

/** A parameter expansion as text. */
function parameterText(part: ParameterExpansion, substitution: Substitution): TextCode {
  const { name, operator, operand } = part;
  if (part.length) return lengthText(name);
  const current = currentValue(name);
  if (operator === undefined) {
    // With no positional parameters `$@` is nothing, whatever `set -u` says.
    if (name === '@' || name === '*') return (env) => current(env) ?? '';
    return (env) => current(env) ?? unset(name, env);
  }
  const word = joined(operand?.parts ?? [], constantText(operand?.parts ?? []), substitution);
  switch (operator) {
    case '-':
    case ':-':
      return (env) => {
        const value = current(env);
        return isMissing(operator, value) ? word(env) : value;
      };
    case '+':
    case ':+':
      return (env) => (isMissing(operator, current(env)) ? '' : word(env));
    case '=':
    case ':=':
      return (env) => {
        const value = current(env);
        if (!isMissing(operator, value)) return value;
        if (!/^[A-Za-z_]/.test(name)) throw fatal(`${name}: bad substitution`);
        return then(word(env), (text) => {
          env.set(name, text);
          return text;
        });
      };
    case '?':
    case ':?':
      return (env) => {
        const value = current(env);
        if (!isMissing(operator, value)) return value;
        return then(operand === undefined ? '' : word(env), (text) => {
          const reason = operator === ':?' ? 'parameter not set or null' : 'parameter not set';
          throw fatal(`${name}: ${text === '' ? reason : text}`);
        });
      };
    case '#':
    case '##':
    case '%':
    case '%%': {
      const pattern = compileWord(operand ?? { kind: 'word', parts: [], span: part.span }, substitution);
      const cut = (value: string, compiled: Pattern): string => {
        const longest = operator.length === 2;
        if (operator.charCodeAt(0) === 35) {
          const length = compiled.prefix(value, longest);
          return length <= 0 ? value : value.slice(length);
        }
        const length = compiled.suffix(value, longest);
        return length <= 0 ? value : value.slice(0, value.length - length);
      };
      const always = pattern.constantPattern;
      let compiled: Pattern | undefined;
      return (env) => {
        const value = current(env);
        // Nothing is cut from what is unset: its pattern is not expanded.
        if (value === undefined) return unset(name, env);
        if (always !== undefined && isAscii(value)) return cut(value, (compiled ??= compilePattern(always)));
        return then(pattern.pattern(env), (text) =>
          isAscii(value)
            ? cut(value, compilePattern(text))
            : whole(cut(inLocale(value, env), compilePattern(inLocale(text, env)))),
        );
      };
    }
    default:
      return operator satisfies never;
  }
}

function compileParameter(part: ParameterExpansion, quoting: Quoting, substitution: Substitution): PartCode {
  const { name, operator } = part;
  const quoted = quoting === 'quoted';
  const list = name === '@' || name === '*';
  const star = name === '*';
  if (list && operator === undefined && !part.length)
    return (env, sink) => sink.parameters(env.positional, star, quoted);
  const text = parameterText(part, substitution);
  const emit = emitted(text, quoting);
  // What stands for the value may have quoted pieces of its own, and the value of a list is several fields.
  const takesWord = operator === '-' || operator === ':-' || operator === '+' || operator === ':+';
  if (part.length || (!takesWord && !list)) return emit;
  const codes = (part.operand?.parts ?? []).map((inner) =>
    compilePart(inner, quoted ? 'quoted' : 'operand', substitution),
  );
  const operand: PartCode = (env, sink) => {
    // A field of its own, even if the word is `$@` and there is none: dash and bash agree on that.
    if (quoted) sink.quoted('');
    return runAll(codes, env, sink);
  };
  const current = currentValue(name);
  const value: PartCode = (env, sink) => {
    if (list) {
      if (quoted) sink.quoted('');
      sink.parameters(env.positional, star, quoted);
    } else if (quoted) sink.quoted(current(env)!);
    else sink.expansion(current(env)!);
  };
  switch (operator) {
    case '-':
    case ':-':
      return (env, sink) => (isMissing(operator, current(env)) ? operand(env, sink) : value(env, sink));
    case '+':
    case ':+':
      return (env, sink) => {
        if (!isMissing(operator, current(env))) return operand(env, sink);
        if (quoted) sink.quoted('');
      };
    case '?':
    case ':?':
    case '=':
    case ':=':
      return (env, sink) => (isMissing(operator, current(env)) ? emit(env, sink) : value(env, sink));
    default:
      return emit;
  }
}

/** `${#x}`: characters of the locale; a byte that is no character counts as one. */
function lengthText(name: string): TextCode {
  if (name === '@' || name === '*') return (env) => String(env.positional.length);
  const current = currentValue(name);
  return (env) => String(characters(current(env) ?? unset(name, env), env));
}

/** Expands words to fields in order, pathname expansion included. */
export function expandWords(words: readonly WordCode[], env: Env): MaybePromise<string[]> {
  return expandFrom(words, env, [], undefined, 0);
}

/** `sink` is made for the first word that may be other than one field as it stands. */
function expandFrom(
  words: readonly WordCode[],
  env: Env,
  before: string[],
  sink: Fields | undefined,
  from: number,
): MaybePromise<string[]> {
  let list = before;
  let fields = sink;
  for (let i = from; i < words.length; i++) {
    if (fields?.globs !== undefined) {
      // Files are looked for word by word, as in dash: not those that the expansion of the next word makes.
      const found = expandGlobs(fields, env);
      if (found instanceof Promise) return found.then((later) => expandFrom(words, env, later, undefined, i));
      list = found;
      fields = undefined;
    }
    const { constant, single, bare, all } = words[i]!;
    if (constant !== undefined && single !== undefined) {
      list.push(constant);
      continue;
    }
    if (all) {
      for (const value of env.positional) list.push(value);
      continue;
    }
    const text = single ?? bare;
    if (text !== undefined) {
      const value = text(env);
      if (value instanceof Promise) {
        return value.then((later) => {
          const used = addField(later, single !== undefined, list, fields, env);
          return expandFrom(words, env, list, used, i + 1);
        });
      }
      fields = addField(value, single !== undefined, list, fields, env);
      continue;
    }
    fields ??= new Fields(list, env.ifs(), !env.options.noglob);
    const wait = words[i]!.into(env, fields);
    if (wait instanceof Promise) {
      const used = fields;
      return wait.then(() => {
        used.finish();
        return expandFrom(words, env, list, used, i + 1);
      });
    }
    fields.finish();
  }
  return fields === undefined ? list : expandGlobs(fields, env);
}

/** Adds a word's text: as one field, or split. */
function addField(
  text: string,
  single: boolean,
  list: string[],
  sink: Fields | undefined,
  env: Env,
): Fields | undefined {
  if (single || isPlainField(text, env.ifs())) {
    if (single || text !== '') list.push(text);
    return sink;
  }
  const fields = sink ?? new Fields(list, env.ifs(), !env.options.noglob);
  fields.expansion(text);
  fields.finish();
  return fields;
}

function expandGlobs(sink: Fields, env: Env): MaybePromise<string[]> {
  const { globs, list } = sink;
  if (globs === undefined) return list;
  const out: string[] = [];
  const go = (from: number): MaybePromise<string[]> => {
    for (let i = from; i < list.length; i++) {
      const pattern = globs.get(i);
      if (pattern === undefined) {
        out.push(list[i]!);
        continue;
      }
      const found = expandPathname(pattern, env);
      const add = (names: readonly string[]) => {
        // No match: the word stays as it is (XCU 2.6.6).
        if (names.length === 0) out.push(list[i]!);
        else out.push(...names);
      };
      if (found instanceof Promise) {
        return found.then((names) => {
          add(names);
          return go(i + 1);
        });
      }
      add(found);
    }
    return out;
  };
  return go(0);
}
