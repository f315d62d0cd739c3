/**
 * Modules whose files are on another machine. `require` stays Node's own, with two questions answered here: where a module is,
 * and what is in it. ES modules are linked by Node's own loader from copies in the agent's directory, which import each other
 * and name, for stack traces, the files they are copies of.
 */
import { createRequire, Module } from 'node:module';
import { posix as path } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { LoadedModule, Started } from '../modules/modules.js';
import type { Resolution, Way } from '../modules/resolve.js';
import type { Channel } from './channel.js';
import { notAvailable, systemError } from './error.js';
import { hostFs } from './host.js';
import type { Paths } from './paths.js';

/** What is not public of Node's `Module`, and what every tool that hooks into `require` uses. */
interface Internals {
  _load(id: string, parent: NodeJS.Module | undefined, isMain: boolean): unknown;
  _resolveFilename(id: string, parent: NodeJS.Module | undefined, isMain: boolean, options?: ResolveOptions): string;
  readonly _extensions: Record<string, (module: Compiling, filename: string) => void>;
  readonly _cache: Record<string, NodeJS.Module>;
}
interface ResolveOptions {
  readonly paths?: readonly string[];
}
interface ResolveContext {
  readonly conditions: readonly string[];
  readonly parentURL?: string;
  readonly importAttributes?: { readonly type?: string };
}
type Compiling = NodeJS.Module & { _compile(text: string, filename: string): void };

/** `import()` of the preload: code that comes from V8's cache has none of its own. */
declare const importUrl: (url: string) => Promise<unknown>;

const internals = Module as unknown as Internals;
const major = Number(process.versions.node.split('.')[0]);

export class ContextModules {
  /** URLs of copies, by the path of what they are copies of. */
  private readonly copies = new Map<string, string>();
  private readonly directory: string;
  private prepared = false;
  private main: string | undefined;
  private readonly requireCopy: NodeJS.Require;

  constructor(
    private readonly channel: Channel,
    private readonly paths: Paths,
    /** Modules of the context that no Node has, by name. */
    private readonly own: Readonly<Record<string, unknown>>,
  ) {
    this.directory = path.join(channel.description.directory, 'modules');
    this.requireCopy = createRequire(path.join(this.directory, 'x.cjs'));
  }

  private ask(
    name: string,
    args: readonly unknown[],
    where: object,
  ): { readonly value: unknown; readonly text: string } {
    const { head, bytes } = this.channel.callSync(name, args);
    if (head.error !== undefined) throw systemError(head.error.code, where, head.error.message);
    return { value: head.value, text: bytes.length === 0 ? '' : Buffer.from(bytes).toString() };
  }

  private call(name: string, args: readonly unknown[], where: object): unknown {
    return this.ask(name, args, where).value;
  }

  private load(file: string, way: Way): LoadedModule {
    const { first } = this;
    if (first?.path === file) {
      this.first = undefined;
      return first.loaded;
    }
    const { value, text } = this.ask('module.load', [file, way], { syscall: 'open', path: file });
    return loadedWith(value as LoadedModule, text);
  }
  /** The program, until it is loaded. */
  private first: Started | undefined;

  // --- require --------------------------------------------------------------------------------------------------------

  /** Makes `require` find what the host does not provide. */
  install(): void {
    const load = internals._load;
    internals._load = (id, parent, isMain) =>
      Object.hasOwn(this.own, id) ? this.own[id] : load.call(Module, id, parent, isMain);
    const resolve = internals._resolveFilename;
    internals._resolveFilename = (id, parent, isMain, options) => {
      if (Module.isBuiltin(id) || typeof id !== 'string') return resolve.call(Module, id, parent, isMain, options);
      if (isMain && id === this.main) return id;
      const from = this.remoteAsker(id, parent, options);
      return from === undefined ? resolve.call(Module, id, parent, isMain, options) : this.find(id, from, parent);
    };
    for (const extension of ['.js', '.json', '.node', '.cjs', '.mjs', '.ts', '.cts', '.mts']) {
      const host = internals._extensions[extension];
      // Extensions that this Node does not know stay unknown; `.mjs` and `.cjs` go by `.js`.
      if (host === undefined && !/^\.[cm]js$/.test(extension)) continue;
      const compile = (module: Compiling, filename: string): void => {
        if (this.paths.locate(filename).host === undefined) this.compile(module, filename);
        else (host ?? internals._extensions['.js']!)(module, filename);
      };
      Object.defineProperty(internals._extensions, extension, {
        value: compile,
        enumerable: host !== undefined,
        configurable: true,
        writable: true,
      });
    }
  }

