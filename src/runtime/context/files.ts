/**
 * `fs` in a context. A path that the program's own host provides is the host's call, unchanged; any other is a request to its
 * provider. What is not virtualised fails with ENOSYS and never touches this machine instead.
 */
import type { Dirent } from 'node:fs';
import { promisify } from 'node:util';
import * as a from './arguments.js';
import { type Channel, deliver } from './channel.js';
import { Descriptors, readRange, vectorOf, writeRange } from './descriptors.js';
import { makeDirectory } from './directory.js';
import { aborted, codeOf, notAvailable } from './error.js';
import { fdOf, makeHandle, partsOf } from './handle.js';
import { hostPromisesTable, hostTable } from './host.js';
import type { Paths, Place } from './paths.js';
import { type Procedure, run, runSync } from './run.js';
import { toDirent, toStatFs, toStats } from './stats.js';
import * as s from './steps.js';
import * as tree from './tree.js';
import { Watches } from './watch.js';
import { copyFile, readAll, writeAll } from './whole.js';

type AnyFunction = a.AnyFunction;
type Table = Record<string, unknown>;

/** An operation on the paths that come first among its arguments. */
type Operation = (places: readonly Place[], args: readonly unknown[]) => Procedure<unknown>;

/** Functions with two paths; of `symlink` only the second is one. */
const pathCount: Readonly<Record<string, number>> = { rename: 2, link: 2, copyFile: 2, cp: 2 };
/** Functions that look at the file system without a path to tell whose. */
const pathless = new Set(['glob', 'globSync']);
const baseName = (name: string): string => name.replace(/Sync$/, '');

