/**
 * The file service of a runtime: answers requests about its host's files. Everybody's requests come through `answer`, with who
 * asks: the one place where a grant can be checked.
 */
import { constants, type Dirent, type FSWatcher, watch } from 'node:fs';
import * as fsp from 'node:fs/promises';
import path from 'node:path';
import { setTimes } from '../../host/libc.js';
import type { Streams } from '../../stream/streams.js';
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import { toErrorBody, WireError } from '../../wire/errors.js';
import {
  type FileEvent,
  type FileOwner,
  type FileReply,
  type FileRequest,
  type FileTarget,
  fileChunk,
  kindOf,
} from '../../wire/files.js';
import type { RuntimeName, SessionId } from '../../wire/ids.js';
import type { Sender } from '../../wire/messages.js';
import type { Authority } from '../authority/authority.js';
import type { Confined } from '../authority/confine.js';
import { instrumentCached, keyOf } from '../modules/instrument.js';
import { receiveFile, Settling, sendFile } from './bulk.js';
import { Handles, openExactly } from './handles.js';
import { toFileStat } from './stat.js';

/** A reply, and the bytes of a read beside it. */
export interface FileAnswer {
  readonly reply: FileReply;
  readonly bytes?: Uint8Array;
}

type Of<T extends FileRequest['type']> = Extract<FileRequest, { type: T }>;

const ok: FileAnswer = { reply: { type: 'ok' } };
const nothing = new Uint8Array(0);

/** Names that are not UTF-8 are bytes to the host. */
const toHost = (path: string): string | Buffer => (path.isWellFormed() ? path : encodeBytes(path));
const pathReply = (path: string | Buffer | undefined): FileAnswer => ({
  reply: {
    type: 'file.path',
    ...(path === undefined ? {} : { path: typeof path === 'string' ? path : decodeBytes(path) }),
  },
});

/** @throws WireError EINVAL */
function checkPath(path: string): void {
  if (!path.startsWith('/') || path.includes('\0')) throw new WireError('EINVAL', `${path}: not an absolute path`);
}

interface PathOf {
  readonly path: string;
}

export class FileService {
  private readonly handles = new Handles();
  private readonly settling = new Settling();
  /** Appends to one path are done in the order they arrive: they must not overtake each other. */
  private readonly saving = new Map<string, Promise<unknown>>();

  /** `tell` sends the events of a watch to the runtime that asked for it. */
  constructor(
    private readonly tell: (runtime: RuntimeName, event: FileEvent) => void,
    /** Where large files go; without it there is no `file.stream`. */
    private readonly streams?: Streams,
    /** Who may do what; without it everything here is the one user's own. */
    private readonly authority?: Authority,
    /** Directory of instrumented modules, for `file.module`. */
    private readonly modules?: string,
  ) {}

  /**
   * Answers `from`'s request; `bytes` are those of a write.
   * @throws a system error; WireError EINVAL for a path that is not absolute, EBADF for a handle that is not the sender's
   */
  async answer(request: FileRequest, bytes: Uint8Array, from: Sender): Promise<FileAnswer> {
    if ('path' in request && request.path !== undefined) checkPath(request.path);
    if ('to' in request) checkPath(request.to);
    if (this.authority === undefined || !('path' in request) || request.path === undefined)
      return this.perform(request, bytes, from);
    const session = from.session ?? request.session;
    const confine = (part: FileRequest & PathOf) => this.authority!.file(session, part);
    try {
      const confined = await confine(request as FileRequest & PathOf);
      return await (confined === undefined
        ? this.perform(request, bytes, from)
        : this.performConfined(confined, bytes, from));
    } catch (error) {
      if (request.type !== 'file.mkdir' || !request.recursive || toErrorBody(error).code !== 'ENOENT') throw error;
      return this.makeAll(request, from);
    }
  }

  /** Directories one by one, each in the one before it: what is missing on the way is made as what was asked for. */
  private async makeAll(request: Of<'file.mkdir'>, from: Sender): Promise<FileAnswer> {
    const parent = path.dirname(request.path);
    const above = await this.answer({ ...request, path: parent }, nothing, from);
    const made = await this.answer({ ...request, recursive: true }, nothing, from);
    return 'path' in above.reply && above.reply.path !== undefined ? above : made;
  }

  private async performConfined(confined: Confined, bytes: Uint8Array, from: Sender): Promise<FileAnswer> {
    try {
      const answer = await this.perform(confined.request, bytes, from);
      return { ...answer, reply: confined.reply(answer.reply) };
    } catch (error) {
      throw confined.fault(error);
    } finally {
      await confined.release();
    }
  }

