/**
 * The front of a context: what is of the program's own host goes there at once, and the rest of the context is loaded when it is
 * first needed, for every start of a program pays for what is loaded. `fs` is changed in place, so that whoever has it, by
 * whatever kind of import, has the context's.
 */
import type * as nodeFs from 'node:fs';
import type { Line } from './line.js';
import { firstDescriptor, type Near } from './near.js';

type AnyFunction = (...args: unknown[]) => unknown;
export type Table = Record<string, unknown>;

/** What the front has for the rest. */
export interface Front extends Line {
  readonly near: Near;
  /** The file of the context itself. */
  readonly preload: string;
  /** `fs` as the host has it. */
  readonly fs: typeof nodeFs;
  /** `fs.promises` as the host has it. */
  promises(): Table;
  /** `process.chdir` as the host has it. */
  changeDirectory(directory: string): void;
  /** The rest is there. */
  ready(rest: Rest): void;
}

/** The rest of a context. */
export interface Rest {
  /** A function of `fs`, or `NAME.native` of one. */
  call(name: string, args: readonly unknown[]): unknown;
  /** A function of `fs.promises`. */
  promise(name: string, args: readonly unknown[]): unknown;
  changeDirectory(directory: string): void;
  /** What instrumented modules call. */
  readonly forModules: object;
  /** Replaces what sockets, children and threads are made of. */
  installLate(): void;
}

/** Functions with two paths; of `symlink` only the second is one. */
const pathCount: Readonly<Record<string, number>> = { rename: 2, link: 2, copyFile: 2, cp: 2, symlink: 2 };
/** Streams use the shared module's `open`, `read` … and need nothing. */
const kept = new Set(['createReadStream', 'createWriteStream', 'promises']);

const isPath = (value: unknown, near: Near): boolean => typeof value === 'string' && near.isPlain(value);

/** A function for a host's own, with its name, length and whatever else it has. */
function wrap(name: string, host: AnyFunction, near: Near, otherwise: (name: string, args: unknown[]) => unknown) {
  const base = name.replace(/Sync$/, '');
  const onHost =
    base === 'symlink'
      ? (_target: unknown, path: unknown) => isPath(path, near)
      : pathCount[base] === 2
        ? (from: unknown, to: unknown) => isPath(from, near) && isPath(to, near)
        : undefined;
  const made =
    onHost === undefined
      ? (...args: unknown[]): unknown => {
          const first = args[0];
          const hosts = typeof first === 'string' ? near.isPlain(first) : (first as number) < firstDescriptor;
          return hosts ? host.apply(undefined, args) : otherwise(name, args);
        }
      : (...args: unknown[]): unknown =>
          onHost(args[0], args[1]) ? host.apply(undefined, args) : otherwise(name, args);
  Object.defineProperty(made, 'name', { value: host.name, configurable: true });
  if (host.length !== 0) Object.defineProperty(made, 'length', { value: host.length, configurable: true });
  // Such as how it is made a promise of.
  for (const key of Object.getOwnPropertySymbols(host)) {
    const found = Object.getOwnPropertyDescriptor(host, key)!;
    // A promised form is its own.
    if (found.value === host) found.value = made;
    else if (typeof found.value === 'function')
      found.value = wrap(`${name}.promised`, found.value as AnyFunction, near, otherwise);
    Object.defineProperty(made, key, found);
  }
  const { native } = host as { readonly native?: AnyFunction };
  if (native !== undefined) Object.assign(made, { native: wrap(`${name}.native`, native, near, otherwise) });
  return made;
}

/** Wraps the functions of a module in place; gives the module as it was. */
function wrapAll(module: Table, near: Near, otherwise: (name: string, args: unknown[]) => unknown): Table {
  const before = Object.create(module) as Table;
  for (const name of Object.keys(module)) {
    // Others are classes and constants, some of them behind accessors that warn.
    if (!/^[a-z]/.test(name) || kept.has(name)) continue;
    const value: unknown = module[name];
    if (typeof value !== 'function') continue;
    Object.defineProperty(before, name, { value, configurable: true });
    const made = wrap(name, value as AnyFunction, near, otherwise);
    Object.defineProperty(module, name, { value: made, writable: true, enumerable: true, configurable: true });
  }
  return before;
}

/** Puts the front in the place of the host's `fs`; gives the host's. */
export function installFront(
  fs: typeof nodeFs,
  near: Near,
  rest: () => Rest,
): { readonly fs: typeof nodeFs; readonly promises: () => Table } {
  const before = wrapAll(fs as unknown as Table, near, (name, args) => rest().call(name, args));
  const loaded = Object.getOwnPropertyDescriptor(fs, 'promises')!;
  let hostPromises: Table | undefined;
  /** Node itself loads them when they are first asked for. */
  const promises = (): Table => {
    if (hostPromises === undefined) {
      Object.defineProperty(fs, 'promises', loaded);
      hostPromises = wrapAll(fs.promises as unknown as Table, near, (name, args) => rest().promise(name, args));
    }
    return hostPromises;
  };
  const get = () => {
    promises();
    return fs.promises;
  };
  Object.defineProperty(fs, 'promises', { ...loaded, get });
  return { fs: before as unknown as typeof nodeFs, promises };
}
