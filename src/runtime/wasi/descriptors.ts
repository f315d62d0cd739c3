/** `fd_*`: what is open. */
import type { BigIntStats } from 'node:fs';
import { seek } from '../../host/libc.js';
import { pollAll, ready } from '../../host/poll.js';
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import { type Filetype, fdflag, filetype, right, WasiError } from './abi.js';
import type { Calls, Program } from './program.js';
import { type Entry, isSeekable, type Listed } from './table.js';
import { timesOf } from './times.js';

/** Names that are not UTF-8 are bytes to `fs`. */
export const toPath = (text: string): string | Buffer => (text.isWellFormed() ? text : encodeBytes(text));

interface Kinds {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
}

export function filetypeOf(s: Kinds): Filetype {
  if (s.isFile()) return filetype.regularFile;
  if (s.isDirectory()) return filetype.directory;
  if (s.isSymbolicLink()) return filetype.symbolicLink;
  if (s.isCharacterDevice()) return filetype.characterDevice;
  // A pipe has no number of its own: it is a stream as a socket is.
  return s.isBlockDevice() ? filetype.blockDevice : filetype.socketStream;
}

export function putStat({ memory }: Program, at: number, s: BigIntStats): void {
  memory.setU64(at, BigInt.asUintN(64, s.dev));
  memory.setU64(at + 8, BigInt.asUintN(64, s.ino));
  memory.setU64(at + 16, BigInt(filetypeOf(s)));
  memory.setU64(at + 24, s.nlink);
  memory.setU64(at + 32, s.size);
  memory.setU64(at + 40, s.atimeNs);
  memory.setU64(at + 48, s.mtimeNs);
  memory.setU64(at + 56, s.ctimeNs);
}

const sum = (buffers: readonly Uint8Array[]): number => buffers.reduce((total, { length }) => total + length, 0);

/** A stream that was made non-blocking behind the program's back is waited for. */
function transfer(entry: Entry, direction: 'read' | 'write', run: (fd: number) => number): number {
  const { fd } = entry;
  if (fd === undefined) throw new WasiError(direction === 'read' ? 'EISDIR' : 'EBADF');
  const impatient = (entry.flags & fdflag.nonblock) !== 0 && entry.inherited === true;
  if (impatient && !ready(fd, direction)) throw new WasiError('EAGAIN');
  for (;;) {
    try {
      return run(fd);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN' || impatient) throw error;
      pollAll([{ fd, direction }], -1);
    }
  }
}