  private async perform(request: FileRequest, bytes: Uint8Array, from: Sender): Promise<FileAnswer> {
    switch (request.type) {
      case 'file.open':
        return this.open(request, from);
      case 'file.close': {
        // What was written behind is written first, and what went wrong with it is told here.
        const failed = await this.settling.settle(request.handle).then(
          () => undefined,
          (error: Error) => error,
        );
        await this.handles.close(request.handle, from);
        if (failed !== undefined) throw failed;
        return ok;
      }
      case 'file.read':
        return this.read(request, from);
      case 'file.write':
        return this.write(request, bytes, from);
      case 'file.save':
        return this.inOrder(request.path, () => this.save(request, bytes));
      case 'file.sync': {
        const file = this.handles.file(request.handle, from);
        await (request.dataOnly ? file.datasync() : file.sync());
        return ok;
      }
      case 'file.stat': {
        const s = await this.byTarget(
          request,
          from,
          (path) => (request.follow ? fsp.stat : fsp.lstat)(path, { bigint: true }),
          (file) => file.stat({ bigint: true }),
        );
        return { reply: { type: 'file.stat.reply', stat: toFileStat(s) } };
      }
      case 'file.chmod':
      case 'file.chown':
      case 'file.utimes':
      case 'file.truncate':
        await this.change(request, from);
        return ok;
      case 'file.watch':
        return this.watch(request, from);
      case 'file.module':
        return this.module(request, from);
      case 'file.stream':
        return this.stream(request, from);
      case 'file.settle':
        this.handles.file(request.handle, from);
        await this.settling.settle(request.handle);
        return ok;
      case 'file.release':
        this.handles.release(request.owner, from);
        return ok;
      case 'file.seek':
        throw new WireError('ENOSYS', 'positions are kept by the runtime that asks');
      default:
        return answerName(request);
    }
  }

  // --- open files -----------------------------------------------------------------------------------------------------

  private async open({ path, flags, mode, owner }: Of<'file.open'>, from: Sender): Promise<FileAnswer> {
    this.handles.room(from, owner);
    const opened = await openExactly(path, flags, mode);
    const handle = this.handles.add(from, owner, { open: opened });
    return { reply: { type: 'file.opened', handle, kind: opened.kind, file: opened.identity } };
  }

  private async module(request: Of<'file.module'>, from: Sender): Promise<FileAnswer> {
    const { extension, declared, key, owner } = request;
    if (this.modules === undefined) throw new WireError('ENOSYS', 'no modules are kept here');
    this.handles.room(from, owner);
    const text = await fsp.readFile(toHost(request.path), 'utf8');
    if (keyOf(text, extension, declared) !== key) throw new WireError('ENOENT', 'another text');
    await instrumentCached(text, `module${extension}`, declared, this.modules);
    const opened = await openExactly(path.join(this.modules, key), ['O_RDONLY'], 0);
    const handle = this.handles.add(from, owner, { open: opened });
    return { reply: { type: 'file.opened', handle, kind: opened.kind, file: opened.identity } };
  }

  private async read(request: Of<'file.read'>, from: Sender): Promise<FileAnswer> {
    const length = Math.min(request.length, fileChunk);
    const { offset } = request;
    if (request.path === undefined) {
      const { handle } = request;
      const file = this.handles.file(handle, from);
      const run = () => file.read(Buffer.allocUnsafe(length), 0, length, offset ?? null);
      const { bytesRead, buffer } = await (offset === undefined ? this.handles.inOrder(handle, from, run) : run());
      return { reply: { type: 'file.data', eof: bytesRead === 0 }, bytes: buffer.subarray(0, bytesRead) };
    }
    const { file, kind } = await openExactly(request.path, ['O_RDONLY'], 0);
    try {
      if (kind === 'character') throw new WireError('ENOSYS', `${request.path}: only a handle can read it`);
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      let eof = false;
      // A file of /proc gives less than asked before its end.
      while (filled < length && !eof) {
        const { bytesRead } = await file.read(buffer, filled, length - filled, (offset ?? 0) + filled);
        filled += bytesRead;
        eof = bytesRead === 0;
      }
      return { reply: { type: 'file.data', eof }, bytes: buffer.subarray(0, filled) };
    } finally {
      await file.close();
    }
  }

  private async write({ handle, offset }: Of<'file.write'>, bytes: Uint8Array, from: Sender): Promise<FileAnswer> {
    const file = this.handles.file(handle, from);
    const run = async () => {
      await writeAll(file, bytes, offset);
      // Where an append ended, only the file knows.
      return offset === undefined ? { position: Number((await file.stat()).size) } : {};
    };
    const done = await (offset === undefined ? this.handles.inOrder(handle, from, run) : run());
    return { reply: { type: 'file.written', size: bytes.length, ...done } };
  }

