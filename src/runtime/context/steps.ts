/** File operations at another machine, each one system call: what everything else is made of. */
import {
  type FileEntry,
  type FileReply,
  type FileRequest,
  type FileStat,
  fileChunk,
  type OpenFlag,
} from '../../wire/files.js';
import { notAvailable, systemError, type Where } from './error.js';
import type { Place } from './paths.js';
import { notNow, type Outcome, type Procedure } from './run.js';
import { changed, changesTo, forget, hasThreads, type OpenRemote, pipeFrom, remember, Sequence } from './sequence.js';

export type { OpenRemote } from './sequence.js';

type Reply<T extends FileReply['type']> = Extract<FileReply, { type: T }>;

const deviceStat: FileStat = {
  kind: 'character',
  size: 0,
  mode: 0o666,
  uid: 0,
  gid: 0,
  nlink: 1,
  dev: '0',
  ino: '0',
  rdev: '0',
  blksize: 4096,
  blocks: 0,
  mtimeMs: 0,
  atimeNs: '0',
  mtimeNs: '0',
  ctimeNs: '0',
  birthtimeNs: '0',
};

function* ask<T extends FileReply['type']>(
  request: FileRequest,
  where: Where,
  bytes?: Uint8Array,
): Procedure<Reply<T>> {
  const { value } = yield { call: 'file', args: [request], where, ...(bytes === undefined ? {} : { bytes }) };
  return value as Reply<T>;
}

/** About a path; a device of the cluster has none of these. */
function* askPath<T extends FileReply['type']>(
  place: Place,
  request: FileRequest,
  syscall: string,
): Procedure<Reply<T>> {
  const where = { syscall, path: place.given };
  if (place.full === '') throw systemError('ENOENT', where);
  if (place.device) throw notAvailable(`${syscall} of the device ${place.full}`);
  return yield* ask<T>(request, where);
}

// --- names --------------------------------------------------------------------------------------------------------------

export function* stat(place: Place, follow: boolean, syscall: string): Procedure<FileStat> {
  if (place.device) return deviceStat;
  return (yield* askPath<'file.stat.reply'>(place, { type: 'file.stat', path: place.full, follow }, syscall)).stat;
}

export function* access(place: Place, mode: number): Procedure<void> {
  if (!place.device) yield* askPath(place, { type: 'file.access', path: place.full, mode }, 'access');
}

export function* chmod(place: Place, mode: number): Procedure<void> {
  yield* askPath(place, { type: 'file.chmod', path: place.full, mode, follow: true }, 'chmod');
}

export function* chown(place: Place, uid: number, gid: number, follow: boolean): Procedure<void> {
  const syscall = follow ? 'chown' : 'lchown';
  yield* askPath(place, { type: 'file.chown', path: place.full, uid, gid, follow }, syscall);
}

/** Both times to the nanosecond, as decimal text. */
export type Exact = readonly [atimeNs: string, mtimeNs: string];

/** Seconds since the epoch. */
export function* utimes(place: Place, atime: number, mtime: number, follow: boolean, exact?: Exact): Procedure<void> {
  const syscall = follow ? 'utime' : 'lutime';
  const times = { atime, mtime, ...(exact === undefined ? {} : { exact }) };
  yield* askPath(place, { type: 'file.utimes', path: place.full, ...times, follow }, syscall);
}

export function* statfs(place: Place): Procedure<Reply<'file.statfs.reply'>['statfs']> {
  return (yield* askPath<'file.statfs.reply'>(place, { type: 'file.statfs', path: place.full }, 'statfs')).statfs;
}

/** `inodes`: with serial numbers, which cost the provider a look at each. */
export function* list(place: Place, syscall: string, inodes = false): Procedure<readonly FileEntry[]> {
  return (yield* askPath<'file.entries'>(place, { type: 'file.list', path: place.full, inodes }, syscall)).entries;
}

/** The first directory made, of the namespace. */
export function* mkdir(place: Place, mode: number, recursive: boolean): Procedure<string | undefined> {
  return (yield* askPath<'file.path'>(place, { type: 'file.mkdir', path: place.full, mode, recursive }, 'mkdir')).path;
}

export function* mkdtemp(place: Place): Procedure<string> {
  const named = { ...place, given: `${place.given}XXXXXX` };
  return (yield* askPath<'file.path'>(named, { type: 'file.mkdtemp', path: place.full }, 'mkdtemp')).path ?? '';
}

export function* remove(place: Place, syscall: string, directory: boolean, recursive: boolean): Procedure<void> {
  yield* askPath(place, { type: 'file.remove', path: place.full, directory, recursive }, syscall);
}

export function* readlink(place: Place): Procedure<string> {
  return (yield* askPath<'file.path'>(place, { type: 'file.readlink', path: place.full }, 'readlink')).path ?? '';
}

export function* realpath(place: Place): Procedure<string> {
  return (yield* askPath<'file.path'>(place, { type: 'file.realpath', path: place.full }, 'realpath')).path ?? '';
}