  /** The files that ask, when they are not the host's. */
  private remoteAsker(
    id: string,
    parent: NodeJS.Module | undefined,
    options?: ResolveOptions,
  ): readonly string[] | undefined {
    if (path.isAbsolute(id)) return this.paths.locate(id).host === undefined ? [this.paths.cwd] : undefined;
    const from = options?.paths?.map((p) => path.join(this.paths.absolute(p), 'x.js')) ?? [
      parent?.filename ?? path.join(this.paths.cwd, 'x.js'),
    ];
    if (from.some((file) => this.paths.locate(file).host === undefined)) return from;
    const leadsAway = /^\.\.?\//.test(id) && from.some((file) => this.isRemote(path.resolve(path.dirname(file), id)));
    return leadsAway ? from : undefined;
  }

  private isRemote(file: string): boolean {
    return this.paths.locate(file).host === undefined;
  }

  private find(id: string, from: readonly string[], parent: NodeJS.Module | undefined): string {
    const extensions = Object.keys(internals._extensions);
    let last: Resolution | undefined;
    for (const file of from) {
      last = this.call('module.resolve', [id, file, 'require', extensions], {}) as Resolution;
      if ('path' in last) return last.path;
    }
    if (last !== undefined && 'message' in last) throw Object.assign(new Error(last.message), { code: last.code });
    const requireStack: string[] = [];
    for (let cursor = parent; cursor != null; cursor = (cursor as { parent?: NodeJS.Module }).parent)
      requireStack.push(cursor.filename ?? cursor.id);
    const stack = requireStack.length === 0 ? '' : `\nRequire stack:\n- ${requireStack.join('\n- ')}`;
    throw Object.assign(new Error(`Cannot find module '${id}'${stack}`), { code: 'MODULE_NOT_FOUND', requireStack });
  }

  private compile(module: Compiling, filename: string): void {
    if (filename.endsWith('.node')) throw notAvailable(`the native module ${filename}`);
    const loaded = this.load(filename, 'require');
    switch (loaded.kind) {
      case 'json':
        module.exports = parseJson(loaded.text, filename);
        return;
      case 'commonjs':
        module._compile(loaded.text, filename);
        return;
      case 'module':
        module.exports = this.requireCopy(fileURLToPath(this.copy(filename)));
        return;
      default:
        loaded satisfies never;
    }
  }

  // --- import ---------------------------------------------------------------------------------------------------------

  /** Makes `import` in the host's own modules find those of other machines, where Node.js can be told (22.15 and later). */
  installHooks(): void {
    const { registerHooks } = Module as unknown as { registerHooks?: (hooks: object) => void };
    registerHooks?.({
      resolve: (specifier: string, context: ResolveContext, next: (...args: unknown[]) => unknown) => {
        const url = context.conditions.includes('import') ? this.redirected(specifier, context) : undefined;
        return url === undefined ? next(specifier, context) : { url, importAttributes: {}, shortCircuit: true };
      },
    });
  }

  /** The copy that stands for what a module of the host imports, if that is another machine's. */
  private redirected(specifier: string, { parentURL, importAttributes }: ResolveContext): string | undefined {
    if (!/^(?:\/|\.\.?\/|file:)/.test(specifier)) return undefined;
    const from = parentURL?.startsWith('file:') ? fileURLToPath(parentURL) : path.join(this.paths.cwd, 'x.js');
    const { pathname } = new URL(specifier, pathToFileURL(from));
    const file = decodeURIComponent(pathname);
    return file.startsWith('/net/') && this.isRemote(file) ? this.urlOf(file, from, importAttributes?.type) : undefined;
  }

