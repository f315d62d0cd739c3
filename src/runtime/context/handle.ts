/** `FileHandle` for a file of another machine: the same methods as Node's, over a descriptor. */
import { EventEmitter } from 'node:events';
import type * as readline from 'node:readline';
import type * as webStreams from 'node:stream/web';
import { optionsOf, toBytes } from './arguments.js';
import { type Descriptors, readRange, vectorOf, writeRange } from './descriptors.js';
import { builtin, programFs } from './host.js';
import type { Procedure } from './run.js';

type Run = <T>(procedure: Procedure<T>, signal?: AbortSignal) => Promise<T>;

const asyncDispose = (Symbol as { readonly asyncDispose?: symbol }).asyncDispose ?? Symbol.for('nodejs.asyncDispose');

class FileHandle extends EventEmitter {
  private closing: Promise<void> | undefined;
  private number: number;

  constructor(
    fd: number,
    private readonly descriptors: Descriptors,
    private readonly run: Run,
  ) {
    super();
    this.number = fd;
    for (const name of ['closing', 'number', 'descriptors', 'run'])
      Object.defineProperty(this, name, { enumerable: false });
    Object.defineProperty(this, asyncDispose, { value: () => this.close() });
  }

  get fd(): number {
    return this.number;
  }

  /** The descriptor. @throws as Node once it is closed */
  private opened(syscall: string): number {
    if (this.number === -1) throw Object.assign(new Error('file closed'), { code: 'EBADF', syscall });
    return this.number;
  }

  private call(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<unknown> {
    return this.run(this.descriptors.table[name]!(this.opened(name), args), signal);
  }

  async read(...args: unknown[]): Promise<object> {
    const range = readRange(args);
    const bytesRead = await this.run(this.descriptors.read(this.opened('read'), range));
    return { __proto__: null, bytesRead, buffer: range.view };
  }
  async write(...args: unknown[]): Promise<object> {
    const { data, position } = writeRange(args);
    const bytesWritten = await this.run(this.descriptors.write(this.opened('write'), data, position));
    return { __proto__: null, bytesWritten, buffer: args[0] };
  }
  async readv(...args: unknown[]): Promise<object> {
    const bytesRead = await this.run(this.descriptors.readv(this.opened('readv'), ...vectorOf(args)));
    return { __proto__: null, bytesRead, buffers: args[0] };
  }
  async writev(...args: unknown[]): Promise<object> {
    const bytesWritten = await this.run(this.descriptors.writev(this.opened('writev'), ...vectorOf(args)));
    return { __proto__: null, bytesWritten, buffers: args[0] };
  }
  async readFile(options?: unknown): Promise<unknown> {
    return this.call('readFile', [options], optionsOf(options).signal);
  }
  async writeFile(data: unknown, options?: unknown): Promise<void> {
    const { encoding, signal } = optionsOf(options);
    for await (const part of partsOf(data))
      await this.run(this.descriptors.write(this.opened('write'), toBytes(part, encoding), undefined), signal);
  }
  async appendFile(data: unknown, options?: unknown): Promise<void> {
    await this.writeFile(data, options);
  }
  async stat(options?: unknown): Promise<unknown> {
    return this.call('fstat', [options]);
  }
  async chmod(mode: unknown): Promise<void> {
    await this.call('fchmod', [mode]);
  }
  async chown(uid: number, gid: number): Promise<void> {
    await this.call('fchown', [uid, gid]);
  }
  async utimes(atime: unknown, mtime: unknown): Promise<void> {
    await this.call('futimes', [atime, mtime]);
  }
  async truncate(size = 0): Promise<void> {
    await this.call('ftruncate', [size]);
  }
  async sync(): Promise<void> {
    await this.call('fsync', []);
  }
  async datasync(): Promise<void> {
    await this.call('fdatasync', []);
  }

  async close(): Promise<void> {
    if (this.number === -1) return this.closing;
    const fd = this.number;
    this.number = -1;
    this.closing = this.run(this.descriptors.close(fd));
    await this.closing;
    this.emit('close');
  }

  /** A stream over it closes it, as Node's does. */
  private streamOptions(options: object | undefined) {
    const { autoClose = true } = (options ?? {}) as { autoClose?: boolean };
    const close = (_fd: number, done: (error?: Error | null) => void) => {
      this.close().then(() => done(null), done);
    };
    const { read, write, writev, open } = programFs();
    return { ...options, fd: this.number, autoClose, fs: { open, read, write, writev, close } } as object;
  }
  createReadStream(options?: object) {
    return programFs().createReadStream('', this.streamOptions(options));
  }
  createWriteStream(options?: object) {
    return programFs().createWriteStream('', this.streamOptions(options));
  }
  readLines(options?: object) {
    const { createInterface } = builtin<typeof readline>('node:readline');
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY });
  }
  readableWebStream(): webStreams.ReadableStream {
    const { ReadableStream } = builtin<typeof webStreams>('node:stream/web');
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        const view = new Uint8Array(65_536);
        const { bytesRead } = (await this.read(view)) as { bytesRead: number };
        if (bytesRead > 0) {
          controller.enqueue(view.subarray(0, bytesRead));
          return;
        }
        controller.close();
        (controller as { byobRequest?: { respond(n: number): void } | null }).byobRequest?.respond(0);
        await this.close();
      },
    });
  }
}

/** What `writeFile` takes: data, or something that gives it in parts. */
export async function* partsOf(data: unknown): AsyncGenerator<unknown> {
  const iterable = typeof data === 'object' && data !== null && !ArrayBuffer.isView(data);
  if (iterable && (Symbol.asyncIterator in data || Symbol.iterator in data)) yield* data as AsyncIterable<unknown>;
  else yield data;
}

export const makeHandle = (fd: number, descriptors: Descriptors, run: Run): object =>
  new FileHandle(fd, descriptors, run);

/** The descriptor in a handle of ours. */
export const fdOf = (value: unknown): number | undefined => (value instanceof FileHandle ? value.fd : undefined);
