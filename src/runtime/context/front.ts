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
  /** The name of the machine as the host has it; `os` has the runtime's from then on. */
  hostname(): string;
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
  /** The text of a module of the host, with what its `import()` needs. */
  hostText(text: string, file: string): string;
  /** Runs the program that the context loads. */
  startProgram(): void;
  /** Replaces what sockets, children and threads are made of. */
  installLate(): void;
}

type Otherwise = (name: string, args: unknown[]) => unknown;

/** Functions with two paths; of `symlink` only the second is one. */
const twoPaths = new Set(['rename', 'link', 'copyFile', 'cp'].flatMap((name) => [name, `${name}Sync`]));
const secondPath = new Set(['symlink', 'symlinkSync']);
/** Streams use the shared module's `open`, `read` … and need nothing. */
const kept = new Set(['createReadStream', 'createWriteStream', 'promises']);

/** A function for a host's own, with its name, length and whatever else it has. */
function wrap(name: string, host: AnyFunction, near: Near, otherwise: Otherwise): AnyFunction {
  const isPath = (value: unknown): boolean => typeof value === 'string' && near.isPlain(value);
  let made: AnyFunction;
  if (twoPaths.has(name))
    made = (...args) => (isPath(args[0]) && isPath(args[1]) ? host.apply(undefined, args) : otherwise(name, args));
  else if (secondPath.has(name))
    made = (...args) => (isPath(args[1]) ? host.apply(undefined, args) : otherwise(name, args));
  else
    made = (...args) => {
      const first = args[0];
      const isHosts = typeof first === 'string' ? near.isPlain(first) : (first as number) < firstDescriptor;
      return isHosts ? host.apply(undefined, args) : otherwise(name, args);
    };
  const { length } = host;
  Object.defineProperty(made, 'name', { value: host.name });
  if (length !== 0) Object.defineProperty(made, 'length', { value: length });
  // How it is made a promise of.
  const symbols = Object.getOwnPropertySymbols(host);
  for (let i = 0; i < symbols.length; i++) {
    const found = Object.getOwnPropertyDescriptor(host, symbols[i]!)!;
    // A promised form is its own.
    if (found.value === host) found.value = made;
    else if (typeof found.value === 'function')
      found.value = wrap(`${name}.promised`, found.value as AnyFunction, near, otherwise);
    Object.defineProperty(made, symbols[i]!, found);
  }
  if (name === 'realpath' || name === 'realpathSync') {
    const { native } = host as { readonly native?: AnyFunction };
    if (native !== undefined) Object.assign(made, { native: wrap(`${name}.native`, native, near, otherwise) });
  }
  return made;
}

/** Wraps the functions of a module in place; gives the module as it was. This is what most of a start at home is spent on. */
function wrapAll(module: Table, near: Near, otherwise: Otherwise): Table {
  const before = Object.create(null) as Table;
  for (const name of Object.keys(module)) {
    // Others are classes and constants, some of them behind accessors that warn.
    if (name.charCodeAt(0) < 97 || kept.has(name)) continue;
    const value = module[name];
    if (typeof value !== 'function') continue;
    before[name] = value;
    const made = wrap(name, value as AnyFunction, near, otherwise);
    module[name] = made;
    // A few are behind accessors.
    if (module[name] !== made) Object.defineProperty(module, name, { value: made, writable: true, configurable: true });
  }
  return Object.setPrototypeOf(before, module) as Table;
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