function operations(paths: Paths): Readonly<Record<string, Operation>> {
  const writeWith = (flag: string): Operation =>
    function* write([place], [data, options]) {
      const { encoding, flag: given, mode, flush = false } = a.optionsOf(options);
      yield* writeAll(place!, a.toBytes(data, encoding), a.flagsOf(given, flag), a.modeOf(mode, 0o666), flush);
    };
  const statWith = (name: string, follow: boolean): Operation =>
    function* stat([place], [options]) {
      const { bigint, throwIfNoEntry } = a.optionsOf(options);
      try {
        return toStats(yield* s.stat(place!, follow, name), bigint);
      } catch (error) {
        if (throwIfNoEntry === false && ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
        throw error;
      }
    };
  const realpathWith = (native: boolean): Operation =>
    function* realpath([place], [options]) {
      return a.nameIn(yield* tree.realpath(place!, native), a.optionsOf(options).encoding);
    };
  return {
    *readFile([place], [options]) {
      const { encoding, flag } = a.optionsOf(options);
      return a.decoded(yield* readAll(place!, a.flagsOf(flag), a.modeOf(undefined, 0o666)), encoding);
    },
    writeFile: writeWith('w'),
    appendFile: writeWith('a'),
    stat: statWith('stat', true),
    lstat: statWith('lstat', false),
    access: ([place], [mode]) => s.access(place!, typeof mode === 'number' ? mode : 0),
    *exists([place]) {
      try {
        yield* s.access(place!, 0);
        return true;
      } catch {
        return false;
      }
    },
    chmod: ([place], [mode]) => s.chmod(place!, a.exactMode(mode, 0)),
    chown: ([place], [uid, gid]) => s.chown(place!, Number(uid), Number(gid), true),
    lchown: ([place], [uid, gid]) => s.chown(place!, Number(uid), Number(gid), false),
    utimes: ([place], [atime, mtime]) => s.utimes(place!, a.secondsOf(atime), a.secondsOf(mtime), true),
    lutimes: ([place], [atime, mtime]) => s.utimes(place!, a.secondsOf(atime), a.secondsOf(mtime), false),
    truncate: ([place], [size]) => s.truncatePath(place!, Math.max(0, Number(size ?? 0))),
    *statfs([place], [options]) {
      return toStatFs(yield* s.statfs(place!), a.optionsOf(options).bigint ?? false);
    },
    readdir: ([place], [options]) => tree.readdir(place!, a.optionsOf(options)),
    *mkdir([place], [options]) {
      const given = typeof options === 'object' && options !== null ? a.optionsOf(options) : { mode: options };
      const recursive = 'recursive' in given && given.recursive === true;
      const first = yield* s.mkdir(place!, a.modeOf(given.mode, 0o777), recursive);
      return first === undefined || place!.given.startsWith('/') ? first : paths.relative(first);
    },
    *mkdtemp([place], [options]) {
      const made = yield* s.mkdtemp(place!);
      return a.nameIn(place!.given + made.slice(place!.full.length), a.optionsOf(options).encoding);
    },
    unlink: ([place]) => s.remove(place!, 'unlink', false, false),
    *rmdir([place], [options]) {
      if (a.optionsOf(options).recursive) yield* tree.rm(place!, { recursive: true, force: true });
      else yield* s.remove(place!, 'rmdir', true, false);
    },
    rm: ([place], [options]) => tree.rm(place!, a.optionsOf(options)),
    *readlink([place], [options]) {
      return a.nameIn(yield* s.readlink(place!), a.optionsOf(options).encoding);
    },
    realpath: realpathWith(false),
    'realpath.native': realpathWith(true),
    rename: ([from, to]) => s.both('file.rename', from!, to!),
    link: ([from, to]) => s.both('file.link', from!, to!),
    copyFile: ([from, to], [mode]) => copyFile(from!, to!, typeof mode === 'number' ? mode : 0),
    cp: ([from, to], [options]) => tree.cp(paths, from!, to!, (options ?? {}) as tree.CopyOptions),
    *opendir([place], [options]) {
      const { encoding, recursive } = a.optionsOf(options);
      const entries = recursive
        ? ((yield* tree.readdir(place!, { withFileTypes: true, recursive })) as Dirent[])
        : (yield* s.list(place!, 'opendir')).map(({ name, kind }) => toDirent(name, kind, place!.given, encoding));
      return makeDirectory(place!.given, entries);
    },
  };
}

/** One read or write. */
interface Transfer {
  readonly procedure: Procedure<number>;
  /** What the callback is given besides the count. */
  readonly given: unknown;
}

/** A context's `fs`. */
export interface ContextFiles {
  /** Callback and synchronous forms by name; what is not among them is the host's. */
  readonly calls: Table;
  readonly descriptors: Descriptors;
  /** A call by its name. @throws ENOSYS when the context does not have it and one of its paths is another machine's */
  call(name: string, args: readonly unknown[]): unknown;
  /** A call of `fs.promises` by its name. */
  promise(name: string, args: readonly unknown[]): unknown;
}

/** The context's `fs`. */
export function contextFiles(channel: Channel, paths: Paths): ContextFiles {
  const table = operations(paths);
  const watches = new Watches(channel);
  const sync = <T>(procedure: Procedure<T>): T => runSync(channel, procedure);
  const later = <T>(procedure: Procedure<T>, signal?: AbortSignal): Promise<T> => run(channel, procedure, signal);
  const descriptors = new Descriptors();

  /** Which of the first arguments are paths. */
  const pathIndexes = (base: string): readonly number[] =>
    base === 'symlink' ? [1] : pathCount[base] === 2 ? [0, 1] : [0];

  const onHost = (from: Table, name: string, args: readonly unknown[]): unknown => {
    const base = baseName(name);
    let given = args;
    const indexes = pathIndexes(base);
    // Where a path is none, Node itself says so, before it does anything.
    const wrong = indexes.length === 2 && indexes.some((i) => paths.textOf(args[i]) === undefined);
    for (const i of wrong ? [] : indexes) {
      const text = paths.textOf(args[i]);
      if (text === undefined || paths.isPlain(text)) continue;
      const { host } = paths.locate(text);
      if (host === undefined) throw notAvailable(`fs.${name}`);
      if (host === text) continue;
      if (given === args) given = [...args];
      (given as unknown[])[i] = host;
    }
    if (pathless.has(base) && !paths.sameHost) throw notAvailable(`fs.${name}`);
    if (descriptors.isOurs(args[0]) || fdOf(args[0]) !== undefined) throw notAvailable(`fs.${name}`);
    return (from[name] as AnyFunction).apply(from, given as unknown[]);
  };

  /** The places of a call that is not the host's alone. */
  const remote = (base: string, args: readonly unknown[]): readonly Place[] | undefined => {
    const indexes = pathIndexes(base);
    const [first] = args;
    if (indexes.length === 1 && typeof first === 'string' && indexes[0] === 0 && paths.isPlain(first)) return undefined;
    const places: Place[] = [];
    for (const i of indexes) {
      const text = paths.textOf(args[i]);
      // Not a path: Node itself says so.
      if (text === undefined) return undefined;
      places.push(paths.locate(text));
    }
    return places.every((place) => place.host !== undefined) ? undefined : places;
  };

  /** The procedure of a call; undefined when it is the host's. */
  const procedureOf = (base: string, args: readonly unknown[]): (() => Procedure<unknown>) | undefined => {
    const [first] = args;
    const fd = typeof first === 'number' ? first : typeof first === 'object' ? fdOf(first) : undefined;
    if (fd !== undefined) {
      const byDescriptor = descriptors.table[base];
      return byDescriptor === undefined || !descriptors.isOurs(fd) ? undefined : () => byDescriptor(fd, args.slice(1));
    }
    if (base === 'symlink') {
      const target = paths.textOf(first);
      const places = remote(base, args);
      return places === undefined || target === undefined ? undefined : () => s.symlink(target, places[0]!);
    }
    const operation = table[base];
    if (operation === undefined) return undefined;
    const places = remote(base, args);
    return places === undefined ? undefined : () => operation(places, args.slice(pathCount[base] ?? 1));
  };
  const signalOf = (args: readonly unknown[]): AbortSignal | undefined =>
    args
      .map((arg) => (arg as { signal?: AbortSignal } | null | undefined)?.signal)
      .find((signal) => signal instanceof AbortSignal);

  const replaced: Table = {};
  const promises: Table = {};
  const derive = (base: string): void => {
    const syncName = base === 'realpath.native' ? base : `${base}Sync`;
    replaced[syncName] = (...args: unknown[]) => {
      const procedure = procedureOf(base, args);
      return procedure === undefined ? onHost(hostTable, syncName, args) : sync(procedure());
    };
    replaced[base] = (...args: unknown[]) => {
      const callback = args.at(-1);
      const procedure = typeof callback === 'function' ? procedureOf(base, args.slice(0, -1)) : undefined;
      if (procedure === undefined) {
        // Without a callback Node itself says that it is missing.
        if (typeof callback !== 'function' && procedureOf(base, args) !== undefined)
          return (hostTable.access as AnyFunction)('/dev/null', callback);
        return onHost(hostTable, base, args);
      }
      const rest = args.slice(0, -1);
      const give = callback as AnyFunction;
      if (base === 'exists') deliver(later(procedure()), (_error, value) => give(value ?? false));
      else
        deliver(later(procedure(), signalOf(rest)), (error, value) =>
          error !== null ? give(error) : value === undefined ? give(null) : give(null, value),
        );
      return undefined;
    };
    promises[base] = async (...args: unknown[]) => {
      const procedure = procedureOf(base === 'realpath' ? 'realpath.native' : base, args);
      return procedure === undefined ? onHost(hostPromisesTable(), base, args) : later(procedure(), signalOf(args));
    };
  };
  for (const base of [...Object.keys(table), ...Object.keys(descriptors.table), 'symlink']) derive(base);

  // --- what has a form of its own -------------------------------------------------------------------------------------

  const native = (name: string) => replaced[name] as AnyFunction;
  for (const name of ['realpath', 'realpathSync']) {
    const host = (hostTable[name] as unknown as { native: AnyFunction }).native;
    const call = (...args: unknown[]): unknown => {
      const callback = name === 'realpath' ? (args.at(-1) as AnyFunction) : undefined;
      const procedure = procedureOf('realpath.native', args);
      if (procedure === undefined || (name === 'realpath' && typeof callback !== 'function')) return host(...args);
      if (callback === undefined) return sync(procedure());
      return deliver(later(procedure()), callback);
    };
    Object.assign(native(name), { native: call });
  }
  delete replaced['realpath.native'];

  const openOf = (args: readonly unknown[]): Procedure<number> | undefined => {
    const places = remote('open', args);
    return places === undefined ? undefined : descriptors.open(places[0]!, args[1], args[2]);
  };
  replaced.openSync = (...args: unknown[]) => {
    const open = openOf(args);
    return open === undefined ? onHost(hostTable, 'openSync', args) : sync(open);
  };
  replaced.open = (...args: unknown[]) => {
    const callback = args.at(-1);
    const open = typeof callback === 'function' ? openOf(args.slice(0, -1)) : undefined;
    return open === undefined ? onHost(hostTable, 'open', args) : deliver(later(open), callback as AnyFunction);
  };
  promises.open = async (...args: unknown[]) => {
    const open = openOf(args);
    return open === undefined
      ? onHost(hostPromisesTable(), 'open', args)
      : makeHandle(await later(open), descriptors, later);
  };

  /** `read`, `write` and their vectored forms: the callback gets a count and what was given. */
  const transfer = (
    name: 'read' | 'write' | 'readv' | 'writev',
    make: (fd: number, args: readonly unknown[]) => Transfer,
  ): void => {
    const count = name.startsWith('read') ? 'bytesRead' : 'bytesWritten';
    const what = name.endsWith('v') ? 'buffers' : 'buffer';
    const [hostSync, hostCall] = [hostTable[`${name}Sync`], hostTable[name]] as [AnyFunction, AnyFunction];
    replaced[`${name}Sync`] = (...all: unknown[]) => {
      const [fd] = all;
      return descriptors.isOurs(fd) ? sync(make(fd, all.slice(1)).procedure) : hostSync.apply(hostTable, all);
    };
    const call = (...all: unknown[]): unknown => {
      const [fd] = all;
      if (!descriptors.isOurs(fd)) return hostCall.apply(hostTable, all);
      const callback = all.pop() as AnyFunction;
      const { procedure, given } = make(fd, all.slice(1));
      return deliver(later(procedure), (error, n) => callback(error, n ?? 0, given));
    };
    const host = promisify(hostTable[name] as AnyFunction) as unknown as AnyFunction;
    const promised = async (fd: unknown, ...args: unknown[]) => {
      if (!descriptors.isOurs(fd)) return host(fd, ...args);
      const { procedure, given } = make(fd, args);
      return { [count]: await later(procedure), [what]: given };
    };
    replaced[name] = Object.defineProperty(call, promisify.custom, { value: promised });
  };
  transfer('read', (fd, args) => {
    const range = readRange(args);
    return { procedure: descriptors.read(fd, range), given: range.view };
  });
  transfer('write', (fd, args) => {
    const { data, position } = writeRange(args);
    return { procedure: descriptors.write(fd, data, position), given: args[0] };
  });
  transfer('readv', (fd, args) => ({ procedure: descriptors.readv(fd, ...vectorOf(args)), given: args[0] }));
  transfer('writev', (fd, args) => ({ procedure: descriptors.writev(fd, ...vectorOf(args)), given: args[0] }));

  Object.defineProperty(replaced.exists as object, promisify.custom, {
    value: (path: unknown) =>
      ((promises.access as AnyFunction)(path) as Promise<void>).then(
        () => true,
        () => false,
      ),
  });

  /** Data in parts is written as it comes. */
  for (const [name, flag] of [
    ['writeFile', 'w'],
    ['appendFile', 'a'],
  ] as const) {
    const whole = promises[name] as AnyFunction;
    promises[name] = async (...args: unknown[]) => {
      const [file, data, options] = args;
      const inParts = typeof data === 'object' && data !== null && !ArrayBuffer.isView(data);
      const places = typeof file === 'number' || fdOf(file) !== undefined ? undefined : remote(name, args);
      if (!inParts || (places === undefined && fdOf(file) === undefined)) return whole(...args);
      const { encoding, signal, flag: given, mode } = a.optionsOf(options);
      if (signal?.aborted) throw aborted(signal);
      const fd = fdOf(file) ?? (await later(descriptors.open(places![0]!, given ?? flag, mode)));
      try {
        for await (const part of partsOf(data))
          await later(descriptors.write(fd, a.toBytes(part, encoding), undefined), signal);
      } finally {
        if (fdOf(file) === undefined) await later(descriptors.close(fd));
      }
    };
  }

  const placeOf = (path: unknown): Place | undefined => remote('watch', [path])?.[0];
  const watchOptions = (options: unknown) => (typeof options === 'function' ? {} : a.optionsOf(options));
  replaced.watch = (path: unknown, options: unknown, listener: unknown) => {
    const place = placeOf(path);
    if (place === undefined) return onHost(hostTable, 'watch', [path, options, listener]);
    return watches.watch(
      place,
      watchOptions(options),
      (typeof options === 'function' ? options : listener) as AnyFunction,
    );
  };
  promises.watch = (path: unknown, options: unknown) => {
    const place = placeOf(path);
    return place === undefined
      ? onHost(hostPromisesTable(), 'watch', [path, options])
      : watches.iterate(place, a.optionsOf(options));
  };
  replaced.watchFile = (path: unknown, options: unknown, listener: unknown) => {
    const place = placeOf(path);
    if (place === undefined) return onHost(hostTable, 'watchFile', [path, options, listener]);
    const given = typeof options === 'function' ? {} : (options as object);
    return watches.watchFile(place, given ?? {}, (typeof options === 'function' ? options : listener) as AnyFunction);
  };
  replaced.unwatchFile = (path: unknown, listener?: AnyFunction) => {
    const place = placeOf(path);
    if (place === undefined) onHost(hostTable, 'unwatchFile', [path, listener]);
    else watches.unwatchFile(place, listener);
  };

  return {
    calls: replaced,
    descriptors,
    call: (name, args) => {
      const [base, form] = name.split('.') as [string, string | undefined];
      const found = replaced[base] as (AnyFunction & { readonly native?: AnyFunction }) | undefined;
      if (form === 'promised' && found !== undefined) return (promisify(found) as unknown as AnyFunction)(...args);
      const own = form === 'native' ? found?.native : found;
      return own === undefined ? onHost(hostTable, name, args) : own(...args);
    },
    promise: (name, args) => {
      const own = promises[name] as AnyFunction | undefined;
      if (own !== undefined) return own(...args);
      return (async () => onHost(hostPromisesTable(), name, args))();
    },
  };
}
