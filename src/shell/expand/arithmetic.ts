/**
 * Arithmetic expansion (XCU 2.6.4): C integer arithmetic on signed 64-bit values. A value is a JavaScript number while it
 * is exactly representable, which nearly all are, and a bigint otherwise; results wrap around at 64 bits.
 */
import { type Arithmetic, parseArithmetic, ShellSyntaxError } from '../../../grammar/index.js';
import { fatal } from '../outcome.js';
import type { Env } from '../state.js';

type Int = number | bigint;
type Code = (env: Env) => Int;

const max = Number.MAX_SAFE_INTEGER;

/** Wraps to 64 bits and prefers the number form. */
function wrap(value: bigint): Int {
  const wrapped = BigInt.asIntN(64, value);
  return wrapped >= -9007199254740991n && wrapped <= 9007199254740991n ? Number(wrapped) : wrapped;
}

const compiled = new Map<string, Code>();

/** Evaluates the text of an arithmetic expression; assignments take effect in `env`. @throws ShellError */
export function evaluateArithmetic(text: string, env: Env): string {
  let code = compiled.get(text);
  if (code === undefined) {
    code = compileText(text);
    if (compiled.size > 1024) compiled.clear();
    compiled.set(text, code);
  }
  return String(code(env));
}

/** {@link evaluateArithmetic} of a text that is always the same; compiled when first evaluated. */
export function arithmeticCode(text: string): (env: Env) => string {
  let code: Code | undefined;
  return (env) => {
    code ??= compileText(text);
    return String(code(env));
  };
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

/** The number a short decimal without sign tricks or leading zeros says: by far the most frequent text of a number. */
export function plainDecimal(text: string): number | undefined {
  const { length } = text;
  if (length === 0 || length > 15) return undefined;
  const negative = text.charCodeAt(0) === 45;
  let i = negative ? 1 : 0;
  const first = text.charCodeAt(i);
  if (first === 48 && length === 1) return 0;
  if (!(first >= 49 && first <= 57)) return undefined;
  let value = 0;
  for (; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

/** The value of a variable in an expression: a decimal, octal or hexadecimal constant; unset and null are 0. */
function read(name: string, env: Env): Int {
  const text = env.get(name);
  if (text === undefined) {
    if (env.options.nounset) throw fatal(`${name}: parameter not set`);
    return 0;
  }
  return plainDecimal(text) ?? parseNumber(text);
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
      return (env) => read(name, env);
    }
    case 'unary': {
      const operand = compile(node.operand);
      switch (node.operator) {
        case '+':
          return operand;
        case '-':
          return (env) => {
            const v = operand(env);
            return typeof v === 'number' ? (v === 0 ? 0 : -v) : wrap(-v);
          };
        case '!':
          return (env) => (isZero(operand(env)) ? 1 : 0);
        case '~':
          return (env) => wrap(~BigInt(operand(env)));
        default:
          return node satisfies never;
      }
    }
    case 'increment': {
      const { name, by, prefix } = node;
      return (env) => {
        const old = read(name, env);
        const value = add(old, Number(by));
        env.set(name, String(value));
        return prefix ? value : old;
      };
    }
    case 'conditional': {
      const test = compile(node.test);
      const yes = compile(node.then);
      const no = compile(node.otherwise);
      return (env) => (isZero(test(env)) ? no(env) : yes(env));
    }
    case 'assign': {
      const value = compile(node.value);
      const { name, operator } = node;
      if (operator === undefined) {
        return (env) => {
          const v = value(env);
          env.set(name, String(v));
          return v;
        };
      }
      const apply = binary(operator);
      return (env) => {
        const v = apply(read(name, env), value(env));
        env.set(name, String(v));
        return v;
      };
    }
    case 'binary': {
      const left = compile(node.left);
      const right = compile(node.right);
      if (node.operator === '&&') return (env) => (!isZero(left(env)) && !isZero(right(env)) ? 1 : 0);
      if (node.operator === '||') return (env) => (!isZero(left(env)) || !isZero(right(env)) ? 1 : 0);
      const apply = binary(node.operator);
      return (env) => apply(left(env), right(env));
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
