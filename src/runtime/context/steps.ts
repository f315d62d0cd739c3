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
import type { Outcome, Procedure } from './run.js';

type Reply<T extends FileReply['type']> = Extract<FileReply, { type: T }>;

/** An open file or device of another machine. */
export interface OpenRemote {
  readonly place: Place;
  readonly flags: readonly OpenFlag[];
  /** Its number at the runtime. */
  readonly handle: number;
}

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

export function* utimes(place: Place, atime: number, mtime: number, follow: boolean): Procedure<void> {
  const syscall = follow ? 'utime' : 'lutime';
  yield* askPath(place, { type: 'file.utimes', path: place.full, atime, mtime, follow }, syscall);
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
  changes += 1;
  if (from.device || to.device || from.provider !== to.provider) throw systemError('EXDEV', where);
  yield* ask(
    { type, path: from.full, to: to.full, ...(type === 'file.copy' ? { exclusive } : {}) } as FileRequest,
    where,
  );
}

export function* truncatePath(place: Place, size: number): Procedure<void> {
  changes += 1;
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
    return { place, flags, handle: Number(value) };
  }
  const reply = yield* askPath<'file.opened'>(place, { type: 'file.open', path: place.full, flags, mode }, 'open');
  return { place, flags, handle: reply.handle };
}

let changes = 0;
/** Grows with every change of any file's content: what was read before may be stale. */
export const changesMade = (): number => changes;
/** Threads change files too, unseen from here: from now on everything may be stale. */
export function startThreads(): void {
  changes = Number.NaN;
}

/** Where it stands then. */
export function* seek({ handle }: OpenRemote, offset: number, whence: 'set' | 'current'): Procedure<number> {
  return (yield* ask<'file.position'>({ type: 'file.seek', handle, offset, whence }, { syscall: 'lseek' })).position;
}

/** At most `length` bytes, none at the end. */
export function* read({ place, handle }: OpenRemote, length: number, position?: number): Procedure<Uint8Array> {
  const where = { syscall: 'read' };
  if (place.device) return (yield { call: 'device.read', args: [handle, length], where }).bytes;
  const offset = position === undefined ? {} : { offset: position };
  const request: FileRequest = { type: 'file.read', handle, length: Math.min(length, fileChunk), ...offset };
  return (yield { call: 'file', args: [request], where }).bytes;
}

/** Writes all of `data`. */
export function* write({ place, handle }: OpenRemote, data: Uint8Array, position?: number): Procedure<void> {
  const where = { syscall: 'write' };
  changes += 1;
  for (let at = 0; at < data.length; at += fileChunk) {
    const bytes = data.subarray(at, at + fileChunk);
    const offset = position === undefined ? {} : { offset: position + at };
    if (place.device) yield { call: 'device.write', args: [handle], bytes, where };
    else yield* ask({ type: 'file.write', handle, ...offset }, where, bytes);
  }
}

export function* close({ place, handle }: OpenRemote): Procedure<void> {
  const where = { syscall: 'close' };
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
  | { readonly type: 'file.utimes'; readonly atime: number; readonly mtime: number; readonly follow: true }
  | { readonly type: 'file.truncate'; readonly size: number }
  | { readonly type: 'file.sync'; readonly dataOnly: boolean };

/** A change of an open file. */
export function* change({ place, handle }: OpenRemote, what: Change, syscall: string): Procedure<void> {
  if (place.device) throw systemError('EINVAL', { syscall });
  if (what.type === 'file.truncate') changes += 1;
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
  changes += 1;
  yield* ask({ type: 'file.save', path: place.full, flags, mode }, where, bytes);
}