export function descriptorCalls(program: Program): Calls {
  const { memory, table, files } = program;

  const statOf = (entry: Entry): BigIntStats =>
    entry.fd === undefined
      ? files.statSync(toPath(entry.path), { bigint: true })
      : files.fstatSync(entry.fd, { bigint: true });

  /** `position` null: where the system has it. (Node's types know only numbers.) */
  const read = (entry: Entry, buffers: Uint8Array[], position: number | null): number => {
    if (entry.filetype === filetype.directory) throw new WasiError('EISDIR');
    return sum(buffers) === 0 ? 0 : transfer(entry, 'read', (fd) => files.readvSync(fd, buffers, position as number));
  };

  const write = (entry: Entry, buffers: Uint8Array[], position: number | null): number =>
    sum(buffers) === 0 ? 0 : transfer(entry, 'write', (fd) => files.writevSync(fd, buffers, position as number));

  /** Writes where the entry stands, or at the end. */
  const writeHere = (entry: Entry, buffers: Uint8Array[]): number => {
    if (!isSeekable(entry)) return write(entry, buffers, null);
    if ((entry.flags & fdflag.append) === 0) {
      const written = write(entry, buffers, entry.position);
      entry.position += written;
      return written;
    }
    // Opened to append, the file's end is found by the system; made so later, here.
    const written = write(entry, buffers, entry.appends ? null : Number(statOf(entry).size));
    entry.position = Number(statOf(entry).size);
    return written;
  };

  const close = ({ fd }: Entry): void => {
    if (fd === undefined) return;
    files.closeSync(fd);
    // Not to be taken by the next file: Node itself writes to the standard three.
    if (fd <= 2) files.openSync('/dev/null', 'r+');
  };

  const seekTo = (entry: Entry, offset: bigint, whence: number): bigint => {
    if (whence < 0 || whence > 2) throw new WasiError('EINVAL');
    if (entry.inherited && entry.filetype === filetype.regularFile) return seek(entry.fd!, offset, whence as 0 | 1 | 2);
    if (!isSeekable(entry)) throw new WasiError(entry.filetype === filetype.directory ? 'EBADF' : 'ESPIPE');
    const base = whence === 0 ? 0n : whence === 1 ? BigInt(entry.position) : statOf(entry).size;
    const target = base + offset;
    if (target < 0n) throw new WasiError('EINVAL');
    if (target > BigInt(Number.MAX_SAFE_INTEGER)) throw new WasiError('EOVERFLOW');
    entry.position = Number(target);
    return target;
  };

  /** Positions of `pread` and `pwrite`. */
  const at = (entry: Entry, offset: bigint): number => {
    if (entry.filetype === filetype.directory) throw new WasiError('EISDIR');
    if (entry.filetype !== filetype.regularFile) throw new WasiError('ESPIPE');
    if (offset < 0n) throw new WasiError('EINVAL');
    if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new WasiError('EOVERFLOW');
    return Number(offset);
  };

  const setSize = (entry: Entry, size: bigint): void => {
    if (entry.filetype !== filetype.regularFile || size < 0n) throw new WasiError('EINVAL');
    files.ftruncateSync(entry.fd!, Number(size));
  };

  const listing = (entry: Entry): readonly Listed[] => {
    const dot = (name: string, from: string): Listed => ({
      name: Buffer.from(name),
      inode: files.statSync(toPath(from), { bigint: true }).ino,
      filetype: filetype.directory,
    });
    const below = entry.path.endsWith('/') ? entry.path : `${entry.path}/`;
    return [dot('.', entry.path), dot('..', `${below}..`), ...program.list(entry.path)];
  };

  const putFdstat = (pointer: number, entry: Entry): void => {
    memory.setU64(pointer, BigInt(entry.filetype) | (BigInt(entry.flags) << 16n));
    memory.setU64(pointer + 8, entry.base);
    memory.setU64(pointer + 16, entry.inheriting);
  };

  return {
    fd_advise: (fd: number, offset: bigint, length: bigint, advice: number) => {
      const entry = table.get(fd, right.fdAdvise);
      if (advice < 0 || advice > 5 || offset < 0n || length < 0n) throw new WasiError('EINVAL');
      if (entry.filetype !== filetype.regularFile) throw new WasiError('EBADF');
    },
    fd_allocate: (fd: number, offset: bigint, length: bigint) => {
      const entry = table.get(fd, right.fdAllocate);
      if (offset < 0n || length <= 0n) throw new WasiError('EINVAL');
      if (statOf(entry).size < offset + length) setSize(entry, offset + length);
    },
    fd_close: (fd: number) => close(table.remove(fd)),
    fd_datasync: (fd: number) => {
      const entry = table.get(fd, right.fdDatasync);
      if (entry.fd !== undefined) files.fdatasyncSync(entry.fd);
    },
    fd_sync: (fd: number) => {
      const entry = table.get(fd, right.fdSync);
      if (entry.fd !== undefined) files.fsyncSync(entry.fd);
    },
    fd_fdstat_get: (fd: number, pointer: number) => putFdstat(pointer, table.get(fd)),
    fd_fdstat_set_flags: (fd: number, flags: number) => {
      const entry = table.get(fd, right.fdFdstatSetFlags);
      const { append, nonblock } = fdflag;
      if ((flags & ~0x1f) !== 0) throw new WasiError('EINVAL');
      // As fcntl(2): the others are not changed.
      entry.flags = (entry.flags & ~(append | nonblock)) | (flags & (append | nonblock));
    },
    fd_fdstat_set_rights: (fd: number, base: bigint, inheriting: bigint) => {
      const entry = table.get(fd);
      const [own, handedOn] = [BigInt.asUintN(64, base), BigInt.asUintN(64, inheriting)];
      if ((own & ~entry.base) !== 0n || (handedOn & ~entry.inheriting) !== 0n) throw new WasiError('ENOTCAPABLE');
      entry.base = own;
      entry.inheriting = handedOn;
    },
    fd_filestat_get: (fd: number, pointer: number) =>
      putStat(program, pointer, statOf(table.get(fd, right.fdFilestatGet))),
    fd_filestat_set_size: (fd: number, size: bigint) => setSize(table.get(fd, right.fdFilestatSetSize), size),
    fd_filestat_set_times: (fd: number, atim: bigint, mtim: bigint, flags: number) => {
      const entry = table.get(fd, right.fdFilestatSetTimes);
      const times = timesOf(atim, mtim, flags, () => statOf(entry));
      program.setTimes(entry.fd ?? entry.path, times, true);
    },
    fd_pread: (fd: number, list: number, count: number, offset: bigint, done: number) => {
      const entry = table.get(fd, right.fdRead! | right.fdSeek!);
      memory.setU32(done, read(entry, memory.buffers(list, count), at(entry, offset)));
    },
    fd_pwrite: (fd: number, list: number, count: number, offset: bigint, done: number) => {
      const entry = table.get(fd, right.fdWrite! | right.fdSeek!);
      memory.setU32(done, write(entry, memory.buffers(list, count), at(entry, offset)));
    },
    fd_read: (fd: number, list: number, count: number, done: number) => {
      const entry = table.get(fd, right.fdRead);
      const size = read(entry, memory.buffers(list, count), isSeekable(entry) ? entry.position : null);
      entry.position += size;
      memory.setU32(done, size);
    },
    fd_write: (fd: number, list: number, count: number, done: number) => {
      const entry = table.get(fd, right.fdWrite);
      memory.setU32(done, writeHere(entry, memory.buffers(list, count)));
    },
    fd_prestat_get: (fd: number, pointer: number) => {
      const { preopened } = table.get(fd);
      if (preopened === undefined) throw new WasiError('EBADF');
      memory.setU32(pointer, 0);
      memory.setU32(pointer + 4, Buffer.byteLength(preopened));
    },
    fd_prestat_dir_name: (fd: number, pointer: number, length: number) => {
      const { preopened } = table.get(fd);
      if (preopened === undefined) throw new WasiError('EBADF');
      const name = encodeBytes(preopened);
      if (name.length > length >>> 0) throw new WasiError('ENAMETOOLONG');
      memory.bytes(pointer, name.length).set(name);
    },
    fd_readdir: (fd: number, pointer: number, length: number, cookie: bigint, used: number) => {
      const entry = table.directory(fd, right.fdReaddir!);
      if (cookie === 0n || entry.listing === undefined) entry.listing = listing(entry);
      const target = memory.bytes(pointer, length);
      let filled = 0;
      for (let i = Number(cookie); i < entry.listing.length && filled < target.length; i++) {
        const { name, inode, filetype: type } = entry.listing[i]!;
        const record = Buffer.alloc(24 + name.length);
        record.writeBigUInt64LE(BigInt(i + 1), 0);
        record.writeBigUInt64LE(BigInt.asUintN(64, inode), 8);
        record.writeUInt32LE(name.length, 16);
        record.writeUInt8(type, 20);
        name.copy(record, 24);
        // What does not fit is cut off: that the buffer is full tells that there is more.
        const part = record.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
      }
      memory.setU32(used, filled);
    },
    fd_renumber: (from: number, to: number) => {
      table.get(from);
      if (from !== to) close(table.move(from, to));
    },
    fd_seek: (fd: number, offset: bigint, whence: number, result: number) => {
      const pure = offset === 0n && whence === 1;
      memory.setU64(result, seekTo(table.get(fd, pure ? right.fdTell : right.fdSeek), offset, whence));
    },
    fd_tell: (fd: number, result: number) => memory.setU64(result, seekTo(table.get(fd, right.fdTell), 0n, 1)),
  };
}

/** The entries of a directory of this host, or of whatever `fs` is. */
export function listWith({ files }: Pick<Program, 'files'>, directory: string): Listed[] {
  const found = files.readdirSync(toPath(directory), { withFileTypes: true, encoding: 'buffer' });
  const below = directory.endsWith('/') ? directory : `${directory}/`;
  return found.map((entry) => {
    const name = entry.name as unknown as Buffer;
    const s = files.lstatSync(toPath(below + decodeBytes(name)), { bigint: true, throwIfNoEntry: false });
    return { name, inode: s?.ino ?? 0n, filetype: filetypeOf(entry) };
  });
}
