/** State of a kernel agent: one JSON document, on disk before anything is acknowledged, or in memory for the embedded default. */
import { readFile } from 'node:fs/promises';
import { type Adapter, Low, Memory } from 'lowdb';
import { writeDurably } from '../bus/durable-file.js';
import { WireError } from '../wire/errors.js';

export interface Store<T> {
  readonly data: T;
  /** Changes the document; resolves once the change survives `kill -9`. Rejected changes are undone. */
  update(change: (data: T) => void): Promise<void>;
}

class DurableFile<T> implements Adapter<T> {
  constructor(private readonly file: string) {}

  async read(): Promise<T | null> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new WireError('EBADMSG', `${this.file}: not JSON`, { cause });
    }
  }

  async write(data: T): Promise<void> {
    await writeDurably(this.file, `${JSON.stringify(data, null, 2)}\n`);
  }
}

/** Opens `file` (undefined: memory), holding `initial` when it does not exist yet. Changes are written one after the other. */
export async function openStore<T extends object>(file: string | undefined, initial: T): Promise<Store<T>> {
  const low = new Low<T>(file === undefined ? new Memory<T>() : new DurableFile<T>(file), initial);
  await low.read();
  let last: Promise<void> = Promise.resolve();
  return {
    get data() {
      return low.data;
    },
    update(change) {
      const step = last.then(async () => {
        const before = low.data;
        low.data = structuredClone(before);
        try {
          change(low.data);
          await low.write();
        } catch (error) {
          low.data = before;
          throw error;
        }
      });
      last = step.catch(() => undefined);
      return step;
    },
  };
}