export function* symlink(target: string, place: Place): Procedure<void> {
  const where = { syscall: 'symlink', path: target, dest: place.given };
  if (place.full === '' || target === '') throw systemError('ENOENT', where);
  yield* ask({ type: 'file.symlink', path: place.full, target }, where);
}

/** `rename`, `link` and `copyfile`: two paths of one machine. */
export function* both(
  type: 'file.rename' | 'file.link' | 'file.copy',
  from: Place,
  to: Place,
  exclusive = false,
): Procedure<void> {
  const syscall = type === 'file.copy' ? 'copyfile' : type.slice(5);
  const where = { syscall, path: from.given, dest: to.given };
  if (from.full === '' || to.full === '') throw systemError('ENOENT', where);
  changed();
  if (from.device || to.device || from.provider !== to.provider) throw systemError('EXDEV', where);
  yield* ask(
    { type, path: from.full, to: to.full, ...(type === 'file.copy' ? { exclusive } : {}) } as FileRequest,
    where,
  );
}

export function* truncatePath(place: Place, size: number): Procedure<void> {
  changed();
  yield* askPath(place, { type: 'file.truncate', path: place.full, size }, 'open');
}

export function* watch(place: Place, recursive: boolean): Procedure<number> {
  return (yield* askPath<'file.opened'>(place, { type: 'file.watch', path: place.full, recursive }, 'watch')).handle;
}

export function* unwatch(handle: number): Procedure<void> {
  yield* ask({ type: 'file.close', handle }, { syscall: 'close' });
}

// --- open files ---------------------------------------------------------------------------------------------------------

export function* open(place: Place, flags: readonly OpenFlag[], mode: number): Procedure<OpenRemote> {
  if (place.device) {
    if (flags.includes('O_RDWR')) throw notAvailable(`reading and writing ${place.full} through one descriptor`);
    const direction = flags.includes('O_WRONLY') ? 'write' : 'read';
    const where = { syscall: 'open', path: place.given };
    const { value }: Outcome = yield { call: 'device.open', args: [place.full, direction], where };
    return { place, flags, handle: Number(value), identity: undefined, sequence: new Sequence() };
  }
  const reply = yield* askPath<'file.opened'>(place, { type: 'file.open', path: place.full, flags, mode }, 'open');
  const identity = reply.kind === 'file' ? reply.file : undefined;
  return remember({ place, flags, handle: reply.handle, identity, sequence: new Sequence() });
}

/** Where it stands then. */
export function* seek({ handle }: OpenRemote, offset: number, whence: 'set' | 'current'): Procedure<number> {
  return (yield* ask<'file.position'>({ type: 'file.seek', handle, offset, whence }, { syscall: 'lseek' })).position;
}

/** At most `length` bytes, none at the end. */
function* readPart({ place, handle }: OpenRemote, length: number, position?: number): Procedure<Uint8Array> {
  const where = { syscall: 'read' };
  if (place.device) return (yield { call: 'device.read', args: [handle, length], where }).bytes;
  const offset = position === undefined ? {} : { offset: position };
  const request: FileRequest = { type: 'file.read', handle, length: Math.min(length, fileChunk), ...offset };
  return (yield { call: 'file', args: [request], where }).bytes;
}

/** Fills the buffer; fewer bytes only at the end of a regular file, and of a device what is there. */
export function* read(file: OpenRemote, buffer: Uint8Array, position?: number): Procedure<number> {
  if (position === undefined) return yield* inTurn(file, fill(file, buffer, undefined));
  return yield* fill(file, buffer, position);
}

/** Calls that use the position follow one another; one that blocks does not wait for those that do not. */
function* inTurn<T>({ sequence }: OpenRemote, procedure: Procedure<T>): Procedure<T> {
  const before = sequence.last;
  let done: () => void = () => {};
  sequence.last = new Promise((resolve) => {
    done = resolve;
  });
  try {
    yield { wait: before };
    return yield* procedure;
  } finally {
    done();
  }
}

function* fill(file: OpenRemote, buffer: Uint8Array, position: number | undefined): Procedure<number> {
  const { sequence } = file;
  if (position === undefined) yield* turn(file, 'read');
  let filled = 0;
  while (filled < buffer.length) {
    if (position === undefined && sequence.pipe !== undefined) {
      const length = buffer.length - filled;
      const got = (yield { pipe: sequence, buffer, offset: filled, length }).value as number;
      filled += got;
      sequence.at += got;
      // Its end is the file's, or something went wrong: the runtime is asked.
      if (got === 0) {
        sequence.close();
        yield* turn(file, 'read');
      }
      continue;
    }
    const bytes = yield* readPart(file, buffer.length - filled, position === undefined ? undefined : position + filled);
    buffer.set(bytes, filled);
    filled += bytes.length;
    if (bytes.length === 0 || file.place.device) break;
    if (position === undefined) yield* count(file, 'read', bytes.length);
  }
  return filled;
}

/** Writes all of `data`. */
export function* write(file: OpenRemote, data: Uint8Array, position?: number): Procedure<void> {
  if (position === undefined) yield* inTurn(file, put(file, data, undefined));
  else yield* put(file, data, position);
}

