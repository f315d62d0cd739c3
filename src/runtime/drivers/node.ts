/**
 * JavaScript: started with the context preloaded (`context/main.ts`). A program that is a file of this host is run as it stands;
 * any other is loaded by the context, module by module, instrumented (`modules/`).
 */
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname } from 'node:path';
import type { Driver, DriverContext } from './driver.js';

export const prepareNode: Driver<'node'> = (program, _agent, context) => {
  const { path, text } = program;
  const allowed = permissions(context);
  const args = context.argv.slice(program.first ?? 1);
  return {
    command: process.execPath,
    args: [...allowed, '--require', context.contextFile, path, ...args],
    channel: { program: path, imports: text.includes('import'), loads: !isHere(path, text, context) },
    ...(allowed.length === 0 ? { waiting: { args } } : {}),
  };
};

/** Node.js 22.15 and later asks the context where an imported module is. */
const hasHooks = 'registerHooks' in nodeModule;
const namesNet = (text: string): boolean => text.includes('/net/') && text.includes('import');

/** Of every machine's own, what a program may use whoever runs it. */
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'stdin', 'stdout', 'stderr', 'fd/*', 'pts/*'].map(
  (name) => `/dev/${name}`,
);

/**
 * A confined program away from home needs nothing of this host but the context and its agent's directory: Node.js itself sees to it,
 * where it can. No program is started on this host, no thread (what it takes from `process.binding` would not be checked), and no
 * add-on gets round the context.
 */
function permissions({ isHome, confined, contextFile, directory }: DriverContext): string[] {
  if (isHome || !confined || !process.allowedNodeEnvironmentFlags.has('--permission')) return [];
  const own = `${directory}/*`;
  return [
    '--permission',
    ...[`${dirname(contextFile)}/*`, own, ...devices].map((path) => `--allow-fs-read=${path}`),
    ...[own, ...devices].map((path) => `--allow-fs-write=${path}`),
  ];
}

/**
 * The host's file is what the planner read. A program with GPIO imports what no host has; one that may import a module of another
 * machine by its path has to be loaded by the context where Node.js itself cannot be told where that is.
 */
function isHere(path: string, text: string, { isHome }: DriverContext): boolean {
  if (!isHome || /\bonoff\b/.test(text) || (!hasHooks && namesNet(text))) return false;
  try {
    return readFileSync(path, 'utf8') === text;
  } catch {
    return false;
  }
}
