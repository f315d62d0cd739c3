/**
 * Native programs: the host's own binaries and scripts, in their host's context. Their working directory is the session's on
 * the machine it is of, and the host's temporary directory elsewhere, where that path would name something else or nothing.
 */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { WireError } from '../../wire/errors.js';
import type { Driver } from './driver.js';

export const prepareNative: Driver<'native'> = (program, agent, context) => {
  const searched = context.environment.PATH ?? '/usr/bin:/bin';
  const command = findProgram(program.name, searched, context.cwd ?? '/');
  return { command, args: context.argv.slice(1), argv0: agent.argv[0] ?? program.name };
};

/**
 * XCU 2.9.1.4: a name with a slash is a path, any other is searched for in PATH.
 * @throws WireError ENOENT (status 127), EACCES (126)
 */
export function findProgram(name: string, searched: string, cwd: string): string {
  if (name.includes('/')) {
    const file = path.resolve(cwd, name);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) throw new WireError('ENOENT', `${name}: not found`);
    if (found.isDirectory() || !isExecutable(file)) throw new WireError('EACCES', `${name}: Permission denied`);
    return file;
  }
  let denied = false;
  for (const directory of searched.split(':')) {
    const file = path.resolve(cwd, directory, name);
    if (isExecutable(file)) return file;
    denied ||= statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  }
  throw denied ? new WireError('EACCES', `${name}: Permission denied`) : new WireError('ENOENT', `${name}: not found`);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