  private async save({ path, flags, mode }: Of<'file.save'>, bytes: Uint8Array): Promise<FileAnswer> {
    const { file } = await openExactly(path, flags, mode);
    try {
      await writeAll(file, bytes, undefined);
    } finally {
      await file.close();
    }
    return { reply: { type: 'file.written', size: bytes.length } };
  }

  private inOrder<T>(path: string, run: () => Promise<T>): Promise<T> {
    const before = this.saving.get(path) ?? Promise.resolve();
    const mine = before.then(run, run);
    this.saving.set(path, mine);
    const forget = () => {
      if (this.saving.get(path) === mine) this.saving.delete(path);
    };
    mine.then(forget, forget);
    return mine;
  }

  // --- a file by its path or handle -----------------------------------------------------------------------------------

  private byTarget<T>(
    target: FileTarget,
    from: Sender,
    byPath: (path: string | Buffer) => Promise<T>,
    byHandle: (file: fsp.FileHandle) => Promise<T>,
  ): Promise<T> {
    return target.path === undefined ? byHandle(this.handles.file(target.handle, from)) : byPath(toHost(target.path));
  }

  private change(
    request: Of<'file.chmod'> | Of<'file.chown'> | Of<'file.utimes'> | Of<'file.truncate'>,
    from: Sender,
  ): Promise<void> {
    switch (request.type) {
      case 'file.chmod': {
        const { mode, follow } = request;
        if (!follow) throw new WireError('ENOSYS', 'the mode of a symbolic link cannot be changed');
        return this.byTarget(
          request,
          from,
          (path) => fsp.chmod(path, mode),
          (file) => file.chmod(mode),
        );
      }
      case 'file.chown': {
        const { uid, gid, follow } = request;
        const byPath = follow ? fsp.chown : fsp.lchown;
        return this.byTarget(
          request,
          from,
          (path) => byPath(path, uid, gid),
          (file) => file.chown(uid, gid),
        );
      }
      case 'file.utimes': {
        const { atime, mtime, follow, exact } = request;
        const byPath = follow ? fsp.utimes : fsp.lutimes;
        // Seconds as Node takes them are exact to a fraction of a microsecond.
        const refine = (file: number | string | Buffer): void => {
          if (exact !== undefined) setTimes(file, BigInt(exact[0]), BigInt(exact[1]), follow);
        };
        return this.byTarget(
          request,
          from,
          (path) => byPath(path, atime, mtime).then(() => refine(path)),
          (file) => file.utimes(atime, mtime).then(() => refine(file.fd)),
        );
      }
      case 'file.truncate': {
        const { size } = request;
        return this.byTarget(
          request,
          from,
          (path) => fsp.truncate(path, size),
          (file) => file.truncate(size),
        );
      }
      default:
        return request satisfies never;
    }
  }

  private stream({ handle, offset, direction, edge }: Of<'file.stream'>, from: Sender): FileAnswer {
    const file = this.handles.file(handle, from);
    if (this.streams === undefined) throw new WireError('ENOSYS', 'no streams here');
    if (direction === 'read') void sendFile(file, offset, this.streams, edge);
    else this.settling.add(handle, receiveFile(file, offset, this.streams, edge));
    return ok;
  }

  // --- watches --------------------------------------------------------------------------------------------------------

  private watch({ path, recursive, owner }: Of<'file.watch'>, from: Sender): FileAnswer {
    if (owner === undefined) throw new WireError('EINVAL', 'nobody to tell');
    this.handles.room(from, owner);
    const tell = (event: Pick<FileEvent, 'event' | 'name' | 'code'>) =>
      this.tell(from.runtime, { type: 'file.event', handle, owner, ...event });
    const watcher: FSWatcher = watch(toHost(path), { recursive, persistent: false });
    watcher.on('change', (event, name) => {
      tell({ event: event === 'rename' ? 'rename' : 'change', ...(name ? { name: String(name) } : {}) });
    });
    watcher.on('error', (error) => tell({ event: 'error', code: toErrorBody(error).code }));
    const handle = this.handles.add(from, owner, { watcher });
    return { reply: { type: 'file.opened', handle, kind: 'file' } };
  }

  // --- the end of others ----------------------------------------------------------------------------------------------

