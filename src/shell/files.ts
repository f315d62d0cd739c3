/**
 * Open files as the shell sees them. A descriptor table maps numbers to reference-counted open file descriptions, so that
 * `2>&1` shares one and nothing is duplicated in the kernel. Most are host descriptors; the output of a command
 * substitution and a here-document stay in memory until a program needs a descriptor for them.
 */
import { isAscii } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync, writeSync } from 'node:fs';
import { pipe, unread } from '../host/libc.js';
import { ready, whenReady } from '../host/poll.js';
import { decodeBytes, encodeBytes } from '../wire/bytes.js';
import { errnoOf, type MaybePromise } from './outcome.js';

/** Who may block: true while nothing else in this process waits for the event loop. */
export interface Activity {
  /** Things under way that need the event loop: in-process pipeline stages, streams to other machines, a TUI. */
  concurrent: number;
}

export abstract class OpenFile {
  private references = 1;

  retain(): this {
    this.references += 1;
    return this;
  }

  release(): void {
    this.references -= 1;
    if (this.references === 0) this.dispose();
  }

  /** A host descriptor for a program to inherit. */
  abstract hostFd(): number;
  /** @throws the system's error, EPIPE when nobody reads. */
  abstract write(bytes: Uint8Array, activity: Activity): MaybePromise<void>;
  /** {@link write} of a text. */
  writeText(text: string, activity: Activity): MaybePromise<void> {
    return this.write(encodeBytes(text), activity);
  }
  /**
   * Reads at most `buffer.length` bytes; 0 at end of file. `exact`: takes no more from the file than it returns, even where
   * that costs (the rest is another program's).
   */
  abstract read(buffer: Uint8Array, activity: Activity): MaybePromise<number>;
  /** Gives back the last `bytes` read; false when the file cannot. */
  abstract unread(bytes: number): boolean;
  /** Reads up to the delimiter, which goes with it, if the file has all that at hand, as ASCII and without the byte `refused`. */
  readAtHand(_delimiter: number, _refused: number | undefined): Piece | undefined {
    return undefined;
  }
  protected abstract dispose(): void;
}

/** A part of a text. */
export interface Piece {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** POSIX PIPE_BUF on Linux: a pipe that polls writable takes this much without blocking. */
const pipeBuffer = 4096;

export class HostFile extends OpenFile {
  /** What was read ahead of those who asked: `window[at]` is the next byte, `filled` the end. */
  private window: Buffer | undefined;
  private at = 0;
  private filled = 0;
  /** The window as text once somebody asked; empty: it is not ASCII. */
  private ascii: string | undefined;
  private seekable: boolean | undefined;
  /** The kernel's offset is somebody else's too: nothing may be read ahead. */
  private shared: boolean;

  constructor(
    private readonly fd: number,
    /** Closed with the last reference; false for descriptors the shell was started with. */
    private readonly owned: boolean,
  ) {
    super();
    this.shared = !owned;
  }

  /** A program that inherits the descriptor reads on where the shell has come to. */
  hostFd(): number {
    this.settle();
    this.shared = true;
    return this.fd;
  }

  /** Makes the kernel's offset that of the shell. */
  private settle(): void {
    if (this.at < this.filled) unread(this.fd, this.filled - this.at);
    this.at = 0;
    this.filled = 0;
  }

  write(bytes: Uint8Array, activity: Activity): MaybePromise<void> {
    let at = 0;
    if (this.filled > 0) this.settle();
    while (at < bytes.length) {
      if (activity.concurrent > 0 && !ready(this.fd, 'write')) return this.writeLater(bytes, at, activity);
      try {
        at += writeSync(
          this.fd,
          bytes,
          at,
          activity.concurrent > 0 ? Math.min(pipeBuffer, bytes.length - at) : bytes.length - at,
        );
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN') return this.writeLater(bytes, at, activity);
        if (errnoOf(error) !== 'EINTR') throw error;
      }
    }
  }

  private async writeLater(bytes: Uint8Array, at: number, activity: Activity): Promise<void> {
    await whenReady(this.fd, 'write');
    await this.write(bytes.subarray(at), activity);
  }

  read(buffer: Uint8Array, activity: Activity): MaybePromise<number> {
    if (this.at < this.filled || (!this.shared && this.unread(0))) return this.readAhead(buffer);
    for (;;) {
      if (activity.concurrent > 0 && !ready(this.fd, 'read')) return this.readLater(buffer, activity);
      try {
        return readSync(this.fd, buffer, 0, buffer.length, null);
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN') return this.readLater(buffer, activity);
        if (errnoOf(error) === 'EOF') return 0;
        if (errnoOf(error) !== 'EINTR') throw error;
      }
    }
  }

