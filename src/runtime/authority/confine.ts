/**
 * Requests about files, confined to what is granted. A path is resolved first, symbolic links and all, and what it comes to is
 * held open while the request runs: the request then names what is held, through `/proc/self/fd`, so that nothing which is
 * moved or linked in between leads it out of what was checked.
 */
import { constants } from 'node:fs';
import * as fsp from 'node:fs/promises';
import path from 'node:path';
import { type ErrorCode, WireError } from '../../wire/errors.js';
import type { FileReply, FileRequest } from '../../wire/files.js';

export interface Limits {
  /** Whether a path, with no symbolic link in it, may be read or written. */
  allows(real: string, access: 'read' | 'write'): boolean;
}

/** A request that may be done. */
export interface Confined {
  readonly request: FileRequest & { readonly path: string };
  /** There was nothing: what has come there since is not to be followed. */
  readonly fresh: boolean;
  /** The reply as it is to be: with the paths that were asked for. */
  reply(reply: FileReply): FileReply;
  /** What went wrong, told of the paths that were asked for. */
  fault(error: unknown): unknown;
  /** To be called when it is done. */
  release(): Promise<void>;
}

/** Linux's O_PATH: a place, for which no permission of its own is needed. */
const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;
/** As the kernel (MAXSYMLINKS). */
const linksMost = 40;

/** An open place, by a path that stays the same whatever is moved. */
interface Held {
  /** Where it is, without symbolic links. */
  readonly real: string;
  /** For the request. */
  readonly path: string;
  /** Its directory is held, and not itself: there may be nothing. */
  readonly isEntry: boolean;
  close(): Promise<void>;
}

const handlePath = (handle: fsp.FileHandle): string => `/proc/self/fd/${handle.fd}`;

