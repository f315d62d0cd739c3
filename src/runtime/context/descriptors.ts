/** Descriptors of files of another machine: what takes a number. */
import { decoded, exactMode, flagsOf, modeOf, optionsOf, readable, secondsOf, toBytes, writable } from './arguments.js';
import { systemError } from './error.js';
import { firstDescriptor } from './near.js';
import type { Place } from './paths.js';
import type { Procedure } from './run.js';
import { toStats } from './stats.js';
import * as s from './steps.js';
import { readRest } from './whole.js';

/** A part of a buffer. `view` is what the program gave; `buffer` its bytes. */
export interface Range {
  readonly view: ArrayBufferView;
  readonly buffer: Uint8Array;
  readonly offset: number;
  readonly length: number;
  readonly position: number | undefined;
}

const positionOf = (value: unknown): number | undefined =>
  value === null || value === undefined || Number(value) < 0 ? undefined : Number(value);

const rangeError = (name: string, range: string, received: number): RangeError =>
  Object.assign(new RangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${received}`), {
    code: 'ERR_OUT_OF_RANGE',
  });

interface RangeOptions {
  readonly buffer?: ArrayBufferView;
  readonly offset?: number | null;
  readonly length?: number | null;
  readonly position?: unknown;
}

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** The forms of `read`'s arguments: buffer, offset, length, position, or options in their place. */
export function readRange(args: readonly unknown[]): Range {
  const [first, second] = args;
  const isBuffer = ArrayBuffer.isView(first);
  const byOptions = !isBuffer || (typeof second === 'object' && second !== null);
  const given = (byOptions ? ((isBuffer ? second : first) ?? {}) : {}) as RangeOptions;
  const view = isBuffer ? first : (given.buffer ?? Buffer.alloc(16_384));
  const buffer = bytesOf(view);
  const offset = (byOptions ? given.offset : (second as number | null | undefined)) ?? 0;
  const length = (byOptions ? given.length : (args[2] as number | null | undefined)) ?? buffer.length - offset;
  if (offset < 0 || offset > buffer.length) throw rangeError('offset', `>= 0 && <= ${buffer.length}`, offset);
  if (length < 0 || length > buffer.length - offset)
    throw rangeError('length', `>= 0 && <= ${buffer.length - offset}`, length);
  return { view, buffer, offset, length, position: positionOf(byOptions ? given.position : args[3]) };
}

/** The forms of `write`'s: buffer, offset, length, position, or options, or text, position, encoding. */
export function writeRange(args: readonly unknown[]): {
  readonly data: Uint8Array;
  readonly position: number | undefined;
} {
  const [first, second] = args;
  if (typeof first === 'string')
    return { data: toBytes(first, args[2] as string | undefined), position: positionOf(second) };
  const { buffer, offset, length, position } = readRange([toBytes(first), ...args.slice(1)]);
  return { data: buffer.subarray(offset, offset + length), position };
}

export class Descriptors {
  private readonly opened = new Map<number, s.OpenRemote>();
  private next = firstDescriptor;

  has(fd: unknown): fd is number {
    return typeof fd === 'number' && fd >= firstDescriptor && this.opened.has(fd);
  }

  /** It was one of ours, and may be closed by now. */
  isOurs(fd: unknown): fd is number {
    return typeof fd === 'number' && fd >= firstDescriptor && fd < this.next;
  }

  /** The runtime's number for an open device of the cluster. */
  deviceHandle(fd: number): number | undefined {
    const file = this.opened.get(fd);
    return file?.place.device ? file.handle : undefined;
  }

  private get(fd: number, syscall: string): s.OpenRemote {
    const file = this.opened.get(fd);
    if (file === undefined) throw systemError('EBADF', { syscall });
    return file;
  }

  *open(place: Place, flags: unknown, mode: unknown): Procedure<number> {
    const file = yield* s.open(place, flagsOf(flags), modeOf(mode, 0o666));
    const fd = this.next++;
    this.opened.set(fd, file);
    return fd;
  }

  *close(fd: number): Procedure<void> {
    const file = this.get(fd, 'close');
    this.opened.delete(fd);
    yield* s.close(file);
  }

  *read(fd: number, { buffer, offset, length, position }: Range): Procedure<number> {
    const file = this.get(fd, 'read');
    if (!readable(file.flags)) throw systemError('EBADF', { syscall: 'read' });
    if (length === 0) return 0;
    return yield* s.read(file, buffer.subarray(offset, offset + length), position);
  }

  *write(fd: number, data: Uint8Array, position: number | undefined): Procedure<number> {
    const file = this.get(fd, 'write');
    if (!writable(file.flags)) throw systemError('EBADF', { syscall: 'write' });
    yield* s.write(file, data, position);
    return data.length;
  }

  *readv(fd: number, views: readonly ArrayBufferView[], position: number | undefined): Procedure<number> {
    let total = 0;
    for (const view of views) {
      const at = position === undefined ? undefined : position + total;
      const buffer = bytesOf(view);
      const got = yield* this.read(fd, { view, buffer, offset: 0, length: buffer.length, position: at });
      total += got;
      if (got < buffer.length) break;
    }
    return total;
  }

  *writev(fd: number, views: readonly ArrayBufferView[], position: number | undefined): Procedure<number> {
    return yield* this.write(fd, Buffer.concat(views.map(bytesOf)), position);
  }

  /** Functions of one result whose first argument is a descriptor; by the name in `fs`. */
  readonly table: Readonly<Record<string, (fd: number, args: readonly unknown[]) => Procedure<unknown>>> = {
    close: (fd) => this.close(fd),
    fstat: (fd, [options]) => this.fstat(fd, optionsOf(options).bigint),
    fchmod: (fd, [mode]) => this.change(fd, { type: 'file.chmod', mode: exactMode(mode, 0), follow: true }, 'fchmod'),
    fchown: (fd, [uid, gid]) =>
      this.change(fd, { type: 'file.chown', uid: Number(uid), gid: Number(gid), follow: true }, 'fchown'),
    futimes: (fd, [atime, mtime]) => this.setTimes(fd, secondsOf(atime), secondsOf(mtime)),
    ftruncate: (fd, [size]) =>
      this.change(fd, { type: 'file.truncate', size: Math.max(0, Number(size ?? 0)) }, 'ftruncate'),
    fsync: (fd) => this.change(fd, { type: 'file.sync', dataOnly: false }, 'fsync'),
    fdatasync: (fd) => this.change(fd, { type: 'file.sync', dataOnly: true }, 'fdatasync'),
    readFile: (fd, [options]) => this.readFile(fd, options),
    writeFile: (fd, [data, options]) => this.writeFile(fd, data, options),
    appendFile: (fd, [data, options]) => this.writeFile(fd, data, options),
    truncate: (fd, [size]) =>
      this.change(fd, { type: 'file.truncate', size: Math.max(0, Number(size ?? 0)) }, 'ftruncate'),
  };

  /** Seconds since the epoch. */
  setTimes(fd: number, atime: number, mtime: number, exact?: s.Exact): Procedure<void> {
    const times = { atime, mtime, ...(exact === undefined ? {} : { exact }) };
    return this.change(fd, { type: 'file.utimes', ...times, follow: true }, 'futime');
  }

  private *fstat(fd: number, bigint = false): Procedure<unknown> {
    return toStats(yield* s.fstat(this.get(fd, 'fstat')), bigint);
  }
  private *change(fd: number, what: Parameters<typeof s.change>[1], syscall: string): Procedure<void> {
    yield* s.change(this.get(fd, syscall), what, syscall);
  }
  private *readFile(fd: number, options: unknown): Procedure<unknown> {
    const { encoding } = optionsOf(options);
    const file = this.get(fd, 'read');
    if (!readable(file.flags)) throw systemError('EBADF', { syscall: 'read' });
    return decoded(yield* readRest(file), encoding);
  }
  private *writeFile(fd: number, data: unknown, options: unknown): Procedure<void> {
    yield* this.write(fd, toBytes(data, optionsOf(options).encoding), undefined);
  }
}

/** Arguments of `readv` and `writev`. */
export const vectorOf = (args: readonly unknown[]): readonly [readonly ArrayBufferView[], number | undefined] => [
  args[0] as readonly ArrayBufferView[],
  positionOf(args[1]),
];
