/** Directories and what is below them: `readdir`, `rm`, `cp`, `realpath`. */
import { posix as path } from 'node:path';
import { modeOf, nameIn, type Options } from './arguments.js';
import { codeOf, systemError } from './error.js';
import type { Paths, Place } from './paths.js';
import type { Procedure } from './run.js';
import { toDirent } from './stats.js';
import * as s from './steps.js';
import { copyFile } from './whole.js';

/** Of entries with their types, newer versions of Node.js look behind symbolic links, too. */
const followsLinks = Number(process.versions.node.split('.')[0]) >= 24;

const below = (place: Place, name: string): Place => ({
  ...place,
  given: path.join(place.given, name),
  full: path.join(place.full, name),
});

/** Breadth first, as Node has it. */
export function* readdir(place: Place, options: Options): Procedure<unknown[]> {
  const { withFileTypes, recursive, encoding } = options;
  const found: unknown[] = [];
  const queue: { readonly place: Place; readonly prefix: string }[] = [{ place, prefix: '' }];
  for (const { place: directory, prefix } of queue) {
    for (const { name, kind } of yield* s.list(directory, 'scandir')) {
      found.push(withFileTypes ? toDirent(name, kind, directory.given, encoding) : nameIn(prefix + name, encoding));
      const looksBehind = kind === 'symlink' && (!withFileTypes || followsLinks);
      if (!recursive || (kind !== 'directory' && !looksBehind)) continue;
      const next = below(directory, name);
      if (kind === 'directory' || (yield* kindAt(next)) === 'directory')
        queue.push({ place: next, prefix: `${prefix}${name}/` });
    }
  }
  return found;
}