  private async readLater(buffer: Uint8Array, activity: Activity): Promise<number> {
    await whenReady(this.fd, 'read');
    return this.read(buffer, activity);
  }

  override readAtHand(delimiter: number, refused: number | undefined): Piece | undefined {
    if (this.at === this.filled) {
      if (this.shared || !this.unread(0)) return undefined;
      this.fill();
    }
    const { at, filled } = this;
    const window = this.window!;
    let end = at;
    for (; end < filled; end++) {
      const byte = window[end];
      if (byte === delimiter) break;
      if (byte === refused) return undefined;
    }
    if (end === filled) return undefined;
    const text = this.ascii ?? (isAscii(window.subarray(0, filled)) ? window.toString('latin1', 0, filled) : '');
    this.ascii = text;
    if (text === '') return undefined;
    this.at = end + 1;
    return { text, start: at, end };
  }

  private fill(): void {
    this.window ??= Buffer.allocUnsafe(16384);
    this.at = 0;
    this.filled = 0;
    this.filled = readRetrying(this.fd, this.window);
    this.ascii = undefined;
  }

  /** From a file that can seek, which is always ready, and whose offset only this shell can see. */
  private readAhead(buffer: Uint8Array): number {
    if (this.at === this.filled) this.fill();
    const end = Math.min(this.filled, this.at + buffer.length);
    const count = this.window!.copy(buffer, 0, this.at, end);
    this.at += count;
    return count;
  }

  unread(bytes: number): boolean {
    // A look at the file's kind, which needs no C library, tells; the few other things that can seek are read as those that cannot.
    this.seekable ??= fstatSync(this.fd).isFile();
    if (!this.seekable) return false;
    if (this.filled === 0) return bytes === 0 || unread(this.fd, bytes);
    this.at -= bytes;
    return true;
  }

  protected dispose(): void {
    if (this.owned) closeSync(this.fd);
  }
}

/** The output of a command substitution: collected in memory, through a pipe only once a program writes to it. */
export class Capture extends OpenFile {
  private readonly chunks: (Uint8Array | string)[] = [];
  private channel: { read: number; write: number } | undefined;
  private drained: Promise<void> | undefined;

  hostFd(): number {
    this.channel ??= pipe();
    return this.channel.write;
  }

  /** True once a program has been given the pipe. */
  get piped(): boolean {
    return this.channel !== undefined;
  }

  write(bytes: Uint8Array, activity: Activity): MaybePromise<void> {
    if (this.channel === undefined) {
      this.chunks.push(Uint8Array.from(bytes));
      return;
    }
    // What programs wrote before is still in the pipe; go behind it.
    this.drain(activity);
    return new HostFile(this.channel.write, false).write(bytes, activity);
  }

  /** What built-ins say stays the text it is. */
  override writeText(text: string, activity: Activity): MaybePromise<void> {
    if (this.channel === undefined) this.chunks.push(text);
    else return super.writeText(text, activity);
  }

  read(): never {
    throw Object.assign(new Error('EBADF'), { code: 'EBADF' });
  }
  unread(): boolean {
    return false;
  }

  /** Reads the pipe as it fills, so that no program blocks on it; needs the event loop. */
  drain(activity: Activity): void {
    if (this.channel === undefined || this.drained !== undefined) return;
    const file = new HostFile(this.channel.read, true);
    activity.concurrent += 1;
    this.drained = (async () => {
      for (;;) {
        const buffer = Buffer.allocUnsafe(65536);
        const got = await file.read(buffer, activity);
        if (got === 0) break;
        this.chunks.push(buffer.subarray(0, got));
      }
      file.release();
      activity.concurrent -= 1;
    })();
  }

  /** Closes our writing end: what programs still hold it decide when the output ends. */
  finish(): void {
    if (this.channel !== undefined && this.channel.write >= 0) {
      closeSync(this.channel.write);
      this.channel = { read: this.channel.read, write: -1 };
    }
  }

  /** Reads the pipe to its end, blocking; nothing can be written afterwards. */
  slurp(): void {
    this.finish();
    if (this.channel === undefined) return;
    const { read } = this.channel;
    for (;;) {
      const buffer = Buffer.allocUnsafe(65536);
      const got = readRetrying(read, buffer);
      if (got === 0) break;
      this.chunks.push(buffer.subarray(0, got));
    }
    closeSync(read);
    this.channel = undefined;
  }

  /** Everything written, once every writer has closed. Blocks unless a drain is under way. */
  collect(): MaybePromise<string> {
    this.finish();
    if (this.drained !== undefined) return this.drained.then(() => this.text());
    this.slurp();
    return this.text();
  }

