/**
 * JavaScript: started with the context preloaded (`context/main.ts`). A program that is a file of this host is run as it stands;
 * any other is loaded by the context, module by module, instrumented (`modules/`).
 */
import { readFileSync } from 'node:fs';
import { type Driver, type DriverContext, writeProgram } from './driver.js';

export const prepareNode: Driver<'node'> = (program, _agent, context) => {
  const { path, text } = program;
  const preload = ['--require', context.contextFile];
  const file = isHere(path, text, context) ? path : writeProgram(context, 'start.cjs', startText(path));
  return {
    command: process.execPath,
    args: [...preload, file, ...context.argv.slice(program.first ?? 1)],
    channel: { program: path },
  };
};

const startText = (path: string): string =>
  `globalThis[Symbol.for('onesh.context')].start(${JSON.stringify(path)}, module);`;

/** The host's file is what the planner read. A program with GPIO imports what no host has. */
function isHere(path: string, text: string, { isHome }: DriverContext): boolean {
  if (!isHome || /\bonoff\b/.test(text)) return false;
  try {
    return readFileSync(path, 'utf8') === text;
  } catch {
    return false;
  }
}
