/**
 * The directories that a program finds open. All of the namespace is to be had, and a relative path is to mean what it means in
 * the working directory; but the C library of WASI takes the slash off an absolute path before it looks for the preopened
 * directory with the longest name that the path begins with. So besides `/` and, last, `.` each directory of the root is
 * preopened by its own name: `/tmp/x` is looked for in `/tmp`, `x` in `.`. A name that is in the working directory too is left
 * out, unless an argument of the program is an absolute path that begins with it.
 */
import path from 'node:path';

export interface Preopen {
  /** As the program is told. */
  readonly name: string;
  /** In the namespace. */
  readonly path: string;
}

/** `exists`: whether the working directory has such an entry. */
export function preopensOf(
  cwd: string,
  argv: readonly string[],
  rootDirectories: readonly string[],
  exists: (path: string) => boolean,
): Preopen[] {
  const root = { name: '/', path: '/' };
  if (cwd === '/') return [root];
  const meant = new Set(
    argv.flatMap((word) => /^\/+([^/]+)/.exec(word)?.[1] ?? []).filter((name) => !/^\.\.?$/.test(name)),
  );
  const names = new Set([
    ...rootDirectories.filter((name) => meant.has(name) || !exists(path.join(cwd, name))),
    ...meant,
  ]);
  return [root, ...[...names].map((name) => ({ name: `/${name}`, path: `/${name}` })), { name: '.', path: cwd }];
}
