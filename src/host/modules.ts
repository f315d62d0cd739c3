/**
 * Loads modules that are not in the shell's start-up image: native add-ons and the heavy parts, each when first used. The
 * start-up snapshot holds no module loader of its own, so the composition root says where modules are found from. Parts of
 * Node that most runs do not need are fetched late too: what the snapshot does not hold, no start pays for.
 */

let from: string | undefined;
let loader: NodeJS.Require | undefined;

/** Sets the directory from which modules are resolved: `dist/`, an absolute path. */
export function setModuleRoot(directory: string): void {
  from = `${directory}/`;
  loader = undefined;
}

/** `require(id)` at run time, resolved from the module root. */
export function loadModule<T>(id: string): T {
  loader ??= process.getBuiltinModule('node:module').createRequire(from ?? import.meta.url);
  return loader(id) as T;
}

/** isatty(3). */
export const isTerminal = (fd: number): boolean => process.getBuiltinModule('node:tty').isatty(fd);
