/** `echo` and `printf` (XCU), built in for speed. */
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import { whole } from '../expand/locale.js';
import { done, type MaybePromise, type Outcome, ok, ShellError, then } from '../outcome.js';
import { complain, print } from '../report.js';
import type { Builtin } from '../state.js';

/** Text with escapes done; `stop`: `\c` was met, and nothing more is printed. */
interface Unescaped {
  readonly text: string;
  readonly stop: boolean;
}

const simple: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** Backslash escapes. `octal`: digits after `\0` or, as in dash, without it (echo, `%b`); or at most three (printf's format). */
function interpret(text: string, octal: 'after-zero' | 'plain'): Unescaped {
  if (!text.includes('\\')) return { text, stop: false };
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c !== '\\' || i + 1 >= text.length) {
      out += c;
      continue;
    }
    const next = text[i + 1]!;
    if (next === 'c' && octal === 'after-zero') return { text: out, stop: true };
    const known = simple[next];
    if (known !== undefined) {
      out += known;
      i += 1;
      continue;
    }
    if (next === '"' && octal === 'plain') {
      out += '"';
      i += 1;
      continue;
    }
    const digits = (octal === 'after-zero' ? /^(?:0[0-7]{0,3}|[1-7][0-7]{0,2})/ : /^[0-7]{1,3}/).exec(
      text.slice(i + 1, i + 5),
    );
    if (digits !== null) {
      out += byteText(Number.parseInt(digits[0], 8) & 0xff);
      i += digits[0].length;
      continue;
    }
    out += c;
  }
  return { text: out, stop: false };
}

/** One byte as text: bytes above 127 are joined to characters when the whole is encoded and decoded again. */
const byteText = (byte: number): string =>
  byte < 0x80 ? String.fromCharCode(byte) : String.fromCharCode(0xdc00 + byte);

/** dash's echo (XSI): escapes are interpreted; `-n` alone suppresses the newline. */
const echo: Builtin['run'] = (args, env) => {
  let i = 1;
  let newline = true;
  if (args[1] === '-n') {
    newline = false;
    i = 2;
  }
  let text = args.length === i + 1 ? args[i]! : args.slice(i).join(' ');
  if (text.includes('\\')) {
    const plain = interpret(text, 'after-zero');
    text = plain.text;
    if (plain.stop) newline = false;
  }
  const wait = print(env, newline ? `${text}\n` : text);
  return wait instanceof Promise ? wait.then(() => ok) : ok;
};

/** One piece of a compiled format. */
type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'stop' }
  | {
      readonly kind: 'conversion';
      readonly flags: string;
      readonly width: number | '*' | undefined;
      readonly precision: number | '*' | undefined;
      readonly letter: string;
      /** `%n$` operand number. */
      readonly position: number | undefined;
    };

const formats = new Map<string, readonly Piece[]>();

