/**
 * Arithmetic expansion (XCU 2.6.4): C integer arithmetic on signed 64-bit values. A value is a JavaScript number while it
 * is exactly representable, which nearly all are, and a bigint otherwise; results wrap around at 64 bits.
 */
import { type Arithmetic, parseArithmetic, ShellSyntaxError } from '../../../grammar/index.js';
import { fatal, type MaybePromise } from '../outcome.js';
import type { Env } from '../state.js';
import { decimalText, plainDecimal, slotOf } from '../variables.js';

export type Int = number | bigint;
type Code = (env: Env, operands: readonly number[]) => Int;

/** An expansion inside an expression. */
export interface Operand {
  text(env: Env): MaybePromise<string>;
  /** Its value where that is an integer in its shortest decimal form, and finding out changes nothing. */
  readonly integer: ((env: Env) => number | undefined) | undefined;
}

const max = Number.MAX_SAFE_INTEGER;

/** What an arithmetic expansion gives. */
export const integerText = (value: Int): string => (typeof value === 'number' ? decimalText(value) : String(value));

/** Wraps to 64 bits and prefers the number form. */
function wrap(value: bigint): Int {
  const wrapped = BigInt.asIntN(64, value);
  return wrapped >= -9007199254740991n && wrapped <= 9007199254740991n ? Number(wrapped) : wrapped;
}

const compiled = new Map<string, Code>();

/** Evaluates the text of an arithmetic expression; assignments take effect in `env`. @throws ShellError */
function evaluate(text: string, env: Env): Int {
  let code = compiled.get(text);
  if (code === undefined) {
    code = compileText(text);
    if (compiled.size > 1024) compiled.clear();
    compiled.set(text, code);
  }
  return code(env, []);
}

/**
 * Compiles an expression: text with an expansion between each piece and the next. What the expansions give is text of the
 * expression; as long as they are numbers that stand by themselves, it need not be read again.
 */
export function arithmeticCode(
  pieces: readonly string[],
  expansions: readonly Operand[],
): (env: Env) => MaybePromise<Int> {
  let code: Code | 'text' | undefined;
  if (expansions.length === 0) {
    return (env) => {
      code ??= compileText(pieces[0]!);
      return (code as Code)(env, []);
    };
  }
  const negatable = expansions.map((_, i) => !pieces[i]!.endsWith('-'));
  /** Used again and again: nothing runs between its being filled and its being read. */
  const operands = expansions.map(() => 0);
  const integers = expansions.flatMap(({ integer }) => integer ?? []);
  /** All expansions at once, if all of them are parameters that hold numbers. */
  const direct = (env: Env): Int | undefined => {
    code ??= compileOperands(pieces);
    if (code === 'text') return undefined;
    for (let i = 0; i < operands.length; i++) {
      const value = integers[i]!(env);
      if (value === undefined || (value < 0 && !negatable[i])) return undefined;
      operands[i] = value;
    }
    return code(env, operands);
  };
  const finish = (values: readonly (string | number)[], env: Env): Int => {
    code ??= compileOperands(pieces);
    if (code !== 'text') {
      const numbers: number[] = [];
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        const number = typeof value === 'number' ? value : plainDecimal(value);
        if (number === undefined || (number < 0 && !negatable[i])) break;
        numbers.push(number);
      }
      if (numbers.length === values.length) return code(env, numbers);
    }
    return evaluate(pieces.map((piece, i) => piece + (values[i] ?? '')).join(''), env);
  };
  const expand = (env: Env, values: (string | number)[]): MaybePromise<Int> => {
    for (let i = values.length; i < expansions.length; i++) {
      const { integer, text } = expansions[i]!;
      const value = integer?.(env) ?? text(env);
      if (value instanceof Promise) {
        return value.then((later) => {
          values.push(later);
          return expand(env, values);
        });
      }
      values.push(value);
    }
    return finish(values, env);
  };
  if (integers.length < expansions.length) return (env) => expand(env, []);
  return (env) => direct(env) ?? expand(env, []);
}

