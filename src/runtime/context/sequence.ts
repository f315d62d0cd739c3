/**
 * A large file of another machine that is read or written in sequence goes over a pipe of its own, which the runtime keeps full, or
 * empties: no call, and no copy, for each part. The position is kept here meanwhile. A program sees its own writes: before any
 * call that may look at what was written, the pipe is closed, and the runtime answers once all of it is where it belongs.
 */
import type { FileRequest, OpenFlag } from '../../wire/files.js';
import { hostFs } from './host.js';
import type { Place } from './paths.js';

/** After so many bytes in sequence a pipe is opened. */
export const pipeFrom = 512 << 10;

/** An open file or device of another machine. */
export interface OpenRemote {
  readonly place: Place;
  readonly flags: readonly OpenFlag[];
  /** Its number at the runtime. */
  readonly handle: number;
  /** Which file it is; undefined for what is no regular file. */
  readonly identity: string | undefined;
  readonly sequence: Sequence;
}

type Direction = 'read' | 'write';

export class Sequence {
  /** The open pipe, the program's end. */
  pipe: number | undefined;
  direction: Direction = 'read';
  /** Where the next byte is from, or goes; the runtime does not know it while there is, or was, a pipe. */
  at = 0;
  /** The runtime is to be told of `at` before it needs it. */
  stale = false;
  /** Bytes read or written in sequence so far. */
  run = 0;
  /** There is to be no pipe. */
  refused = false;
  /** {@link changesTo} the file when it was opened. */
  changes = 0;
  /** Asynchronous reads under way: until they are over the pipe stays open. */
  pending = 0;
  /** Asynchronous calls that use the position follow one another. */
  last: Promise<void> = Promise.resolve();
  private closing = false;

  /** The program's end of a pipe that the runtime has made. @throws the host's error */
  open(path: string, direction: Direction, at: number, changes: number): void {
    this.pipe = hostFs.openSync(path, direction === 'read' ? 'r' : 'w');
    Object.assign(this, { direction, at, changes, stale: true });
    open.add(this);
  }

  close(): void {
    if (this.pipe === undefined) return;
    open.delete(this);
    const { pipe } = this;
    this.pipe = undefined;
    this.run = 0;
    if (this.pending > 0) this.closing = true;
    else hostFs.closeSync(pipe);
    this.left = pipe;
  }
  private left = -1;

  /** An asynchronous read is over. */
  settled(): void {
    this.pending -= 1;
    if (!this.closing || this.pending > 0) return;
    this.closing = false;
    hostFs.closeSync(this.left);
  }
}

/** Those that have a pipe. */
const open = new Set<Sequence>();
/** Open regular files, by handle. */
const files = new Map<number, OpenRemote>();

export function remember(file: OpenRemote): OpenRemote {
  if (file.identity !== undefined) files.set(file.handle, file);
  return file;
}
export function forget(file: OpenRemote): void {
  file.sequence.close();
  files.delete(file.handle);
}

/** Before a call: what was written that it may look at goes on its way. */
export function beforeCall(call: string, args: readonly unknown[]): void {
  if (open.size === 0 || !/^(file$|module|process)/.test(call)) return;
  const { handle } = (call === 'file' ? args[0] : {}) as Partial<Extract<FileRequest, { handle?: number }>>;
  const asked = handle === undefined ? undefined : files.get(handle);
  for (const file of files.values()) {
    const { sequence, identity } = file;
    if (sequence.pipe === undefined || sequence.direction === 'read') continue;
    // Another file's content is no matter.
    if (handle !== undefined && (asked === undefined || asked.identity !== identity)) continue;
    sequence.close();
  }
}

// --- what has changed ---------------------------------------------------------------------------------------------------

let changes = 0;
const changesOf = new Map<string, number>();

/** A file's content is changed; any file's, where it is not known which. */
export function changed(file?: OpenRemote): void {
  if (file?.identity === undefined) changes += 1;
  else changesOf.set(file.identity, (changesOf.get(file.identity) ?? 0) + 1);
}

/** Grows with every change of the file's content by this program: what was read ahead before may be stale. */
export const changesTo = ({ identity = '' }: OpenRemote): number => changes + (changesOf.get(identity) ?? 0);

/** Threads change files too, and look at them, unseen from here: from now on there are no pipes. */
export function startThreads(): void {
  changes = Number.NaN;
  for (const sequence of [...open]) if (sequence.direction === 'write') sequence.close();
}
export const hasThreads = (): boolean => Number.isNaN(changes);
