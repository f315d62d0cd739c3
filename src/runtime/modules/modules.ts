/**
 * The modules of one program, as its context asks for them:
 *
 *     module.resolve SPECIFIER, FROM, WAY, EXTENSIONS    where it is, or why nowhere
 *     module.load PATH, WAY                              its kind and text; for `import`, what a CommonJS module exports
 */
import path from 'node:path';
import { WireError } from '../../wire/errors.js';
import type { FileTarget } from '../../wire/files.js';
import { type Declared, type Hole, type Instrumented, instrumentCached } from './instrument.js';
import { type AskNamespace, type Resolution, Resolver, type Way } from './resolve.js';

/** A module as a context loads it. */
export type LoadedModule =
  | { readonly kind: 'module'; readonly parts: readonly string[]; readonly holes: readonly Hole[] }
  | { readonly kind: 'commonjs'; readonly text: string; readonly names?: readonly string[] }
  | { readonly kind: 'json'; readonly text: string };

/** A text of at least so many characters is worth asking its machine for. */
const sharedFrom = 64 << 10;

/** Known by Node itself when it runs TypeScript. */
const typeScript = Boolean((process.features as { typescript?: unknown }).typescript);
const importable = new Set(['.js', '.mjs', '.cjs', '.json', '', ...(typeScript ? ['.ts', '.mts', '.cts'] : [])]);

/** A program as it starts: where it really is, and what is in it. */
export interface Started {
  readonly path: string;
  readonly loaded: LoadedModule;
}

export class Modules {
  private readonly resolver: Resolver;

  constructor(
    private readonly ask: AskNamespace,
    private readonly cache: string,
    /** The program's own text, which is known already. */
    private readonly program: { readonly path: string; readonly text: string } | undefined,
  ) {
    this.resolver = new Resolver(ask);
  }

  /** The program itself, or a thread's. The program is found once, which may be before it asks. @throws as {@link load} */
  start(program: string): Promise<Started> {
    if (program !== this.program?.path) return this.find(program);
    this.started ??= this.find(program);
    return this.started;
  }
  private started: Promise<Started> | undefined;

  private async find(program: string): Promise<Started> {
    // By its real path, as Node has it; a program whose file is gone is run as it was read.
    const found = await this.resolve(program, program, 'require', []);
    const file = 'path' in found ? found.path : program;
    return { path: file, loaded: await this.load(file, 'start') };
  }

  resolve(specifier: string, from: string, way: Way, extensions: readonly string[]): Promise<Resolution> {
    return this.resolver.resolve(specifier, from, way, extensions);
  }

  /** @throws a system error; WireError ENOSYS for a native module */
  async load(file: string, way: Way | 'start'): Promise<LoadedModule> {
    const extension = path.extname(file);
    if (extension === '.node') throw new WireError('ENOSYS', `${file}: a native module of another machine`);
    const isProgram = file === this.program?.path;
    if (way !== 'require' && !importable.has(extension) && !isProgram)
      throw new WireError('EINVAL', `Unknown file extension "${extension}" for ${file}`);
    const text = isProgram ? this.program.text : (await this.read(file)).toString();
    if (extension === '.json') return { kind: 'json', text };
    const declared = await this.declared(file, extension);
    const fetch = (key: string) =>
      this.fetch(file, { extension, key, ...(declared === undefined ? {} : { declared }) });
    const made = await instrumentCached(text, file, declared, this.cache, text.length < sharedFrom ? undefined : fetch);
    if (made.kind === 'module') return { ...made, kind: 'module' };
    const [whole = ''] = made.parts;
    return { kind: 'commonjs', text: whole, ...(way === 'import' ? { names: await this.exportsOf(whole, file) } : {}) };
  }

  /** As the machine that has the file keeps it, for all others. undefined: it does not, and this one does the work. */
  private async fetch(
    file: string,
    what: { readonly extension: string; readonly key: string; readonly declared?: 'commonjs' | 'module' },
  ): Promise<Instrumented | undefined> {
    try {
      const { reply } = await this.ask({ type: 'file.module', path: file, ...what });
      if (reply.type !== 'file.opened') return undefined;
      const { handle } = reply;
      try {
        return JSON.parse((await this.readAll({ handle })).toString()) as Instrumented;
      } finally {
        await this.ask({ type: 'file.close', handle });
      }
    } catch {
      return undefined;
    }
  }

  private async declared(file: string, extension: string): Promise<Declared> {
    if (extension === '.mjs' || extension === '.mts') return 'module';
    if (extension === '.cjs' || extension === '.cts') return 'commonjs';
    if (extension !== '.js' && extension !== '.ts' && extension !== '') return 'commonjs';
    const type = await this.resolver.typeOf(file);
    // Nothing in node_modules is looked at for its syntax.
    return type ?? (file.includes('/node_modules/') ? 'commonjs' : undefined);
  }

  /** The names that an `import` of a CommonJS module finds, as Node finds them. */
  private async exportsOf(text: string, file: string, seen = new Set<string>()): Promise<readonly string[]> {
    if (seen.has(file)) return [];
    seen.add(file);
    const lexer = await import('cjs-module-lexer');
    await lexer.init();
    const names = new Set<string>();
    try {
      const found = lexer.parse(text, file);
      for (const name of found.exports) names.add(name);
      for (const specifier of found.reexports) {
        const target = await this.resolve(specifier, file, 'require', ['.js', '.json', '.node']);
        if (!('path' in target) || !/\.c?js$/.test(target.path)) continue;
        const below = (await this.read(target.path)).toString();
        for (const name of await this.exportsOf(below, target.path, seen)) names.add(name);
      }
    } catch {
      // Node goes by what it could tell, too.
    }
    return [...names];
  }

  /** A file's text. @throws a system error */
  async text(file: string): Promise<string> {
    return (await this.read(file)).toString();
  }

  private read(file: string): Promise<Buffer> {
    return this.readAll({ path: file });
  }

  private async readAll(what: FileTarget): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for (let offset = 0; ; ) {
      const { reply, bytes = new Uint8Array(0) } = await this.ask({
        type: 'file.read',
        ...what,
        offset,
        length: 256 << 10,
      });
      parts.push(bytes);
      offset += bytes.length;
      if (reply.type !== 'file.data' || reply.eof) return Buffer.concat(parts);
    }
  }
}
