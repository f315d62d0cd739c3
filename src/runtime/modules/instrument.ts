/**
 * The offline step of evaluation context replacement (paper §3.2): a JavaScript module's text, made ready to be loaded by a
 * context whose files are elsewhere. Done once per text: kept by its hash. No line moves, so stack traces name the user's.
 *
 * What the host's loader would resolve by itself is left to the context: in ES modules the sources of imports and re-exports
 * become holes that the context fills; `import()` and `import.meta` are the context's in both kinds.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import path from 'node:path';
import type { Node, Program } from 'acorn';

/** Part of the cache key: a change of the instrumentation makes every entry stale. So does another Node. */
const version = `6 ${process.version}`;

/** Where instrumented text finds its context. */
export const contextExpression = "globalThis[Symbol.for('onesh.context')]";

/** What stands between two parts of the text. */
export type Hole =
  /** A string literal: the URL of what `specifier` names. */
  | { readonly kind: 'import'; readonly specifier: string; readonly type?: string }
  /** A string literal: the path of the module itself. */
  | { readonly kind: 'self' };

export interface Instrumented {
  readonly kind: 'commonjs' | 'module';
  /** One more than there are holes. */
  readonly parts: readonly string[];
  readonly holes: readonly Hole[];
}

type Tree = Node & Record<string, unknown>;
const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && typeof (value as Tree).type === 'string';

function visit(node: Tree, see: (node: Tree) => void): void {
  see(node);
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isTree(item)) visit(item, see);
    } else if (isTree(value)) visit(value, see);
  }
}

/** What a file's name and its package say it is; undefined: its syntax does. */
export type Declared = 'commonjs' | 'module' | undefined;

/** True for a name of a TypeScript file. */
export const isTypeScript = (file: string): boolean => /\.[cm]?ts$/.test(file);

/** TypeScript with its types blanked, by a Node.js that can. @throws a SyntaxError for what cannot be stripped */
function stripTypes(text: string): string {
  const { stripTypeScriptTypes } = module as unknown as { stripTypeScriptTypes?: (text: string) => string };
  return stripTypeScriptTypes === undefined ? text : stripTypeScriptTypes(text);
}

/** Instruments a text; what does not parse is left as it is, so that Node itself says what is wrong with it. */
export async function instrument(given: string, file: string, declared: Declared): Promise<Instrumented> {
  const text = (isTypeScript(file) ? stripTypes(given) : given).replace(/^\ufeff/, '');
  const whole = (kind: Instrumented['kind']): Instrumented => ({ kind, parts: [text], holes: [] });
  // Nearly every CommonJS file says so without being parsed.
  const mayImport = /\bimport\b/.test(text);
  if (declared === 'commonjs' && !mayImport) return whole('commonjs');
  if (declared === undefined && !mayImport && !/\b(export|await)\b/.test(text)) return whole('commonjs');
  const { parse } = await import('acorn');
  const tryParse = (sourceType: 'script' | 'module'): Program | undefined => {
    try {
      const script = sourceType === 'script';
      return parse(text, {
        ecmaVersion: 'latest',
        sourceType,
        allowHashBang: true,
        allowReturnOutsideFunction: script,
        allowSuperOutsideMethod: false,
        allowAwaitOutsideFunction: !script,
      });
    } catch {
      return undefined;
    }
  };
  const script = declared === 'module' ? undefined : tryParse('script');
  const tree = script ?? (declared === 'commonjs' ? undefined : tryParse('module'));
  const kind = script !== undefined || declared === 'commonjs' ? 'commonjs' : 'module';
  if (tree === undefined) return whole(declared ?? (looksLikeModule(text) ? 'module' : 'commonjs'));
  return { kind, ...(await replace(text, tree, kind)) };
}

/** For text with a syntax error: as what Node is to complain about it. */
const looksLikeModule = (text: string): boolean => /^\s*(import|export)\s/m.test(text);

const makesCode = new Set(['eval', 'Function']);

/** Marks a hole in the text while it is being edited: no program has it. */
const mark = '\u0000onesh\u0000';

async function replace(text: string, tree: Program, kind: Instrumented['kind']): Promise<Omit<Instrumented, 'kind'>> {
  const { default: MagicString } = await import('magic-string');
  const source = new MagicString(text);
  const found: { readonly at: number; readonly hole: Hole }[] = [];
  const self = (at: number): string => {
    if (kind === 'commonjs') return '__filename';
    found.push({ at, hole: { kind: 'self' } });
    return mark;
  };
  visit(tree as unknown as Tree, (node) => {
    switch (node.type) {
      case 'ImportExpression': {
        if (!isTree(node.source)) return;
        source.overwrite(node.start, node.source.start, `${contextExpression}.import(${self(node.start)},`);
        return;
      }
      case 'MetaProperty': {
        const { meta } = node as unknown as { meta: { name: string } };
        if (meta.name !== 'import') return;
        source.overwrite(node.start, node.end, `${contextExpression}.meta(${self(node.start)})`);
        return;
      }
      case 'NewExpression':
      case 'CallExpression': {
        // Text that becomes code may import, too.
        const { callee, arguments: given } = node as unknown as { callee: Tree; arguments: readonly Tree[] };
        const last = given.at(-1);
        if (callee.type !== 'Identifier' || !makesCode.has(String(callee.name))) return;
        if (last === undefined || last.type === 'SpreadElement') return;
        source.appendLeft(last.start, `${contextExpression}.text(${self(last.start)},`);
        source.appendRight(last.end, ')');
        return;
      }
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration': {
        if (!isTree(node.source)) return;
        const attributes = (node.attributes ?? []) as {
          key: { name?: string; value?: string };
          value: { value: string };
        }[];
        const type = attributes.find(({ key }) => (key.name ?? key.value) === 'type')?.value.value;
        const specifier = String(node.source.value);
        found.push({
          at: node.source.start,
          hole: { kind: 'import', specifier, ...(type === undefined ? {} : { type }) },
        });
        source.overwrite(node.source.start, attributes.length > 0 ? node.end : node.source.end, `${mark};`);
        return;
      }
      default:
        return;
    }
  });
  const holes = found.sort((a, b) => a.at - b.at).map(({ hole }) => hole);
  return { parts: source.toString().split(mark), holes };
}

/** Which text it is, and what it was instrumented by: a changed text has another, so nothing stale is ever used. */
export const keyOf = (text: string, extension: string, declared: Declared): string =>
  createHash('sha256')
    .update(`${version}\0${declared ?? ''}\0${extension}\0${text}`)
    .digest('hex');

/**
 * Keeps what was instrumented in `directory`, by its key. `fetch` may have it from a machine where that has been done already.
 */
export async function instrumentCached(
  text: string,
  file: string,
  declared: Declared,
  directory: string,
  fetch?: (key: string) => Promise<Instrumented | undefined>,
): Promise<Instrumented> {
  const key = keyOf(text, path.extname(file), declared);
  const kept = path.join(directory, key);
  try {
    return JSON.parse(readFileSync(kept, 'utf8')) as Instrumented;
  } catch {
    // not kept yet
  }
  const made = (await fetch?.(key)) ?? (await instrument(text, file, declared));
  // What stays as it is costs less to look at again than to keep.
  if (made.holes.length === 0 && made.parts[0] === text) return made;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const temporary = `${kept}.${process.pid}.tmp`;
    writeFileSync(temporary, JSON.stringify(made), { mode: 0o600 });
    renameSync(temporary, kept);
  } catch {
    // A cache that cannot be written costs time, nothing else.
  }
  return made;
}
