/** The ways by which a program comes to a module: what most programs never use is put in its place when one first asks for it. */
import type { Module as NodeModule } from 'node:module';
import type * as nodePath from 'node:path';
import type { Near } from './near.js';

/** What is not public of Node's `Module`, and what every tool that hooks into `require` uses. */
interface Internals {
  _load(id: string, parent: NodeJS.Module | undefined, isMain: boolean): unknown;
  _resolveFilename(id: string, parent: NodeJS.Module | undefined, isMain: boolean, options?: object): string;
  readonly prototype: { _compile(text: string, ...rest: readonly unknown[]): unknown };
  readonly _cache: Record<string, NodeJS.Module>;
}

/** Modules that lead to no socket, child or thread. */
const harmless = new Set([
  ...['assert', 'assert/strict', 'async_hooks', 'buffer', 'console', 'constants', 'crypto', 'diagnostics_channel'],
  ...['events', 'fs', 'fs/promises', 'module', 'os', 'path', 'path/posix', 'path/win32', 'perf_hooks', 'process'],
  ...['punycode', 'querystring', 'readline', 'readline/promises', 'stream', 'stream/consumers', 'stream/promises'],
  ...[
    'stream/web',
    'string_decoder',
    'sys',
    'timers',
    'timers/promises',
    'tty',
    'url',
    'util',
    'util/types',
    'v8',
    'vm',
  ],
  'zlib',
]);

/** Modules of the context that no Node has. */
const own = ['onoff'];

/** Globals that open sockets. */
const connecting = ['fetch', 'WebSocket', 'EventSource'];

export interface WaysOptions {
  /** Node's, whose functions are replaced. */
  readonly Module: typeof NodeModule;
  /** Of Node's own modules, by name. */
  readonly builtin: <T>(name: string) => T;
  readonly near: Near;
  /** The preload's own file, no module of the program. */
  readonly preload: string;
  /** The rest of the context is there from now on. */
  readonly rest: () => void;
  /** Sockets, children and threads are the context's from now on. */
  readonly late: () => void;
  /** What is compiled for a CommonJS module of the host that imports. */
  readonly hostText: (text: string, file: string) => string;
  /** Before a module is given to the program for the first time, by its name. */
  readonly first: Readonly<Record<string, () => void>>;
}

/** Watches them; gives what does at once what one of them would lead to. */
export function watchWays({ Module, builtin, near, preload, rest, late, hostText, first }: WaysOptions): () => void {
  const internals = Module as unknown as Internals;
  let restDone = false;
  const needRest = (): void => {
    restDone = true;
    rest();
  };
  let lateDone = false;
  const needLate = (): void => {
    if (lateDone) return;
    lateDone = true;
    late();
  };
  const asked = (id: unknown): void => {
    if (typeof id !== 'string' || id.startsWith('.') || id.startsWith('/')) return;
    const name = id.startsWith('node:') ? id.slice(5) : id;
    first[name]?.();
    if (!lateDone && !harmless.has(name) && Module.isBuiltin(id)) needLate();
  };

  const load = internals._load;
  internals._load = (id, parent, isMain) => {
    // What was preloaded is no module of the program.
    delete internals._cache[preload];
    asked(id);
    if (!own.includes(id) || restDone) return load.call(Module, id, parent, isMain);
    needRest();
    return internals._load(id, parent, isMain);
  };
  const { getBuiltinModule } = process;
  process.getBuiltinModule = ((id: string) => {
    asked(id);
    return getBuiltinModule.call(process, id);
  }) as typeof getBuiltinModule;
  Object.defineProperty(process.getBuiltinModule, 'name', { value: 'getBuiltinModule' });
  // Whatever is imported is imported by a text that says so.
  const compile = internals.prototype._compile;
  internals.prototype._compile = function contextCompile(this: unknown, text, ...more) {
    if (!text.includes('import')) return compile.call(this, text, ...more);
    if (!lateDone) needLate();
    const [file] = more;
    return compile.call(this, typeof file === 'string' ? hostText(text, file) : text, ...more);
  };
  for (const name of connecting) watchGlobal(name, needLate);

  // --- modules that are files -----------------------------------------------------------------------------------------

  const resolve = internals._resolveFilename;
  const isHosts = (id: unknown, parent: NodeJS.Module | undefined, options: object | undefined): boolean => {
    if (typeof id !== 'string' || Module.isBuiltin(id)) return true;
    if (options !== undefined && 'paths' in options) return false;
    const from = parent?.filename;
    if (typeof from === 'string' && !near.isPlain(from)) return false;
    if (id.startsWith('/')) return near.isPlain(id);
    if (!near.sameHost || (from == null && !near.inCwd)) return false;
    if (!id.includes('..') || !/^\.\.?\//.test(id)) return true;
    const path = builtin<typeof nodePath>('node:path');
    return near.isPlain(path.resolve(from == null ? near.cwd : path.dirname(from), id));
  };
  internals._resolveFilename = (id, parent, isMain, options) => {
    if (restDone || isHosts(id, parent, options)) return resolve.call(Module, id, parent, isMain, options);
    needRest();
    return internals._resolveFilename(id, parent, isMain, options);
  };
  return needLate;
}

/** The first look at a global calls `need`; then it is as it was. */
function watchGlobal(name: string, need: () => void): void {
  const found = Object.getOwnPropertyDescriptor(globalThis, name);
  if (found?.configurable !== true) return;
  const globals = globalThis as Record<string, unknown>;
  Object.defineProperty(globals, name, {
    configurable: true,
    enumerable: found.enumerable ?? false,
    get: () => {
      Object.defineProperty(globals, name, found);
      need();
      return globals[name];
    },
    set: (value: unknown) => {
      Object.defineProperty(globals, name, found);
      globals[name] = value;
    },
  });
}
