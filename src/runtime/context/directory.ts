/** `Dir` for a directory of another machine: its entries as they were when it was opened. */
import type { Dirent } from 'node:fs';
import type { AnyFunction } from './arguments.js';
import { hostFs } from './host.js';

const closedError = (): Error => Object.assign(new Error('Directory handle was closed'), { code: 'ERR_DIR_CLOSED' });

class RemoteDir {
  private open = true;

  constructor(
    readonly path: string,
    private readonly left: Dirent[],
  ) {
    for (const name of ['open', 'left']) Object.defineProperty(this, name, { enumerable: false });
    for (const name of ['dispose', 'asyncDispose'] as const) {
      const symbol = (Symbol as unknown as Record<string, symbol | undefined>)[name];
      if (symbol !== undefined)
        Object.defineProperty(this, symbol, { value: () => (name === 'dispose' ? this.closeSync() : this.close()) });
    }
  }

  readSync(): Dirent | null {
    if (!this.open) throw closedError();
    return this.left.shift() ?? null;
  }

  closeSync(): void {
    if (!this.open) throw closedError();
    this.open = false;
  }

  read(callback?: AnyFunction): Promise<Dirent | null> | undefined {
    return this.later(() => this.readSync(), callback);
  }

  close(callback?: AnyFunction): Promise<void> | undefined {
    return this.later(() => this.closeSync(), callback);
  }

  private later<T>(act: () => T, callback: AnyFunction | undefined): Promise<T> | undefined {
    if (callback === undefined) return new Promise((resolve) => resolve(act()));
    if (!this.open) throw closedError();
    const result = act();
    process.nextTick(callback, null, result);
    return undefined;
  }

  async *entries(): AsyncGenerator<Dirent> {
    try {
      for (let entry = this.readSync(); entry !== null; entry = this.readSync()) yield entry;
    } finally {
      this.closeSync();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Dirent> {
    return this.entries();
  }
}
Object.setPrototypeOf(RemoteDir.prototype, hostFs.Dir.prototype as object);
Object.defineProperty(RemoteDir, 'name', { value: 'Dir' });

export const makeDirectory = (path: string, entries: Dirent[]): object => new RemoteDir(path, entries);
