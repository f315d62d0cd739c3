/** Node's own modules as they were before the context took their place: for the calls that are the host's. */
import type * as nodeFs from 'node:fs';
import { createRequire } from 'node:module';

type Table = Record<string, unknown>;

/** A copy that later changes of `module` do not reach. Accessors are copied unread: some warn. */
const snapshot = <T extends object>(module: T): T =>
  Object.defineProperties({}, Object.getOwnPropertyDescriptors(module)) as T;

/** The modules that everybody shares, to be changed in place. */
export const shared = {
  fs: createRequire(`${process.cwd()}/`)('node:fs') as typeof nodeFs,
};
export const hostFs: typeof nodeFs = snapshot(shared.fs);
export const hostPromises: typeof nodeFs.promises = snapshot(shared.fs.promises);
export const hostTable = hostFs as unknown as Table;
export const hostPromisesTable = hostPromises as unknown as Table;
export const { readSync, writeSync } = hostFs;

/** A module of Node's that most programs do not need: what is not loaded at the start costs nothing. */
export const builtin = <T>(name: string): T => process.getBuiltinModule(name) as T;