function* put(file: OpenRemote, data: Uint8Array, position: number | undefined): Procedure<void> {
  const { place, handle, sequence } = file;
  const where = { syscall: 'write' };
  changed(file);
  if (position === undefined) yield* turn(file, 'write');
  for (let at = 0; at < data.length; ) {
    if (position === undefined && sequence.pipe !== undefined) {
      const length = data.length - at;
      const sent = (yield { pipe: sequence, buffer: data, offset: at, length }).value as number;
      if (sent === notNow) {
        sequence.close();
        sequence.refused = true;
        yield* turn(file, 'write');
        continue;
      }
      if (sent < 0) {
        sequence.close();
        // Why, the provider says.
        yield* ask({ type: 'file.settle', handle }, where);
        throw systemError('EIO', where);
      }
      at += sent;
      sequence.at += sent;
      continue;
    }
    const bytes = data.subarray(at, at + fileChunk);
    const offset = position === undefined ? {} : { offset: position + at };
    if (place.device) yield { call: 'device.write', args: [handle], bytes, where };
    else yield* ask({ type: 'file.write', handle, ...offset }, where, bytes);
    at += bytes.length;
    if (position === undefined) yield* count(file, 'write', bytes.length);
  }
}

/** What comes next is of `direction`: a pipe that is no use for that is closed, and the runtime told where it stood. */
function* turn(file: OpenRemote, direction: 'read' | 'write'): Procedure<void> {
  const { sequence } = file;
  const isOther = sequence.direction !== direction;
  if (isOther || (direction === 'read' && sequence.changes !== changesTo(file))) sequence.close();
  if (isOther) sequence.run = 0;
  sequence.direction = direction;
  if (sequence.pipe !== undefined || !sequence.stale) return;
  sequence.stale = false;
  yield* seek(file, sequence.at, 'set');
}

/** So many bytes more in sequence: a pipe is opened where that is worth it. */
function* count(file: OpenRemote, direction: 'read' | 'write', bytes: number): Procedure<void> {
  const { sequence, handle, identity } = file;
  sequence.run += bytes;
  if (sequence.run < pipeFrom || sequence.pipe !== undefined) return;
  if (identity === undefined || sequence.refused || hasThreads()) return;
  try {
    const { value } = yield { call: 'file.pipe', args: [handle, direction], where: {} };
    const { path, at } = value as { readonly path: string; readonly at: number };
    try {
      sequence.open(path, direction, at, changesTo(file));
    } finally {
      yield { call: 'file.piped', args: [handle], where: {} };
    }
  } catch {
    sequence.close();
    sequence.refused = true;
  }
}

export function* close(file: OpenRemote): Procedure<void> {
  const { place, handle } = file;
  const where = { syscall: 'close' };
  forget(file);
  if (place.device) yield { call: 'device.close', args: [handle], where };
  else yield* ask({ type: 'file.close', handle }, where);
}

export function* fstat({ place, handle }: OpenRemote): Procedure<FileStat> {
  if (place.device) return deviceStat;
  return (yield* ask<'file.stat.reply'>({ type: 'file.stat', handle, follow: true }, { syscall: 'fstat' })).stat;
}

type Change =
  | { readonly type: 'file.chmod'; readonly mode: number; readonly follow: true }
  | { readonly type: 'file.chown'; readonly uid: number; readonly gid: number; readonly follow: true }
  | {
      readonly type: 'file.utimes';
      readonly atime: number;
      readonly mtime: number;
      readonly exact?: Exact;
      readonly follow: true;
    }
  | { readonly type: 'file.truncate'; readonly size: number }
  | { readonly type: 'file.sync'; readonly dataOnly: boolean };

/** A change of an open file. */
export function* change({ place, handle }: OpenRemote, what: Change, syscall: string): Procedure<void> {
  if (place.device) throw systemError('EINVAL', { syscall });
  if (what.type === 'file.truncate') changed();
  yield* ask({ ...what, handle } as FileRequest, { syscall });
}

// --- whole files in one call --------------------------------------------------------------------------------------------

/** The beginning of a file, and whether that is all of it. */
export function* readFirst(place: Place): Procedure<{ readonly bytes: Uint8Array; readonly whole: boolean }> {
  const where = { syscall: 'open', path: place.given };
  if (place.full === '') throw systemError('ENOENT', where);
  const request: FileRequest = { type: 'file.read', path: place.full, offset: 0, length: fileChunk };
  const { value, bytes } = yield { call: 'file', args: [request], where };
  return { bytes, whole: (value as Reply<'file.data'>).eof };
}

/** Opens, writes all of `bytes` (at most a chunk) and closes. */
export function* save(place: Place, flags: readonly OpenFlag[], mode: number, bytes: Uint8Array): Procedure<void> {
  const where = { syscall: 'open', path: place.given };
  if (place.full === '') throw systemError('ENOENT', where);
  changed();
  yield* ask({ type: 'file.save', path: place.full, flags, mode }, where, bytes);
}