  /** Closes what an agent of `from` has open. */
  release(owner: FileOwner, from: Sender): void {
    this.handles.release(owner, from);
  }
  endSession(session: SessionId): void {
    this.handles.endSession(session);
  }
  loseRuntime(runtime: RuntimeName): void {
    this.handles.loseRuntime(runtime);
  }
  close(): void {
    this.handles.closeAll();
  }
}

async function writeAll(file: fsp.FileHandle, bytes: Uint8Array, offset: number | undefined): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const position = offset === undefined ? null : offset + at;
    at += (await file.write(bytes, at, bytes.length - at, position)).bytesWritten;
  }
}

type NameRequest = Exclude<
  FileRequest,
  {
    type:
      | `file.${'open' | 'module' | 'close' | 'read' | 'write' | 'save' | 'sync' | 'stat' | 'seek' | 'watch' | 'stream' | 'settle' | 'release'}`
      | `file.${'chmod' | 'chown' | 'utimes' | 'truncate'}`;
  }
>;

/** Requests about names alone. */
async function answerName(request: NameRequest): Promise<FileAnswer> {
  const path = toHost(request.path);
  switch (request.type) {
    case 'file.access':
      await fsp.access(path, request.mode);
      return ok;
    case 'file.statfs': {
      const { type, bsize, blocks, bfree, bavail, files, ffree } = await fsp.statfs(path, { bigint: true });
      const statfs = { type, bsize, blocks, bfree, bavail, files, ffree };
      const entries = Object.entries(statfs).map(([name, value]) => [name, String(value)]);
      return {
        reply: {
          type: 'file.statfs.reply',
          statfs: Object.fromEntries(entries) as Record<keyof typeof statfs, string>,
        },
      };
    }
    case 'file.list': {
      const found = (await fsp.readdir(path, { withFileTypes: true, encoding: 'buffer' })) as unknown as Dirent[];
      const entries = await Promise.all(
        found.map(async (e) => {
          const name = decodeBytes(e.name as unknown as Buffer);
          const entry = { name, kind: kindOf(e) };
          return request.inodes ? { ...entry, ino: await inodeOf(`${request.path}/${name}`) } : entry;
        }),
      );
      return { reply: { type: 'file.entries', entries } };
    }
    case 'file.mkdir': {
      const { mode, recursive } = request;
      const first = await fsp.mkdir(path, { mode, recursive });
      if ((mode & process.umask()) !== 0 && (first !== undefined || !recursive)) await fsp.chmod(path, mode);
      return pathReply(recursive ? first : undefined);
    }
    case 'file.mkdtemp':
      return pathReply(await fsp.mkdtemp(request.path));
    case 'file.remove':
      if (request.recursive) await fsp.rm(path, { recursive: true });
      else await (request.directory ? fsp.rmdir : fsp.unlink)(path);
      return ok;
    case 'file.rename':
      await fsp.rename(path, toHost(request.to));
      return ok;
    case 'file.link':
      await fsp.link(path, toHost(request.to));
      return ok;
    case 'file.symlink':
      await fsp.symlink(toHost(request.target), path);
      return ok;
    case 'file.readlink':
      return pathReply(await fsp.readlink(path, { encoding: 'buffer' }));
    case 'file.realpath':
      return pathReply(await fsp.realpath(path, { encoding: 'buffer' }));
    case 'file.copy':
      await fsp.copyFile(path, toHost(request.to), request.exclusive ? constants.COPYFILE_EXCL : 0);
      return ok;
    default:
      return request satisfies never;
  }
}

/** What is gone meanwhile has none. */
const inodeOf = (path: string): Promise<string> =>
  fsp.lstat(toHost(path), { bigint: true }).then(
    ({ ino }) => String(ino),
    () => '0',
  );

/** A reply as a control message has it: bytes in base64. */
export function packAnswer({ reply, bytes = nothing }: FileAnswer): FileReply {
  return reply.type === 'file.data' ? { ...reply, data: toBase64(bytes) } : reply;
}

/** The bytes of a write that came as a control message. */
export function bytesOf(request: FileRequest): Uint8Array {
  return 'data' in request && request.data !== undefined ? Buffer.from(request.data, 'base64') : nothing;
}

/** A request as a control message, its bytes in base64. */
export function packRequest(request: FileRequest, bytes: Uint8Array): FileRequest {
  const carries = request.type === 'file.write' || request.type === 'file.save';
  return carries ? { ...request, data: toBase64(bytes) } : request;
}

/** The answer in a control message. */
export function unpackReply(reply: FileReply): FileAnswer {
  if (reply.type !== 'file.data') return { reply };
  return { reply: { type: 'file.data', eof: reply.eof }, bytes: Buffer.from(reply.data ?? '', 'base64') };
}

const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
