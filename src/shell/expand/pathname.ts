/** Pathname expansion (XCU 2.6.6, 2.14.3). */
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import { locate } from '../namespace.js';
import type { MaybePromise } from '../outcome.js';
import type { Env } from '../state.js';
import { inLocale } from './locale.js';
import { compilePattern, hasPattern, unescapePattern } from './pattern.js';

/** The pathnames that match, sorted by code point; empty when none does. */
export function expandPathname(pattern: string, env: Env): MaybePromise<readonly string[]> {
  const literal = /^(?:[^*?[\\/]*\/)+/.exec(pattern)?.[0] ?? '';
  const place = locate(literal === '' ? './' : literal, env);
  if (place.kind === 'net') return expandRemote(pattern, env);
  const found: string[] = [];
  walk('', pattern, env, found);
  return found.sort(compareCodePoints);
}

const compareCodePoints = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const hostPath = (path: string, env: Env): Buffer | string => {
  const full = path.startsWith('/') ? path : path === '' ? env.cwd : `${env.cwd}/${path}`;
  return full.isWellFormed() ? full : encodeBytes(full);
};

function walk(base: string, rest: string, env: Env, found: string[]): void {
  const slashes = /^\/+/.exec(rest)?.[0] ?? '';
  if (slashes !== '') {
    walk(base + slashes, rest.slice(slashes.length), env, found);
    return;
  }
  if (rest === '') {
    if (base !== '') found.push(base);
    return;
  }
  const end = rest.indexOf('/');
  const component = end < 0 ? rest : rest.slice(0, end);
  const after = end < 0 ? '' : rest.slice(end);
  if (!hasPattern(component)) {
    const name = base + unescapePattern(component);
    if (exists(name, env, after !== '')) walk(name, after, env, found);
    return;
  }
  const compiled = compilePattern(inLocale(component, env));
  // A leading dot is matched only by a dot in the pattern (XCU 2.14.3).
  const dots = component.startsWith('.') || component.startsWith('\\.');
  const match = (name: string) =>
    (name.startsWith('.') === dots || !name.startsWith('.')) && compiled.matches(inLocale(name, env));
  let names: string[];
  try {
    names = readdirSync(hostPath(base, env), 'buffer').map((name) => decodeBytes(name));
  } catch {
    return; // unreadable, or no directory: nothing matches
  }
  if (dots) names.push('.', '..');
  for (const name of names) {
    if (!match(name)) continue;
    if (after === '') found.push(base + name);
    else if (exists(`${base}${name}`, env, true)) walk(base + name, after, env, found);
  }
}

function exists(path: string, env: Env, directory: boolean): boolean {
  try {
    if (directory) return statSync(hostPath(path, env)).isDirectory();
    lstatSync(hostPath(path, env));
    return true;
  } catch {
    return false;
  }
}

async function expandRemote(pattern: string, env: Env): Promise<readonly string[]> {
  const cluster = await env.shell.cluster();
  const go = async (base: string, rest: string): Promise<string[]> => {
    const slashes = /^\/+/.exec(rest)?.[0] ?? '';
    if (slashes !== '') return go(base + slashes, rest.slice(slashes.length));
    if (rest === '') return base === '' ? [] : [base];
    const end = rest.indexOf('/');
    const component = end < 0 ? rest : rest.slice(0, end);
    const after = end < 0 ? '' : rest.slice(end);
    if (!hasPattern(component)) return go(base + unescapePattern(component), after);
    const place = locate(base === '' ? './' : base, env);
    if (place.kind !== 'net') return [];
    const reply = await cluster.file(place.runtime, { type: 'file.list', path: place.hostPath }).catch(() => undefined);
    if (reply?.type !== 'file.entries') return [];
    const compiled = compilePattern(component);
    const dots = component.startsWith('.');
    const found: string[] = [];
    const own = dots ? (['.', '..'] as const).map((name) => ({ name, kind: 'directory' as const })) : [];
    for (const { name, kind } of [...reply.entries, ...own]) {
      if ((name.startsWith('.') && !dots) || !compiled.matches(name)) continue;
      if (after !== '' && kind !== 'directory' && kind !== 'symlink') continue;
      found.push(...(await go(base + name, after)));
    }
    return found;
  };
  return (await go('', pattern)).sort(compareCodePoints);
}