/** The expression with operands where the expansions are; `text`: they do not stand where operands do. */
function compileOperands(pieces: readonly string[]): Code | 'text' {
  try {
    return compile(parseArithmetic(pieces.join('\0')));
  } catch (error) {
    if (error instanceof ShellSyntaxError) return 'text';
    throw error;
  }
}

function compileText(text: string): Code {
  if (text.trim() === '') return () => 0;
  try {
    return compile(parseArithmetic(text));
  } catch (error) {
    if (error instanceof ShellSyntaxError) throw fatal(error.message);
    throw error;
  }
}

/** The value of a variable in an expression: a decimal, octal or hexadecimal constant; unset and null are 0. */
function read(slot: number, name: string, env: Env): Int {
  const number = env.integerAt(slot);
  if (number !== undefined) return number;
  const text = env.valueAt(slot);
  if (text === undefined) {
    if (env.options.nounset) throw fatal(`${name}: parameter not set`);
    return 0;
  }
  return parseNumber(text);
}

/** A variable's text as a number, as strtoimax with base 0. @throws ShellError */
export function parseNumber(text: string): Int {
  const found = /^[ \t\n\r\f\v]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)[ \t\n\r\f\v]*$/.exec(text);
  if (found === null) {
    if (text.trim() === '') return 0;
    throw fatal(`Illegal number: ${text}`);
  }
  const digits = found[2]!;
  const octal = digits.length > 1 && digits[0] === '0' && digits[1] !== 'x' && digits[1] !== 'X';
  let value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  if (found[1] === '-') value = -value;
  // strtoimax saturates.
  if (value > 0x7fffffffffffffffn) value = 0x7fffffffffffffffn;
  if (value < -0x8000000000000000n) value = -0x8000000000000000n;
  return wrap(value);
}

function compile(node: Arithmetic): Code {
  switch (node.kind) {
    case 'number': {
      const value = wrap(node.value);
      return () => value;
    }
    case 'variable': {
      const { name } = node;
      const slot = slotOf(name);
      return (env) => read(slot, name, env);
    }
    case 'operand': {
      const { index } = node;
      return (_, operands) => operands[index]!;
    }
    case 'unary': {
      const operand = compile(node.operand);
      switch (node.operator) {
        case '+':
          return operand;
        case '-':
          return (env, operands) => {
            const v = operand(env, operands);
            return typeof v === 'number' ? (v === 0 ? 0 : -v) : wrap(-v);
          };
        case '!':
          return (env, operands) => (isZero(operand(env, operands)) ? 1 : 0);
        case '~':
          return (env, operands) => wrap(~BigInt(operand(env, operands)));
        default:
          return node satisfies never;
      }
    }
    case 'increment': {
      const { name, prefix } = node;
      const by = Number(node.by);
      const slot = slotOf(name);
      return (env) => {
        const old = read(slot, name, env);
        const value = add(old, by);
        env.setInteger(slot, value);
        return prefix ? value : old;
      };
    }
    case 'conditional': {
      const test = compile(node.test);
      const yes = compile(node.then);
      const no = compile(node.otherwise);
      return (env, operands) => (isZero(test(env, operands)) ? no : yes)(env, operands);
    }
    case 'assign': {
      const value = compile(node.value);
      const { name, operator } = node;
      const slot = slotOf(name);
      if (operator === undefined) {
        return (env, operands) => {
          const v = value(env, operands);
          env.setInteger(slot, v);
          return v;
        };
      }
      const apply = binary(operator);
      return (env, operands) => {
        // The right side first, which may assign to the same variable: C leaves the order open; as dash.
        const by = value(env, operands);
        const v = apply(read(slot, name, env), by);
        env.setInteger(slot, v);
        return v;
      };
    }
    case 'binary': {
      const left = compile(node.left);
      const right = compile(node.right);
      switch (node.operator) {
        case '&&':
          return (env, operands) => (!isZero(left(env, operands)) && !isZero(right(env, operands)) ? 1 : 0);
        case '||':
          return (env, operands) => (!isZero(left(env, operands)) || !isZero(right(env, operands)) ? 1 : 0);
        // The most frequent one without a call of its own.
        case '+':
          return (env, operands) => add(left(env, operands), right(env, operands));
        default: {
          const apply = binary(node.operator);
          return (env, operands) => apply(left(env, operands), right(env, operands));
        }
      }
    }
    default:
      return node satisfies never;
  }
}

