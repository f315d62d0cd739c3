/**
 * Open files and watches of a provider, by handle. Each belongs to the machine that asked for it and, there, to an agent; it
 * keeps its file open whatever becomes of the name, and is closed when its agent, its session or its machine is gone.
 */
import { randomInt } from 'node:crypto';
import { constants, type FSWatcher } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { encodeBytes } from '../../wire/bytes.js';
import { WireError } from '../../wire/errors.js';
import { type FileOwner, type FileStat, kindOf, type OpenFlag, openFlags } from '../../wire/files.js';
import type { RuntimeName, SessionId } from '../../wire/ids.js';
import type { Sender } from '../../wire/messages.js';

/** An open file of this host. */
export interface OpenFile {
  readonly file: FileHandle;
  readonly kind: FileStat['kind'];
  /** Device and inode: which file it is, whatever its name. */
  readonly identity: string;
}

interface Held {
  readonly runtime: RuntimeName;
  readonly session: SessionId | undefined;
  readonly owner: FileOwner | undefined;
  readonly open?: OpenFile;
  readonly watcher?: FSWatcher;
  /** What has no offset of its own is done in the order it was asked. */
  last: Promise<unknown>;
}

/** As a process's limit of descriptors is: one agent does not take them all. */
const mostPerOwner = 4096;

/** The numbers of this host for the names of `<fcntl.h>`. */
export function flagBits(flags: readonly OpenFlag[]): number {
  const numbers = constants as unknown as Readonly<Record<string, number | undefined>>;
  let bits = 0;
  for (const flag of flags) {
    const bit = openFlags.includes(flag) ? numbers[flag] : undefined;
    if (bit === undefined) throw new WireError('EINVAL', `${flag}: no such flag`);
    bits |= bit;
  }
  return bits;
}

/** The mask of this process, which must not change a mode that its owner has masked already. */
const ownMask = (): number => process.umask();

/**
 * Opens a file of this host with a mode of exactly `mode` when it is made. What can only be a stream is refused.
 * @throws the system's error, WireError ENOSYS
 */
export async function openExactly(path: string, flags: readonly OpenFlag[], mode: number): Promise<OpenFile> {
  const bits = flagBits(flags);
  const { O_CREAT, O_EXCL } = constants;
  let file: FileHandle | undefined;
  if ((bits & O_CREAT) !== 0 && (mode & ownMask()) !== 0) {
    try {
      file = await openNow(path, bits | O_EXCL, mode);
      await file.chmod(mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || (bits & O_EXCL) !== 0) throw error;
    }
  }
  file ??= await openNow(path, bits, mode);
  try {
    const found = await file.stat({ bigint: true });
    const kind = kindOf(found);
    if (kind === 'fifo' || kind === 'socket')
      throw new WireError('ENOSYS', `${path}: only a stream can read or write it`);
    return { file, kind, identity: `${found.dev}:${found.ino}` };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A FIFO must not make a thread wait for its other end. */
const openNow = (path: string, bits: number, mode: number): Promise<FileHandle> =>
  open(path.isWellFormed() ? path : encodeBytes(path), bits | constants.O_NONBLOCK, mode);

/** The open files and watches of all who asked. */
export class Handles {
  private readonly held = new Map<number, Held>();
  /** Not from one: a handle of this machine's former life means nothing now. */
  private next = randomInt(2 ** 46);

  add(from: Sender, owner: FileOwner | undefined, what: { open: OpenFile } | { watcher: FSWatcher }): number {
    const handle = this.next++;
    const session = owner?.session ?? from.session;
    this.held.set(handle, { runtime: from.runtime, session, owner, last: Promise.resolve(), ...what });
    return handle;
  }

  /** @throws WireError EMFILE */
  room(from: Sender, owner: FileOwner | undefined): void {
    let count = 0;
    for (const held of this.held.values())
      if (held.runtime === from.runtime && held.owner?.agent === owner?.agent) count += 1;
    if (count >= mostPerOwner) throw new WireError('EMFILE', 'too many open files');
  }

  private get(handle: number, from: Sender): Held {
    const held = this.held.get(handle);
    if (held === undefined || held.runtime !== from.runtime) throw new WireError('EBADF', 'bad file descriptor');
    return held;
  }

  /** @throws WireError EBADF: none of this sender's machine */
  file(handle: number, from: Sender): FileHandle {
    const { open: opened } = this.get(handle, from);
    if (opened === undefined) throw new WireError('EBADF', 'bad file descriptor');
    return opened.file;
  }

  /** Runs what uses the handle's own position after what was asked before. */
  inOrder<T>(handle: number, from: Sender, run: () => Promise<T>): Promise<T> {
    const held = this.get(handle, from);
    const mine = held.last.then(run, run);
    held.last = mine;
    mine.catch(() => {});
    return mine;
  }

  async close(handle: number, from: Sender): Promise<void> {
    const held = this.get(handle, from);
    this.held.delete(handle);
    await this.drop(held);
  }

  private async drop({ open: opened, watcher, last }: Held): Promise<void> {
    watcher?.close();
    await last.catch(() => {});
    await opened?.file.close();
  }

  private dropAll(which: (held: Held) => boolean): void {
    for (const [handle, held] of this.held) {
      if (!which(held)) continue;
      this.held.delete(handle);
      this.drop(held).catch(() => {});
    }
  }

  release(owner: FileOwner, from: Sender): void {
    this.dropAll((h) => h.runtime === from.runtime && h.owner?.agent === owner.agent);
  }
  endSession(session: SessionId): void {
    this.dropAll((h) => h.session === session);
  }
  loseRuntime(runtime: RuntimeName): void {
    this.dropAll((h) => h.runtime === runtime);
  }
  closeAll(): void {
    this.dropAll(() => true);
  }
}
