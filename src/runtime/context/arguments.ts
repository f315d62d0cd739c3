/** The arguments of `fs` calls, in their many forms. What is wrong with them, Node itself says. */
import { encodeBytes } from '../../wire/bytes.js';
import type { OpenFlag } from '../../wire/files.js';
import { hostFs } from './host.js';

export type AnyFunction = (...args: unknown[]) => unknown;

export interface Options {
  readonly encoding?: BufferEncoding | 'buffer' | null;
  readonly flag?: string | number;
  readonly mode?: number | string;
  readonly recursive?: boolean;
  readonly force?: boolean;
  readonly withFileTypes?: boolean;
  readonly bigint?: boolean;
  readonly throwIfNoEntry?: boolean;
  readonly flush?: boolean;
  readonly signal?: AbortSignal;
  readonly bufferSize?: number;
}

/** Options, or an encoding in their place. @throws what Node throws for an encoding that is none */
export function optionsOf(value: unknown): Options {
  const options: Options =
    typeof value === 'string'
      ? { encoding: value as BufferEncoding }
      : typeof value === 'object' && value !== null
        ? value
        : {};
  const { encoding } = options;
  if (encoding && encoding !== 'buffer' && !Buffer.isEncoding(encoding))
    hostFs.readFileSync('/dev/null', options as object);
  return options;
}

/** A file's mode, the file creation mask applied. */
export const modeOf = (mode: unknown, otherwise: number): number => exactMode(mode, otherwise) & ~process.umask();

/** A mode as given. @throws what Node throws for what is none */
export function exactMode(mode: unknown, otherwise: number): number {
  if (mode === undefined || mode === null) return otherwise;
  const given = typeof mode === 'string' && /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof given !== 'number' || !Number.isInteger(given)) hostFs.openSync('/dev/null', 'r', mode as number);
  return (given as number) & 0o7777;
}

/** @throws what Node throws for what is no data */
export function toBytes(data: unknown, encoding?: string | null): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, (encoding ?? 'utf8') as BufferEncoding);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  hostFs.writeFileSync('/dev/null', data as string);
  throw new TypeError('not data');
}

/** Content in the encoding asked for. */
export const decoded = (bytes: Buffer, encoding: Options['encoding']): Buffer | string =>
  encoding && encoding !== 'buffer' ? bytes.toString(encoding) : bytes;

/** A name or path in the encoding asked for: UTF-8 unless said otherwise. */
export function nameIn(text: string, encoding: Options['encoding']): Buffer | string {
  if (encoding === 'buffer') return encodeBytes(text);
  return encoding && encoding !== 'utf8' && encoding !== 'utf-8'
    ? encodeBytes(text).toString(encoding)
    : text.isWellFormed()
      ? text
      : encodeBytes(text).toString();
}

/** A time in seconds, from a number, a numeral or a Date. */
export function secondsOf(value: unknown): number {
  if (value instanceof Date) return value.getTime() / 1000;
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof seconds === 'number' && Number.isFinite(seconds)) return seconds;
  hostFs.utimesSync('/dev/fd/0', value as number, 0);
  return 0;
}

const byText: Readonly<Record<string, readonly OpenFlag[]>> = {
  r: ['O_RDONLY'],
  rs: ['O_RDONLY', 'O_SYNC'],
  'r+': ['O_RDWR'],
  'rs+': ['O_RDWR', 'O_SYNC'],
  w: ['O_WRONLY', 'O_CREAT', 'O_TRUNC'],
  wx: ['O_WRONLY', 'O_CREAT', 'O_TRUNC', 'O_EXCL'],
  'w+': ['O_RDWR', 'O_CREAT', 'O_TRUNC'],
  'wx+': ['O_RDWR', 'O_CREAT', 'O_TRUNC', 'O_EXCL'],
  a: ['O_WRONLY', 'O_CREAT', 'O_APPEND'],
  ax: ['O_WRONLY', 'O_CREAT', 'O_APPEND', 'O_EXCL'],
  as: ['O_WRONLY', 'O_CREAT', 'O_APPEND', 'O_SYNC'],
  'a+': ['O_RDWR', 'O_CREAT', 'O_APPEND'],
  'ax+': ['O_RDWR', 'O_CREAT', 'O_APPEND', 'O_EXCL'],
  'as+': ['O_RDWR', 'O_CREAT', 'O_APPEND', 'O_SYNC'],
};
const spelled: Readonly<Record<string, string>> = {
  sr: 'rs',
  'sr+': 'rs+',
  xw: 'wx',
  'xw+': 'wx+',
  xa: 'ax',
  'xa+': 'ax+',
  sa: 'as',
  'sa+': 'as+',
};
const numbered = [
  'O_APPEND',
  'O_CREAT',
  'O_DIRECTORY',
  'O_DSYNC',
  'O_EXCL',
  'O_NOATIME',
  'O_NOFOLLOW',
  'O_SYNC',
  'O_TRUNC',
] as const;

/** The flags of `fs.open`: text as in its documentation, or open(2)'s number. @throws what Node throws for others */
export function flagsOf(flags: unknown, otherwise = 'r'): readonly OpenFlag[] {
  if (typeof flags === 'number') {
    const numbers = hostFs.constants as unknown as Readonly<Record<string, number>>;
    const names: OpenFlag[] = [(['O_RDONLY', 'O_WRONLY', 'O_RDWR'] as const)[flags & 3] ?? 'O_RDONLY'];
    for (const name of numbered) {
      const bits = numbers[name] ?? 0;
      if (bits !== 0 && (flags & bits) === bits) names.push(name);
    }
    return names;
  }
  const text = flags === undefined || flags === null ? otherwise : String(flags);
  const found = byText[spelled[text] ?? text];
  if (found === undefined) hostFs.openSync('/dev/null', flags as string);
  return found ?? ['O_RDONLY'];
}

export const readable = (flags: readonly OpenFlag[]): boolean => !flags.includes('O_WRONLY');
export const writable = (flags: readonly OpenFlag[]): boolean => flags.includes('O_WRONLY') || flags.includes('O_RDWR');