// biome-ignore lint/suspicious/noDoubleEquals: 0 == 0n, whichever form the value has
const isZero = (value: Int): boolean => value == 0;

function add(a: Int, b: Int): Int {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= max && sum >= -max) return sum;
  }
  return wrap(BigInt(a) + BigInt(b));
}

function binary(
  operator: Exclude<Extract<Arithmetic, { kind: 'binary' }>['operator'], never>,
): (a: Int, b: Int) => Int {
  switch (operator) {
    case '+':
      return add;
    case '-':
      return (a, b) => {
        if (typeof a === 'number' && typeof b === 'number') {
          const difference = a - b;
          if (difference <= max && difference >= -max) return difference;
        }
        return wrap(BigInt(a) - BigInt(b));
      };
    case '*':
      return (a, b) => {
        if (typeof a === 'number' && typeof b === 'number') {
          const product = a * b;
          if (product <= max && product >= -max) return product === 0 ? 0 : product;
        }
        return wrap(BigInt(a) * BigInt(b));
      };
    case '/':
      return (a, b) => {
        if (isZero(b)) throw fatal('division by zero');
        if (typeof a === 'number' && typeof b === 'number') {
          const quotient = Math.trunc(a / b);
          if (Math.abs(a) <= 2 ** 52) return quotient === 0 ? 0 : quotient;
        }
        return wrap(BigInt(a) / BigInt(b));
      };
    case '%':
      return (a, b) => {
        if (isZero(b)) throw fatal('division by zero');
        if (typeof a === 'number' && typeof b === 'number') {
          const rest = a % b;
          return rest === 0 ? 0 : rest;
        }
        return wrap(BigInt(a) % BigInt(b));
      };
    case '<<':
      return (a, b) => wrap(BigInt(a) << (BigInt(b) & 63n));
    case '>>':
      return (a, b) => wrap(BigInt(a) >> (BigInt(b) & 63n));
    case '<':
      return (a, b) => (a < b ? 1 : 0);
    case '<=':
      return (a, b) => (a <= b ? 1 : 0);
    case '>':
      return (a, b) => (a > b ? 1 : 0);
    case '>=':
      return (a, b) => (a >= b ? 1 : 0);
    case '==':
      // biome-ignore lint/suspicious/noDoubleEquals: a number may be compared with a bigint
      return (a, b) => (a == b ? 1 : 0);
    case '!=':
      // biome-ignore lint/suspicious/noDoubleEquals: a number may be compared with a bigint
      return (a, b) => (a != b ? 1 : 0);
    case '&':
      return (a, b) => (isInt32(a) && isInt32(b) ? a & b : wrap(BigInt(a) & BigInt(b)));
    case '^':
      return (a, b) => (isInt32(a) && isInt32(b) ? a ^ b : wrap(BigInt(a) ^ BigInt(b)));
    case '|':
      return (a, b) => (isInt32(a) && isInt32(b) ? a | b : wrap(BigInt(a) | BigInt(b)));
    case ',':
      return (_, b) => b;
    case '&&':
    case '||':
      throw new Error('evaluated by the caller: it does not evaluate its right side always');
    default:
      return operator satisfies never;
  }
}

const isInt32 = (value: Int): value is number => typeof value === 'number' && (value | 0) === value;
