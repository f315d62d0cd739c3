/**
 * What a command came to, as a value (never an exception), and the errors that are the user's or the world's fault.
 */
import { constants } from 'node:os';
import { WireError } from '../wire/errors.js';

/** Leaves the normal flow: `break n`, `continue n`, `return`, `exit`. XCU 2.15. */
export type Divert =
  | { readonly kind: 'break'; readonly levels: number }
  | { readonly kind: 'continue'; readonly levels: number }
  | { readonly kind: 'return' }
  | { readonly kind: 'exit' };

export interface Outcome {
  /** Exit status, 0..255. */
  readonly status: number;
  readonly divert?: Divert;
}

export type MaybePromise<T> = T | Promise<T>;

/** Of the statuses asked for so far. */
const plain: Outcome[] = [];
const returns: Outcome[] = [];

/** The outcome of a command that ended with `status` and changed no flow. */
export function done(status: number): Outcome {
  const byte = status & 0xff;
  plain[byte] ??= Object.freeze({ status: byte });
  return plain[byte];
}
export const ok = done(0);

/** The outcome of `return`. */
export function returning(status: number): Outcome {
  const byte = status & 0xff;
  returns[byte] ??= Object.freeze({ status: byte, divert: { kind: 'return' } as const });
  return returns[byte];
}

export const exiting = (status: number): Outcome => ({ status, divert: { kind: 'exit' } });

/** Continues with a value at once, or when its promise resolves: the evaluator is synchronous wherever the world is. */
export function then<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * The consequences of an error (XCU 2.8.1): `utility` fails only the command; `special` and `expansion` end a
 * non-interactive shell; `exit` ends any.
 */
export type Severity = 'utility' | 'fatal';

/** The user's fault or the world's. One function (`report`) turns it into a message and an outcome. */
export class ShellError extends Error {
  override readonly name = 'ShellError';
  constructor(
    message: string,
    readonly status = 1,
    readonly severity: Severity = 'utility',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** An expansion or assignment error: ends a non-interactive shell (XCU 2.8.1). */
export const fatal = (message: string, status = 2): ShellError => new ShellError(message, status, 'fatal');

const texts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EAGAIN: 'Resource temporarily unavailable',
  EBADF: 'Bad file descriptor',
  EBUSY: 'Device or resource busy',
  ECHILD: 'No child processes',
  ECONNREFUSED: 'Connection refused',
  EDQUOT: 'Disk quota exceeded',
  EEXIST: 'File exists',
  EFBIG: 'File too large',
  EHOSTDOWN: 'Host is down',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENFILE: 'Too many open files in system',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOEXEC: 'Exec format error',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  ENOSYS: 'Function not implemented',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  ENXIO: 'No such device or address',
  EPERM: 'Operation not permitted',
  EPIPE: 'Broken pipe',
  EROFS: 'Read-only file system',
  ESPIPE: 'Illegal seek',
  ESRCH: 'No such process',
  ETIMEDOUT: 'Connection timed out',
  ETXTBSY: 'Text file busy',
  EXDEV: 'Invalid cross-device link',
  E2BIG: 'Argument list too long',
};

/** The errno name of a thrown value, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** strerror(3) for an errno name. */
export const errnoText = (code: string): string => texts[code] ?? code;

/**
 * A system error's text; any other error is a bug and is thrown on. What another part of onesh says in its own words is kept,
 * without the path it begins with: the shell names that.
 */
export function reasonOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === undefined) throw error;
  if (error instanceof WireError && error.message !== '' && !error.message.startsWith(`${code}: `)) {
    const { message, path } = error;
    return path !== undefined && message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
  }
  if (code in texts) return errnoText(code);
  return error instanceof Error ? error.message : code;
}

const names = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals))
  if (!names.has(number)) names.set(number, name.slice(3));

/** `TERM` for 15; undefined for what is no signal. */
export const signalName = (number: number): string | undefined => names.get(number);
/** 15 for `TERM`, `SIGTERM` or `15`; 0 for `EXIT` or `0`; undefined for what is no signal. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number === 0 || names.has(number) ? number : undefined;
  }
  const name = text.toUpperCase();
  if (name === 'EXIT') return 0;
  return (constants.signals as Record<string, number>)[name.startsWith('SIG') ? name : `SIG${name}`];
}
/** All signals by number. */
export const signalList = (): readonly (readonly [number, string])[] => [...names].sort((a, b) => a[0] - b[0]);

/** What is printed when a signal ends a foreground command: strsignal(3). */
export const signalText: Readonly<Record<string, string>> = {
  HUP: 'Hangup',
  QUIT: 'Quit',
  ILL: 'Illegal instruction',
  TRAP: 'Trace/breakpoint trap',
  ABRT: 'Aborted',
  BUS: 'Bus error',
  FPE: 'Floating point exception',
  KILL: 'Killed',
  USR1: 'User defined signal 1',
  SEGV: 'Segmentation fault',
  USR2: 'User defined signal 2',
  ALRM: 'Alarm clock',
  TERM: 'Terminated',
  XCPU: 'CPU time limit exceeded',
  XFSZ: 'File size limit exceeded',
};