function* kindAt(place: Place, follow = true): Procedure<string | undefined> {
  try {
    return (yield* s.stat(place, follow, 'stat')).kind;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** As Node's own errors of operations that are none of the system's. */
function operationError(
  code: string,
  text: string,
  info: { message: string; path: string; syscall: string; errno: number; code: string },
) {
  const error = new Error(`${text}: ${info.syscall} returned ${info.code} (${info.message}) ${info.path}`);
  return Object.assign(error, {
    code,
    name: 'SystemError',
    info,
    errno: info.errno,
    syscall: info.syscall,
    path: info.path,
  });
}

export function* rm(place: Place, { recursive = false, force = false }: Options): Procedure<void> {
  try {
    const { kind } = yield* s.stat(place, false, 'lstat');
    if (kind === 'directory' && !recursive)
      throw operationError('ERR_FS_EISDIR', 'Path is a directory', {
        code: 'EISDIR',
        message: 'is a directory',
        path: place.given,
        syscall: 'rm',
        errno: 21,
      });
    yield* s.remove(place, 'rm', false, kind === 'directory');
  } catch (error) {
    if (!(force && codeOf(error) === 'ENOENT')) throw error;
  }
}

/** JavaScript's `realpath` names the part that is not there. */
export function* realpath(place: Place, native: boolean): Procedure<string> {
  try {
    return yield* s.realpath(place);
  } catch (error) {
    if (native || !['ENOENT', 'ELOOP'].includes(codeOf(error) ?? '')) throw error;
    const parts = path.resolve(place.full).split('/');
    for (let n = 2; n <= parts.length; n++) {
      const full = parts.slice(0, n).join('/');
      const part = { ...place, full, given: full };
      if ((yield* s.stat(part, false, 'lstat')).kind === 'symlink') yield* s.stat(part, true, 'stat');
    }
    throw error;
  }
}

export interface CopyOptions {
  readonly recursive?: boolean;
  readonly force?: boolean;
  readonly errorOnExist?: boolean;
  readonly dereference?: boolean;
  readonly preserveTimestamps?: boolean;
  readonly verbatimSymlinks?: boolean;
  readonly mode?: number;
  readonly filter?: (from: string, to: string) => unknown;
}

/** `fs.cp`: in the order of Node's own, with its errors. */
export function* cp(paths: Paths, from: Place, to: Place, options: CopyOptions): Procedure<void> {
  const { filter } = options;
  if (filter !== undefined && !(yield { wait: filter(from.given, to.given) }).value) return;
  const source = (yield* s.stat(from, options.dereference ?? false, options.dereference ? 'stat' : 'lstat')).kind;
  const target = yield* kindAt(to, options.dereference ?? false);
  const codes: Readonly<Record<number, string>> = { 20: 'ENOTDIR', 21: 'EISDIR', 22: 'EINVAL' };
  const refuse = (code: string, text: string, message: string, errno: number, named: string) =>
    operationError(`ERR_FS_${code}`, text, { message, path: named, syscall: 'cp', errno, code: codes[errno]! });
  if (source === 'directory' && target !== undefined && target !== 'directory')
    throw refuse(
      'CP_DIR_TO_NON_DIR',
      'Cannot overwrite non-directory with directory',
      `cannot overwrite non-directory ${to.given} with directory ${from.given}`,
      21,
      to.given,
    );
  if (source !== 'directory' && target === 'directory')
    throw refuse(
      'CP_NON_DIR_TO_DIR',
      'Cannot overwrite directory with non-directory',
      `cannot overwrite directory ${to.given} with non-directory ${from.given}`,
      20,
      to.given,
    );
  if (from.full === to.full)
    throw refuse('CP_EINVAL', 'Invalid src or dest', 'src and dest cannot be the same', 22, to.given);
  if (source === 'directory' && `${to.full}/`.startsWith(`${from.full}/`))
    throw refuse(
      'CP_EINVAL',
      'Invalid src or dest',
      `cannot copy ${from.given} to a subdirectory of self ${to.given}`,
      22,
      to.given,
    );
  if (source === 'directory' && !options.recursive)
    throw refuse('EISDIR', 'Path is a directory', `${from.given} is a directory (not copied)`, 21, from.given);
  const parent = paths.locate(path.dirname(to.full));
  if ((yield* kindAt(parent)) === undefined) yield* s.mkdir(parent, modeOf(undefined, 0o777), true);
  yield* copyEntry(from, to, source, target, options);
}

function* copyTree(from: Place, to: Place, options: CopyOptions): Procedure<void> {
  for (const { name } of yield* s.list(from, 'opendir')) {
    const [source, target] = [below(from, name), below(to, name)];
    const { filter } = options;
    if (filter !== undefined && !(yield { wait: filter(source.given, target.given) }).value) continue;
    const { kind } = yield* s.stat(source, options.dereference ?? false, 'cp');
    yield* copyEntry(source, target, kind, yield* kindAt(target, false), options);
  }
}

function* copyEntry(
  from: Place,
  to: Place,
  kind: string,
  target: string | undefined,
  options: CopyOptions,
): Procedure<void> {
  const { force = true, errorOnExist = false } = options;
  if (kind === 'directory') {
    const { mode } = yield* s.stat(from, true, 'cp');
    if (target === undefined) yield* s.mkdir(to, 0o777, false);
    yield* copyTree(from, to, options);
    if (target === undefined) yield* s.chmod(to, mode);
    return;
  }
  if (kind === 'symlink') {
    const text = yield* s.readlink(from);
    const resolved =
      options.verbatimSymlinks || path.isAbsolute(text) ? text : path.resolve(path.dirname(from.full), text);
    if (target !== undefined) yield* s.remove(to, 'unlink', false, false);
    yield* s.symlink(resolved, to);
    return;
  }
  if (kind === 'socket' || kind === 'fifo') throw systemError('EINVAL', { syscall: 'cp', path: to.given });
  if (target !== undefined && !force) {
    if (!errorOnExist) return;
    throw operationError('ERR_FS_CP_EEXIST', 'Target already exists', {
      message: `${to.given} already exists`,
      path: to.given,
      syscall: 'cp',
      errno: 17,
      code: 'EEXIST',
    });
  }
  if (target !== undefined) yield* s.remove(to, 'unlink', false, false);
  yield* copyFile(from, to, options.mode ?? 0);
  if (options.preserveTimestamps) {
    const found = yield* s.stat(from, true, 'cp');
    yield* s.utimes(to, Number(found.atimeNs) / 1e9, found.mtimeMs / 1000, true);
  }
}
