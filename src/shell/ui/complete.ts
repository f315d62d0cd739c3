/** Completion of the word before the cursor: commands in command position, else paths. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { quoteWord } from '../exec/quote.js';
import { expandPathname } from '../expand/pathname.js';
import type { Env } from '../state.js';

export interface Completion {
  /** Text to insert at the cursor. */
  readonly insert: string;
  /** All candidates, when there is more than one. */
  readonly choices: readonly string[];
}

const nothing: Completion = { insert: '', choices: [] };

export function complete(before: string, env: Env): Completion {
  const word = /[^\s|&;<>()]*$/.exec(before)![0];
  const lead = before.slice(0, before.length - word.length);
  const command = /(^|[|&;(]|\b(?:then|do|else|if|while|until|on\s+\S+))\s*$/.test(lead) && !word.includes('/');
  const candidates = command ? commands(word, env) : paths(word, env);
  if (candidates.length === 0) return nothing;
  const common = candidates.reduce(commonPrefix);
  const base = command ? word : word.slice(word.lastIndexOf('/') + 1);
  const rest = common.slice(base.length);
  if (candidates.length > 1) return { insert: rest, choices: candidates };
  return { insert: common.endsWith('/') ? rest : `${rest} `, choices: [] };
}

function commonPrefix(a: string, b: string): string {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i += 1;
  return a.slice(0, i);
}

function commands(word: string, env: Env): string[] {
  const found = new Set<string>();
  for (const name of [...env.shell.builtins.keys(), ...env.functions.keys(), ...env.aliases.keys()])
    if (name.startsWith(word)) found.add(name);
  if (word !== '') {
    for (const directory of (env.get('PATH') ?? '').split(':')) {
      for (const name of list(directory)) if (name.startsWith(word)) found.add(name);
    }
  }
  return [...found].sort();
}

function paths(word: string, env: Env): string[] {
  const slash = word.lastIndexOf('/');
  const directory = slash < 0 ? '' : word.slice(0, slash + 1);
  const base = word.slice(slash + 1);
  const at = directory.startsWith('~/')
    ? path.join(env.get('HOME') ?? '', directory.slice(2))
    : path.resolve(env.cwd, directory);
  const names = list(at).filter((name) => name.startsWith(base) && (base.startsWith('.') || !name.startsWith('.')));
  if (at === '/dev') for (const name of env.shell.deviceNames()) if (name.startsWith(base)) names.push(name);
  return [...new Set(names)].sort().map((name) => (isDirectory(path.join(at, name)) ? `${name}/` : name));
}

/** The pathnames on this machine that a pattern matches, quoted where the shell would take them for something else. */
export function matching(pattern: string, env: Env): readonly string[] {
  const found = expandPathname(pattern, env);
  return found instanceof Promise ? [] : found.map(quoteWord);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory === '' ? '.' : directory);
  } catch {
    return [];
  }
}

const isDirectory = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