async function hold(place: string, flags: number): Promise<Held> {
  const handle = await fsp.open(place, O_PATH | flags);
  try {
    const at = handlePath(handle);
    return { real: await fsp.readlink(at), path: at, isEntry: false, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The entry itself, by its directory: for what makes, removes or renames it, or is about a link. */
async function holdEntry(file: string): Promise<Held> {
  const name = path.basename(file);
  const parent = await hold(path.dirname(file), O_DIRECTORY);
  if (name === '') return parent;
  return { real: path.join(parent.real, name), path: `${parent.path}/${name}`, isEntry: true, close: parent.close };
}

/** What the path leads to; where there is nothing yet, the entry that would be made. */
async function holdTarget(file: string, mayBeMissing: boolean): Promise<Held> {
  let at = file;
  for (let links = 0; links < linksMost; links++) {
    const entry = await holdEntry(at);
    try {
      const target = await hold(entry.path, O_NOFOLLOW);
      const link = await fsp.readlink(entry.path).catch(() => undefined);
      if (link === undefined) {
        await entry.close();
        return target;
      }
      await target.close();
      at = path.resolve(path.dirname(entry.real), link);
    } catch (error) {
      if (mayBeMissing && (error as NodeJS.ErrnoException).code === 'ENOENT') return entry;
      await entry.close();
      throw error;
    }
    await entry.close();
  }
  throw new WireError('ELOOP', `${file}: too many symbolic links`);
}

type Which = 'target' | 'new' | 'entry';

/** What each request does with its paths. */
function needs(request: FileRequest): {
  readonly access: 'read' | 'write';
  readonly which: Which;
  readonly to?: Which;
} {
  switch (request.type) {
    case 'file.open':
    case 'file.save': {
      const writes = request.flags.some((f) => ['O_WRONLY', 'O_RDWR', 'O_CREAT', 'O_TRUNC', 'O_APPEND'].includes(f));
      const entry = request.flags.includes('O_NOFOLLOW') || request.flags.includes('O_EXCL');
      return {
        access: writes ? 'write' : 'read',
        which: entry ? 'entry' : request.flags.includes('O_CREAT') ? 'new' : 'target',
      };
    }
    case 'file.stat':
      return { access: 'read', which: request.follow ? 'target' : 'entry' };
    case 'file.access':
      return { access: request.mode & 2 ? 'write' : 'read', which: 'target' };
    case 'file.read':
    case 'file.statfs':
    case 'file.list':
    case 'file.realpath':
    case 'file.watch':
    case 'file.module':
      return { access: 'read', which: 'target' };
    case 'file.readlink':
      return { access: 'read', which: 'entry' };
    case 'file.chmod':
    case 'file.chown':
    case 'file.utimes':
      return { access: 'write', which: request.follow ? 'target' : 'entry' };
    case 'file.truncate':
      return { access: 'write', which: 'target' };
    case 'file.mkdir':
    case 'file.mkdtemp':
    case 'file.remove':
    case 'file.symlink':
      return { access: 'write', which: 'entry' };
    case 'file.rename':
    case 'file.link':
      return { access: 'write', which: 'entry', to: 'entry' };
    case 'file.copy':
      return { access: 'read', which: 'target', to: 'new' };
    default:
      throw new WireError('EACCES', `${request.type}: Permission denied`);
  }
}

/**
 * Confines a request that names a path. @throws WireError EACCES; the system's error for a path that leads nowhere, told only
 * of places that may be read
 */
export async function confine(request: FileRequest & { readonly path: string }, limits: Limits): Promise<Confined> {
  const { access, which, to } = needs(request);
  const held: Held[] = [];
  const release = async () => {
    for (const each of held.splice(0)) await each.close();
  };
  const denied = (file: string) => new WireError('EACCES', `${file}: Permission denied`, { path: file });
  const check = async (file: string, how: Which, mode: 'read' | 'write'): Promise<Held> => {
    let found: Held;
    try {
      found = how === 'entry' ? await holdEntry(file) : await holdTarget(file, how === 'new');
    } catch (error) {
      // Whether something is there is told only where one may look.
      throw limits.allows(path.resolve(file), mode) ? notThere(error, file) : denied(file);
    }
    held.push(found);
    if (!limits.allows(found.real, mode)) throw denied(file);
    return found;
  };
  try {
    const first = await check(request.path, which, access);
    const second = to === undefined ? undefined : await check((request as { to: string }).to, to, 'write');
    const asked = request.path;
    return {
      request: {
        ...request,
        path: first.path,
        ...(second === undefined ? {} : { to: second.path }),
        // Where there was nothing: what has come there since is not followed, and not written over.
        ...('flags' in request && first.isEntry ? { flags: [...request.flags, 'O_NOFOLLOW'] } : {}),
        ...(request.type === 'file.copy' && second?.isEntry ? { exclusive: true } : {}),
      } as FileRequest & { readonly path: string },
      fresh: first.isEntry,
      reply: (reply) =>
        reply.type === 'file.path' && reply.path !== undefined
          ? { ...reply, path: replyPath(request, reply.path, first, asked) }
          : reply,
      fault: (error) => {
        const names = [[first.path, asked] as const];
        if (second !== undefined) names.push([second.path, (request as { to: string }).to]);
        return told(error, names);
      },
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** What is wrong on the way to a file, of which a user is told no more than of the file. */
function notThere(error: unknown, file: string): Error {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined
    ? (error as Error)
    : new WireError(code as ErrorCode, `${code}: ${file}`, { path: file, cause: error });
}

/** A path in a reply: what is held is called by its own name again. */
function replyPath(request: FileRequest, answered: string, held: Held, asked: string): string {
  switch (request.type) {
    case 'file.realpath':
      return held.real;
    case 'file.mkdtemp':
      return asked + answered.slice(held.path.length);
    case 'file.mkdir':
      return asked;
    default:
      return answered;
  }
}

/** The system's error with the paths that were asked for in place of those that stand for them. */
function told(error: unknown, names: readonly (readonly [string, string])[]): unknown {
  if (!(error instanceof Error)) return error;
  const named = error as NodeJS.ErrnoException & { dest?: string };
  for (const [held, asked] of names) {
    named.message = named.message.replaceAll(`'${held}'`, `'${asked}'`);
    if (named.path === held) named.path = asked;
    if (named.dest === held) named.dest = asked;
  }
  return named;
}
