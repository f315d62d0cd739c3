/** State of a kernel agent as one document, kept by the coordination before anything is acknowledged. */
import type { Coordination } from './coordination/coordination.js';

export interface Store<T> {
  readonly data: T;
  /**
   * Changes the document; resolves once the change survives `kill -9`, and is to be seen only then. Changes are made one after
   * the other; one that throws, or cannot be kept, has not been made.
   * @throws WireError ESTALE when somebody else has written the document: the caller is its keeper no more
   */
  update(change: (data: T) => void): Promise<void>;
}

/** Opens the document `key`, holding `initial` when it does not exist yet. */
export async function openStore<T extends object>(
  coordination: Coordination,
  key: string,
  initial: T,
): Promise<Store<T>> {
  const entry = await coordination.get(key);
  let data = (entry?.value as T | undefined) ?? initial;
  let revision = entry?.revision ?? 0;
  let last: Promise<void> = Promise.resolve();
  return {
    get data() {
      return data;
    },
    update(change) {
      const step = last.then(async () => {
        const next = structuredClone(data);
        change(next);
        revision = await coordination.put(key, next, revision);
        data = next;
      });
      last = step.catch(() => undefined);
      return step;
    },
  };
}
