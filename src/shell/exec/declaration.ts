/**
 * The words of a simple command, and how they are expanded: an operand of a declaration utility that has the form of an assignment
 * is expanded as one (XCU 2.9.1.1). The name of the utility may itself come out of an expansion.
 */
import type { Word } from '../../../grammar/index.js';
import { compileWord, expandWords, type Substitution, type WordCode } from '../expand/words.js';
import { type MaybePromise, then } from '../outcome.js';
import type { Env } from '../state.js';

const declarations = new Set(['export', 'readonly', 'local']);

/** True when a command that begins with these fields is a declaration utility; undefined when they do not tell yet. */
function declares(fields: readonly string[]): boolean | undefined {
  const name = fields.find((field, i) => !(field === 'command' || (i > 0 && (field === '-p' || field === '--'))));
  return name === undefined ? undefined : declarations.has(name);
}

export interface WordsCode {
  /** The words, as far as they are known before they are expanded. */
  readonly words: readonly WordCode[];
  expand(env: Env): MaybePromise<readonly string[]>;
}

export function compileWords(nodes: readonly Word[], substitution: Substitution): WordsCode {
  const plain = nodes.map((node) => compileWord(node, substitution));
  const of = (words: readonly WordCode[]): WordsCode => {
    const fixed = words.flatMap(({ constant, single }) => (single === undefined ? [] : (constant ?? [])));
    return { words, expand: fixed.length === words.length ? () => fixed : (env) => expandWords(words, env) };
  };
  const declared = nodes.map((node, i) => {
    const code = plain[i]!;
    const part = node.parts[0];
    if (part?.kind !== 'literal' || !/^[A-Za-z_][A-Za-z0-9_]*=/.test(part.text)) return code;
    const into: WordCode['into'] = (env, sink) => then(code.scalar(env), (text) => sink.quoted(text));
    return { ...code, single: undefined, bare: undefined, into };
  });
  if (declared.every((code, i) => code === plain[i])) return of(plain);
  const constants: string[] = [];
  for (const { constant } of plain) {
    if (constant === undefined) break;
    constants.push(constant);
    const known = declares(constants);
    if (known !== undefined) return of(known ? declared : plain);
  }
  const from = (i: number, before: readonly string[], env: Env): MaybePromise<readonly string[]> =>
    then(expandWords([plain[i]!], env), (fields) => {
      const all = [...before, ...fields];
      const known = declares(all);
      if (known === undefined) return i + 1 < plain.length ? from(i + 1, all, env) : all;
      return then(expandWords((known ? declared : plain).slice(i + 1), env), (rest) => [...all, ...rest]);
    });
  return { words: plain, expand: (env) => from(0, [], env) };
}