  /** The text of a module of the host whose `import()` may lead to another machine, where Node.js cannot be told. */
  hostText(text: string, file: string): string {
    if (!this.paths.sameHost || 'registerHooks' in Module) return text;
    if (!text.includes('/net/') || !/(?<![.\w$])import\s*\(/.test(text)) return text;
    if (this.isRemote(file) || hostFs.readFileSync(file, 'utf8') !== text) return text;
    const loaded = this.load(file, 'require');
    return loaded.kind === 'commonjs' ? loaded.text : text;
  }

  /** The URL to import for `specifier` in a module at `from`. */
  urlOf(specifier: string, from: string, type?: string): string {
    if (Object.hasOwn(this.own, specifier))
      return this.facade(
        `${specifier}`,
        `module(${JSON.stringify(specifier)})`,
        Object.keys(this.own[specifier] as object),
      );
    if (Module.isBuiltin(specifier) || /^(data|node|https?):/.test(specifier)) return specifier;
    const name = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier;
    if (path.isAbsolute(name) && this.paths.locate(name).host !== undefined) return pathToFileURL(name).href;
    const found = this.call('module.resolve', [decodeURIComponent(name), from, 'import', []], {}) as Resolution;
    if ('path' in found) return this.copy(found.path, type);
    if ('message' in found) throw Object.assign(new Error(found.message), { code: found.code });
    throw Object.assign(new Error(`Cannot find ${found.missing} '${found.what}' imported from ${from}`), {
      code: found.code,
    });
  }

  /** A copy that Node can link, with copies of all that it imports. */
  private copy(file: string, type?: string): string {
    if (file.endsWith('.json') && type !== 'json') throw attributeMissing(file);
    const known = this.copies.get(file);
    if (known !== undefined) return known;
    const url = pathToFileURL(this.placeOf(file)).href;
    const loaded = this.load(file, 'import');
    // Before what it imports: that may import it.
    this.copies.set(file, url);
    const path_ = JSON.stringify(file);
    switch (loaded.kind) {
      case 'json':
        return this.write(file, `export default ${contextText}.json(${path_});`);
      case 'commonjs':
        return this.write(file, facadeText(`require(${path_})`, loaded.names ?? []));
      case 'module': {
        const filled = loaded.holes.map((hole) =>
          JSON.stringify(hole.kind === 'self' ? file : this.urlOf(hole.specifier, file, hole.type)),
        );
        const text = loaded.parts.map((part, i) => part + (filled[i] ?? '')).join('');
        return this.write(file, `${text}\n//# sourceURL=${pathToFileURL(file).href}`);
      }
      default:
        return loaded satisfies never;
    }
  }

  /** Copies lie as the originals do. */
  private placeOf(file: string): string {
    return path.join(this.directory, /\.m?js$/.test(file) ? file : `${file}.mjs`);
  }

  private write(file: string, text: string): string {
    const place = this.placeOf(file);
    if (!this.prepared) {
      hostFs.mkdirSync(this.directory, { recursive: true });
      hostFs.writeFileSync(path.join(this.directory, 'package.json'), '{"type":"module"}');
      this.prepared = true;
    }
    hostFs.mkdirSync(path.dirname(place), { recursive: true });
    hostFs.writeFileSync(place, text);
    return pathToFileURL(place).href;
  }

  private facade(name: string, expression: string, names: readonly string[]): string {
    return this.write(`/${name}`, facadeText(expression, names));
  }

  /** `import(specifier)` in the module at `from`. */
  import(from: string, specifier: unknown, options?: unknown): Promise<unknown> {
    const type = (options as { with?: { type?: string } } | undefined)?.with?.type;
    return new Promise((resolve) => {
      resolve(this.naming(importUrl(this.urlOf(String(specifier), from, type))));
    });
  }

  /** What does not link is told of the originals. */
  private naming<T>(imported: Promise<T>): Promise<T> {
    return imported.catch((error: unknown) => {
      const copies = pathToFileURL(this.directory).href;
      if (error instanceof SyntaxError) error.message = error.message.replaceAll(copies, 'file://');
      throw error;
    });
  }

  /** Text that the module at `from` makes code of: what it imports, that module imports. */
  text(from: string, code: unknown): unknown {
    if (typeof code !== 'string') return code;
    return code.replace(/(?<![.\w$])import\s*\(/g, () => `${contextText}.import(${JSON.stringify(from)},`);
  }

  /** `import.meta` of the module at `file`. */
  meta(file: string): object {
    const known = this.metas.get(file);
    if (known !== undefined) return known;
    const made = Object.assign(Object.create(null) as object, {
      dirname: path.dirname(file),
      filename: file,
      ...(major >= 24 ? { main: file === this.main } : {}),
      resolve: (specifier: string) => this.resolveUrl(specifier, file),
      url: pathToFileURL(file).href,
    });
    this.metas.set(file, made);
    return made;
  }
  private readonly metas = new Map<string, object>();

  private resolveUrl(specifier: string, from: string): string {
    if (Module.isBuiltin(specifier)) return specifier.startsWith('node:') ? specifier : `node:${specifier}`;
    if (/^[a-z]+:/.test(specifier)) return specifier;
    if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, pathToFileURL(from)).href;
    const found = this.call('module.resolve', [specifier, from, 'import', []], {}) as Resolution;
    if ('path' in found) return pathToFileURL(found.path).href;
    throw Object.assign(
      new Error('message' in found ? found.message : `Cannot find package '${found.what}' imported from ${from}`),
      {
        code: found.code,
      },
    );
  }

  // --- what copies ask for --------------------------------------------------------------------------------------------

  json(file: string): unknown {
    const loaded = this.load(file, 'require');
    return parseJson(loaded.kind === 'json' ? loaded.text : '', file);
  }
  require(file: string): unknown {
    return internals._load(file, undefined, false);
  }
  module(name: string): unknown {
    return this.own[name];
  }

  // --- the program ----------------------------------------------------------------------------------------------------

  /** Runs the program as Node runs its entry point. */
  start(program: string): void {
    const { value, text } = this.ask('module.start', [program], { syscall: 'open', path: program });
    const { path: file, loaded } = value as Started;
    this.first = { path: file, loaded: loadedWith(loaded, text) };
    this.main = file;
    if (loaded.kind !== 'module') {
      internals._load(file, undefined, true);
      return;
    }
    Object.defineProperty(process, 'mainModule', { value: undefined, configurable: true, writable: true });
    let done = false;
    process.on('exit', (status) => {
      // As Node has it: nothing keeps it alive, and its top level still waits.
      if (!done && status === 0 && process.exitCode === undefined) process.exitCode = 13;
    });
    const started = this.naming(importUrl(this.copy(file)));
    void started.then(() => {
      done = true;
    });
  }
}

/** A long text comes beside what is said of it. */
const loadedWith = (loaded: LoadedModule, text: string): LoadedModule =>
  loaded.kind === 'module' || text === '' ? loaded : { ...loaded, text };

const contextText = "globalThis[Symbol.for('onesh.context')]";

/** An ES module that hands on what is no ES module. */
function facadeText(expression: string, names: readonly string[]): string {
  const lines = [`const m=${contextText}.${expression};export default m;`];
  names.forEach((name, i) => {
    if (name !== 'default')
      lines.push(`const e${i}=m?.[${JSON.stringify(name)}];export{e${i} as ${JSON.stringify(name)}};`);
  });
  return lines.join('');
}

function attributeMissing(file: string): Error {
  const old = major < 22;
  const message = old ? 'import assertion of type "json"' : 'import attribute of "type: json"';
  return Object.assign(new TypeError(`Module "${pathToFileURL(file).href}" needs an ${message}`), {
    code: old ? 'ERR_IMPORT_ASSERTION_TYPE_MISSING' : 'ERR_IMPORT_ATTRIBUTE_MISSING',
  });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    (error as Error).message = `${file}: ${(error as Error).message}`;
    throw error;
  }
}