function compileFormat(format: string): readonly Piece[] {
  const known = formats.get(format);
  if (known !== undefined) return known;
  const pieces: Piece[] = [];
  let text = '';
  const flush = () => {
    if (text === '') return;
    pieces.push({ kind: 'text', text: interpret(text, 'plain').text });
    text = '';
  };
  for (let i = 0; i < format.length; ) {
    const c = format[i]!;
    if (c === '\\' && i + 1 < format.length) {
      text += format.slice(i, i + 2);
      i += 2;
    } else if (c !== '%') {
      text += c;
      i += 1;
    } else if (format[i + 1] === '%') {
      text += '%';
      i += 2;
    } else {
      const found = /^%(?:(\d+)\$)?([-+ #0']*)(\d+|\*)?(?:\.(\*|\d*))?([a-zA-Z])?/.exec(format.slice(i))!;
      const letter = found[5];
      if (letter === undefined || !'diouxXeEfFgGaAcsb'.includes(letter)) {
        throw new ShellError(`printf: %${letter ?? ''}: invalid directive`, 2);
      }
      flush();
      const number = (part: string | undefined): number | '*' | undefined =>
        part === undefined ? undefined : part === '*' ? '*' : Number(part);
      pieces.push({
        kind: 'conversion',
        flags: found[2]!,
        width: number(found[3]),
        precision: number(found[4]),
        letter,
        position: found[1] === undefined ? undefined : Number(found[1]),
      });
      i += found[0].length;
    }
  }
  flush();
  if (formats.size > 256) formats.clear();
  formats.set(format, pieces);
  return pieces;
}

const printf: Builtin['run'] = (args, env) => {
  const start = args[1] === '--' ? 2 : 1;
  const format = args[start];
  if (format === undefined) throw new ShellError('printf: usage: printf format [arg ...]', 2);
  const pieces = compileFormat(format);
  const operands = args.slice(start + 1);
  let at = 0;
  let out = '';
  let status = 0;
  const bad = (message: string) => {
    complain(env, `printf: ${message}`);
    status = 1;
  };
  const number = (text: string | undefined, unsigned = false): bigint => {
    if (text === undefined || text === '') return 0n;
    if (text[0] === "'" || text[0] === '"') return BigInt(text.codePointAt(1) ?? 0);
    const found = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
    if (found === null) {
      bad(`${text}: expected numeric value`);
      return 0n;
    }
    if (found[0].length < text.length) bad(`${text}: not completely converted`);
    const digits = found[2]!;
    const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
    const signed = found[1] === '-' ? -value : value;
    // As strtoimax and strtoumax: the nearest there is.
    const [least, most] = unsigned ? [-(2n ** 64n) + 1n, 2n ** 64n - 1n] : [-(2n ** 63n), 2n ** 63n - 1n];
    if (signed >= least && signed <= most) return signed;
    bad(`${text}: Numerical result out of range`);
    return unsigned || signed > most ? most : least;
  };
  let consumed = false;
  const finish = (): MaybePromise<Outcome> => then(print(env, whole(out)), () => done(status));
  do {
    consumed = false;
    const base = at;
    for (const piece of pieces) {
      if (piece.kind === 'text') {
        out += piece.text;
        continue;
      }
      if (piece.kind === 'stop') return finish();
      const take = (): string | undefined => {
        consumed = true;
        return operands[at++];
      };
      let { flags } = piece;
      let width = piece.width === '*' ? Number(number(take())) : piece.width;
      if (width !== undefined && width < 0) {
        flags += '-';
        width = -width;
      }
      let precision = piece.precision === '*' ? Number(number(take())) : piece.precision;
      if (precision !== undefined && precision < 0) precision = undefined;
      const value = piece.position === undefined ? take() : operands[base + piece.position - 1];
      if (piece.position !== undefined) {
        at = Math.max(at, base + piece.position);
        consumed = true;
      }
      if (piece.letter === 'b') {
        const plain = interpret(value ?? '', 'after-zero');
        out += padBytes(plain.text, width, precision, flags);
        if (plain.stop) return finish();
        continue;
      }
      out += convert(piece.letter, flags, width, precision, value, number, bad);
    }
  } while (consumed && at < operands.length);
  return finish();
};

function pad(text: string, width: number | undefined, flags: string): string {
  if (width === undefined || text.length >= width) return text;
  return flags.includes('-') ? text.padEnd(width) : text.padStart(width);
}

/** Width and precision count bytes (XCU printf). */
function padBytes(text: string, width: number | undefined, precision: number | undefined, flags: string): string {
  if (width === undefined && precision === undefined) return text;
  const bytes = encodeBytes(text);
  const kept = precision === undefined ? bytes : bytes.subarray(0, precision);
  const missing = Math.max(0, (width ?? 0) - kept.length);
  const shown = kept.length === bytes.length ? text : decodeBytes(kept);
  return flags.includes('-') ? shown + ' '.repeat(missing) : ' '.repeat(missing) + shown;
}

function convert(
  letter: string,
  flags: string,
  width: number | undefined,
  precision: number | undefined,
  value: string | undefined,
  number: (text: string | undefined, unsigned?: boolean) => bigint,
  bad: (message: string) => void,
): string {
  switch (letter) {
    case 's':
      return padBytes(value ?? '', width, precision, flags);
    case 'c':
      return value === undefined || value === '' ? pad('\0', width, flags) : padBytes(value, width, 1, flags);
    case 'd':
    case 'i':
      return padNumber(number(value), 10, flags, width, precision, '');
    case 'u':
      return padNumber(BigInt.asUintN(64, number(value, true)), 10, flags.replace(/[+ ]/g, ''), width, precision, '');
    case 'o':
      return padNumber(
        BigInt.asUintN(64, number(value, true)),
        8,
        flags.replace(/[+ ]/g, ''),
        width,
        precision,
        flags.includes('#') ? '0' : '',
      );
    case 'x':
    case 'X': {
      const text = padNumber(
        BigInt.asUintN(64, number(value, true)),
        16,
        flags.replace(/[+ ]/g, ''),
        width,
        precision,
        flags.includes('#') ? '0x' : '',
      );
      return letter === 'X' ? text.toUpperCase() : text;
    }
    default: {
      const text = value ?? '';
      return padFloat(letter, float(text, bad), flags, width, precision);
    }
  }
}

/** As strtod reads it, decimal or `inf` or `nan`. */
function float(text: string, bad: (message: string) => void): number {
  if (text[0] === "'" || text[0] === '"') return text.codePointAt(1) ?? 0;
  const word = /^\s*([+-]?)(inf(?:inity)?|nan)$/i.exec(text);
  if (word !== null)
    return (word[1] === '-' ? -1 : 1) * (/^nan/i.test(word[2]!) ? Number.NaN : Number.POSITIVE_INFINITY);
  const value = text === '' ? 0 : Number(text);
  if (!Number.isNaN(value)) return value;
  const prefix = Number.parseFloat(text);
  bad(Number.isNaN(prefix) ? `${text}: expected numeric value` : `${text}: not completely converted`);
  return prefix || 0;
}

/** Digits behind the point, a tie to even as C rounds; `toFixed` takes the greater. */
function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  if (digits > 60 || !/[13579]$/.test(text)) return text;
  const exact = value.toFixed(Math.min(100, digits + 40));
  const rest = exact.slice(exact.indexOf('.') + 1 + digits);
  if (!/^50*$/.test(rest)) return text;
  return digits === 0 ? exact.slice(0, exact.indexOf('.')) : exact.slice(0, exact.indexOf('.') + 1 + digits);
}

function padNumber(
  value: bigint,
  radix: number,
  flags: string,
  width: number | undefined,
  precision: number | undefined,
  prefix: string,
): string {
  let digits = (value < 0n ? -value : value).toString(radix);
  if (precision !== undefined) digits = precision === 0 && value === 0n ? '' : digits.padStart(precision, '0');
  const sign = value < 0n ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const lead = sign + (value === 0n ? '' : prefix);
  if (flags.includes('0') && !flags.includes('-') && precision === undefined && width !== undefined) {
    return lead + digits.padStart(width - lead.length, '0');
  }
  return pad(lead + digits, width, flags);
}

function padFloat(
  letter: string,
  value: number,
  flags: string,
  width: number | undefined,
  precision: number | undefined,
): string {
  const lower = letter.toLowerCase();
  const magnitude = Math.abs(value);
  let body: string;
  if (!Number.isFinite(value)) body = Number.isNaN(value) ? 'nan' : 'inf';
  else if (lower === 'f') body = fixed(magnitude, precision ?? 6);
  else if (lower === 'e') body = exponent(magnitude.toExponential(precision ?? 6));
  else if (lower === 'a') body = hexFloat(magnitude);
  else body = general(magnitude, precision ?? 6, flags.includes('#'));
  const sign = value < 0 || Object.is(value, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  const text =
    flags.includes('0') && !flags.includes('-') && width !== undefined
      ? sign + body.padStart(width - sign.length, '0')
      : pad(sign + body, width, flags);
  return letter === lower ? text : text.toUpperCase();
}

/** C writes at least two exponent digits. */
const exponent = (text: string): string => text.replace(/e([+-])(\d)$/, 'e$10$2');

/** `%g`: the shorter of `%e` and `%f`, without trailing zeros (C17 7.21.6.1). */
function general(value: number, precision: number, keepZeros: boolean): string {
  const digits = precision === 0 ? 1 : precision;
  const power = value === 0 ? 0 : Number(value.toExponential(digits - 1).split('e')[1]);
  const text =
    power < -4 || power >= digits ? exponent(value.toExponential(digits - 1)) : fixed(value, digits - 1 - power);
  return keepZeros || !text.includes('.') ? text : text.replace(/\.?0+(?=e|$)/, '');
}

function hexFloat(value: number): string {
  if (value === 0) return '0x0p+0';
  let power = Math.floor(Math.log2(value));
  let mantissa = value / 2 ** power;
  if (mantissa >= 2) {
    mantissa /= 2;
    power += 1;
  }
  let digits = '';
  for (let rest = mantissa - 1; rest > 0 && digits.length < 13; ) {
    rest *= 16;
    digits += Math.floor(rest).toString(16);
    rest -= Math.floor(rest);
  }
  return `0x1${digits === '' ? '' : `.${digits}`}p${power < 0 ? '-' : '+'}${Math.abs(power)}`;
}

export const io: Readonly<Record<string, Builtin>> = {
  echo: { special: false, run: echo },
  printf: { special: false, run: printf },
};
