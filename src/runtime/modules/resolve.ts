/**
 * Node's module resolution on the files of a namespace: CommonJS (`require`) and ES modules (`import`), packages with their
 * `exports` and `imports`. A directory is listed once and answers every question about what is in it.
 */
import path from 'node:path';
import type { FileReply, FileRequest, FileStat } from '../../wire/files.js';

type Kind = FileStat['kind'];

/** How a module is asked for. */
export type Way = 'require' | 'import';

/** The path of a module's file, or what Node says when there is none. */
export type Resolution =
  | { readonly path: string }
  | {
      readonly code: 'ERR_MODULE_NOT_FOUND' | 'MODULE_NOT_FOUND';
      readonly what: string;
      readonly missing: 'module' | 'package';
    }
  | { readonly code: string; readonly message: string };

/** Asks for a file of the namespace. */
export type AskNamespace = (
  request: FileRequest,
) => Promise<{ readonly reply: FileReply; readonly bytes?: Uint8Array }>;

interface Package {
  readonly name?: string;
  readonly main?: unknown;
  readonly type?: unknown;
  readonly exports?: unknown;
  readonly imports?: unknown;
}

/** What a package's `main` may leave out, however it is asked for. */
const legacyExtensions = ['.js', '.json', '.node'];

const conditionsOf = (way: Way): string[] => ['node', way, 'module-sync', 'node-addons'];

export class Resolver {
  private readonly listings = new Map<string, Promise<ReadonlyMap<string, Kind> | undefined>>();
  private readonly packages = new Map<string, Promise<Package | undefined>>();
  private readonly reals = new Map<string, Promise<string>>();

  constructor(private readonly ask: AskNamespace) {}

  /** @param from the file that asks @param extensions tried by `require` */
  async resolve(specifier: string, from: string, way: Way, extensions: readonly string[]): Promise<Resolution> {
    const found = await this.look(specifier, from, way, extensions);
    if (!('missing' in found)) return found;
    // It may have been made since the directories were listed.
    this.listings.clear();
    this.packages.clear();
    return this.look(specifier, from, way, extensions);
  }

  private async look(specifier: string, from: string, way: Way, extensions: readonly string[]): Promise<Resolution> {
    const directory = path.dirname(from);
    if (/^(\.{0,2}\/|\.{1,2}$)/.test(specifier)) {
      const at = path.resolve(directory, specifier);
      const found =
        way === 'import'
          ? await this.exactly(at)
          : ((specifier.endsWith('/') ? undefined : await this.asFile(at, extensions)) ??
            (await this.asDirectory(at, extensions)));
      return this.found(found, way, way === 'import' ? at : specifier, 'module');
    }
    if (specifier.startsWith('#')) return this.inOwnPackage(specifier, from, way, extensions);
    const [, name, rest = ''] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? [];
    if (name === undefined) return this.found(undefined, way, specifier, 'package');
    const own = await this.scopeOf(from);
    if (own?.content.name === name && own.content.exports !== undefined)
      return this.exported(own.content, own.directory, `.${rest}`, way);
    for (let up = directory; ; up = path.dirname(up)) {
      if (path.basename(up) !== 'node_modules') {
        const found = await this.inPackage(path.join(up, 'node_modules', name), rest, way, extensions);
        if (found !== undefined) return found;
      }
      if (up === path.dirname(up)) break;
    }
    return this.found(undefined, way, way === 'import' ? name : specifier, 'package');
  }

  private async found(
    file: string | undefined,
    way: Way,
    what: string,
    missing: 'module' | 'package',
  ): Promise<Resolution> {
    if (file !== undefined) return { path: await this.real(file) };
    return { code: way === 'import' ? 'ERR_MODULE_NOT_FOUND' : 'MODULE_NOT_FOUND', what, missing };
  }

  private async inPackage(
    at: string,
    rest: string,
    way: Way,
    extensions: readonly string[],
  ): Promise<Resolution | undefined> {
    if ((await this.kind(at)) !== 'directory') {
      // A file of that name in node_modules is a module too.
      const file = way === 'require' && rest === '' ? await this.asFile(at, extensions) : undefined;
      return file === undefined ? undefined : this.found(file, way, at, 'module');
    }
    const content = await this.readPackage(at);
    if (content?.exports !== undefined && content.exports !== null) return this.exported(content, at, `.${rest}`, way);
    const target = path.join(at, rest);
    const file =
      rest === ''
        ? await this.asDirectory(at, way === 'import' ? legacyExtensions : extensions)
        : way === 'import'
          ? await this.exactly(target)
          : ((await this.asFile(target, extensions)) ?? (await this.asDirectory(target, extensions)));
    if (file === undefined && way === 'require') return undefined;
    return this.found(file, way, target, 'module');
  }