  private text(): string {
    const { chunks } = this;
    let text = '';
    for (const chunk of chunks) {
      // A character may have been written in pieces.
      if (typeof chunk !== 'string' || !chunk.isWellFormed())
        return decodeBytes(Buffer.concat(chunks.map((part) => (typeof part === 'string' ? encodeBytes(part) : part))));
      text += chunk;
    }
    return text;
  }

  protected dispose(): void {
    this.finish();
  }
}

function readRetrying(fd: number, buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      if (errnoOf(error) !== 'EINTR') throw error;
    }
  }
}

/** A here-document (XCU 2.7.4): memory until a program reads it. */
export class MemorySource extends OpenFile {
  private at = 0;
  private file: HostFile | undefined;

  constructor(private readonly bytes: Uint8Array) {
    super();
  }

  hostFd(): number {
    this.file ??= memoryFile(this.bytes.subarray(this.at));
    return this.file.hostFd();
  }
  write(): never {
    throw Object.assign(new Error('EBADF'), { code: 'EBADF' });
  }
  read(buffer: Uint8Array, activity: Activity): MaybePromise<number> {
    if (this.file !== undefined) return this.file.read(buffer, activity);
    const part = this.bytes.subarray(this.at, this.at + buffer.length);
    buffer.set(part);
    this.at += part.length;
    return part.length;
  }
  unread(bytes: number): boolean {
    if (this.file !== undefined) return this.file.unread(bytes);
    this.at -= bytes;
    return true;
  }
  protected dispose(): void {
    this.file?.release();
  }
}

/** An unlinked temporary file open for reading at its start. */
function memoryFile(bytes: Uint8Array): HostFile {
  const directory = process.env.TMPDIR ?? '/tmp';
  const O_TMPFILE = 0o20200000;
  const fd = openSync(directory, constants.O_RDWR | O_TMPFILE, 0o600);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
  return new HostFile(fd, true);
}

/** Descriptor numbers to open files (XCU 2.7). Each shell execution environment has its own. */
export class FileTable {
  private constructor(private readonly files: Map<number, OpenFile>) {}

  static empty(): FileTable {
    return new FileTable(new Map());
  }

  /** The three that are always open: Node opens /dev/null on whichever of them was closed. */
  static standard(): FileTable {
    const table = FileTable.empty();
    for (const fd of [0, 1, 2]) table.files.set(fd, new HostFile(fd, false));
    return table;
  }

  /** The descriptors this process was started with. To be asked before it opens any of its own. */
  static inherited(): FileTable {
    const table = FileTable.standard();
    const pipes = new Map<number, number>();
    for (const name of descriptorNames()) {
      const fd = Number(name);
      if (fd <= 2) continue;
      const file = statSync(`/proc/self/fd/${name}`, { throwIfNoEntry: false });
      // Node's own are event queues, which are files of no type, and pipes of which both ends are here.
      if (file === undefined || (file.mode & constants.S_IFMT) === 0) continue;
      const other = file.isFIFO() ? pipes.get(file.ino) : undefined;
      if (other !== undefined) table.files.delete(other);
      else table.files.set(fd, new HostFile(fd, false));
      if (file.isFIFO()) pipes.set(file.ino, fd);
    }
    return table;
  }

  get(fd: number): OpenFile | undefined {
    return this.files.get(fd);
  }

  /** Puts `file` (whose reference passes to the table) at `fd`. */
  set(fd: number, file: OpenFile): void {
    this.files.get(fd)?.release();
    this.files.set(fd, file);
  }

  close(fd: number): void {
    this.files.get(fd)?.release();
    this.files.delete(fd);
  }

  /** Takes the entry out without closing it, for a redirection that is undone later. */
  take(fd: number): OpenFile | undefined {
    const file = this.get(fd);
    this.files.delete(fd);
    return file;
  }

  /** The table of a subshell: the same open files, one reference each. */
  fork(): FileTable {
    const copy = new FileTable(new Map());
    for (const [fd, file] of this.files) copy.files.set(fd, file.retain());
    return copy;
  }

  releaseAll(): void {
    for (const file of this.files.values()) file.release();
    this.files.clear();
  }

  /** Child descriptor -> our descriptor, for a program. */
  hostMap(): [number, number][] {
    const map: [number, number][] = [];
    for (const [fd, file] of this.files) map.push([fd, file.hostFd()]);
    return map;
  }
}

/** Of the directory's own descriptor too, closed again by now. */
function descriptorNames(): string[] {
  try {
    return readdirSync('/proc/self/fd');
  } catch {
    return []; // no /proc: only the standard three are known
  }
}
