/** What tells a program's own host's paths from all others: at home nearly every path is, which one look at its beginning tells. */
import type { ContextDescription } from '../syscalls/codec.js';

/** Descriptors from here on are the context's: beyond any that the host gives. */
export const firstDescriptor = 1 << 20;

export class Near {
  /** The program's host is the session's home. */
  readonly sameHost: boolean;
  /** The working directory, in the namespace. */
  cwd: string;
  /** The process's own working directory is `cwd`. */
  inCwd: boolean;
  /** The rest of the context is being loaded, from files of the host. */
  loading = false;

  constructor({ home, runtime, cwd, inCwd }: ContextDescription) {
    this.sameHost = home === runtime;
    this.cwd = cwd;
    this.inCwd = inCwd;
  }

  /** It is the host's, as it stands. What is not so plain may be the host's, too. */
  isPlain(text: string): boolean {
    if (!this.sameHost || text.includes('..')) return this.loading;
    if (text.charCodeAt(0) !== 47) return this.inCwd;
    return !text.startsWith('/dev/') && !text.startsWith('/net') && !text.startsWith('//');
  }
}