  private async exported(content: Package, directory: string, subpath: string, way: Way): Promise<Resolution> {
    const { exports } = await import('resolve.exports');
    let targets: readonly string[] | undefined;
    try {
      targets = exports(content, subpath, { unsafe: true, conditions: conditionsOf(way) }) ?? undefined;
    } catch {
      targets = undefined;
    }
    for (const target of targets ?? []) {
      const file = await this.exactly(path.join(directory, target));
      if (file !== undefined) return this.found(file, way, file, 'module');
    }
    if (targets?.[0] !== undefined) return this.found(undefined, way, path.join(directory, targets[0]), 'module');
    const description = path.join(directory, 'package.json');
    const message =
      subpath === '.'
        ? `No "exports" main defined in ${description}`
        : `Package subpath '${subpath}' is not defined by "exports" in ${description}`;
    return { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED', message };
  }

  private async inOwnPackage(
    specifier: string,
    from: string,
    way: Way,
    extensions: readonly string[],
  ): Promise<Resolution> {
    const scope = await this.scopeOf(from);
    const { imports } = await import('resolve.exports');
    let targets: readonly string[] | undefined;
    try {
      targets = imports(scope?.content ?? {}, specifier, { unsafe: true, conditions: conditionsOf(way) }) ?? undefined;
    } catch {
      targets = undefined;
    }
    for (const target of targets ?? []) {
      if (!target.startsWith('./'))
        return this.look(target, path.join(scope!.directory, 'package.json'), way, extensions);
      const file = await this.exactly(path.join(scope!.directory, target));
      if (file !== undefined) return this.found(file, way, file, 'module');
    }
    const where = scope === undefined ? '' : ` in package ${path.join(scope.directory, 'package.json')}`;
    return {
      code: 'ERR_PACKAGE_IMPORT_NOT_DEFINED',
      message: `Package import specifier "${specifier}" is not defined${where} imported from ${from}`,
    };
  }

  // --- files ----------------------------------------------------------------------------------------------------------

  private async exactly(at: string): Promise<string | undefined> {
    return (await this.kind(at)) === 'file' ? at : undefined;
  }

  private async asFile(at: string, extensions: readonly string[]): Promise<string | undefined> {
    for (const extension of ['', ...extensions]) {
      const file = await this.exactly(at + extension);
      if (file !== undefined) return file;
    }
    return undefined;
  }

  private async asDirectory(at: string, extensions: readonly string[]): Promise<string | undefined> {
    if ((await this.kind(at)) !== 'directory') return undefined;
    const main = (await this.readPackage(at))?.main;
    if (typeof main === 'string') {
      const named = path.resolve(at, main);
      const file = (await this.asFile(named, extensions)) ?? (await this.asIndex(named, extensions));
      if (file !== undefined) return file;
    }
    return this.asIndex(at, extensions);
  }

  private async asIndex(at: string, extensions: readonly string[]): Promise<string | undefined> {
    for (const extension of extensions) {
      const file = await this.exactly(path.join(at, `index${extension}`));
      if (file !== undefined) return file;
    }
    return undefined;
  }

  /** What is there, symbolic links followed. */
  private async kind(at: string): Promise<Kind | undefined> {
    if (at === '/') return 'directory';
    const kind = (await this.list(path.dirname(at)))?.get(path.basename(at));
    if (kind !== 'symlink') return kind;
    try {
      const { reply } = await this.ask({ type: 'file.stat', path: at, follow: true });
      return reply.type === 'file.stat.reply' ? reply.stat.kind : undefined;
    } catch {
      return undefined;
    }
  }

  private list(directory: string): Promise<ReadonlyMap<string, Kind> | undefined> {
    const known = this.listings.get(directory);
    if (known !== undefined) return known;
    const asked = this.ask({ type: 'file.list', path: directory }).then(
      ({ reply }) => (reply.type === 'file.entries' ? new Map(reply.entries.map((e) => [e.name, e.kind])) : undefined),
      () => undefined,
    );
    this.listings.set(directory, asked);
    return asked;
  }

  /** Modules are known by their real paths. */
  private async real(file: string): Promise<string> {
    const directory = path.dirname(file);
    const linked = (await this.list(directory))?.get(path.basename(file)) === 'symlink';
    if (linked) return this.realpath(file);
    return path.join(await this.realpath(directory), path.basename(file));
  }

  private realpath(at: string): Promise<string> {
    const known = this.reals.get(at);
    if (known !== undefined) return known;
    const asked = this.ask({ type: 'file.realpath', path: at }).then(
      ({ reply }) => (reply.type === 'file.path' ? (reply.path ?? at) : at),
      () => at,
    );
    this.reals.set(at, asked);
    return asked;
  }

  // --- packages -------------------------------------------------------------------------------------------------------

  private readPackage(directory: string): Promise<Package | undefined> {
    const known = this.packages.get(directory);
    if (known !== undefined) return known;
    const file = path.join(directory, 'package.json');
    const read = (async (): Promise<Package | undefined> => {
      if ((await this.kind(file)) !== 'file') return undefined;
      try {
        const { bytes } = await this.ask({ type: 'file.read', path: file, length: 256 << 10 });
        return JSON.parse(Buffer.from(bytes ?? []).toString()) as Package;
      } catch {
        return undefined;
      }
    })();
    this.packages.set(directory, read);
    return read;
  }

  /** The package that a file is part of. */
  private async scopeOf(file: string): Promise<{ readonly directory: string; readonly content: Package } | undefined> {
    for (let directory = path.dirname(file); ; directory = path.dirname(directory)) {
      if (path.basename(directory) === 'node_modules') return undefined;
      const content = await this.readPackage(directory);
      if (content !== undefined) return { directory, content };
      if (directory === path.dirname(directory)) return undefined;
    }
  }

  /** What the package of a file says that its `.js` files are. */
  async typeOf(file: string): Promise<'commonjs' | 'module' | undefined> {
    const type = (await this.scopeOf(file))?.content.type;
    return type === 'module' || type === 'commonjs' ? type : undefined;
  }
}
