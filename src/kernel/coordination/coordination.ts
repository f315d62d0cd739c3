/**
 * What kernel agents keep for the cluster: small JSON values by key, each changed only by whoever knows its revision (compare
 * and set). The name server's registry and the scheduler's job table are kept behind this.
 */
import { WireError } from '../../wire/errors.js';

/** A value and the revision it has. */
export interface Entry {
  readonly key: string;
  readonly value: unknown;
  /** Grows with every change of the key; good only while the coordination it comes from is open. */
  readonly revision: number;
}

export interface Coordination {
  /** undefined when there is no such key. */
  get(key: string): Promise<Entry | undefined>;
  /** Every entry `GROUP/…`, in the order of their keys. */
  list(group: string): Promise<readonly Entry[]>;
  /**
   * Sets `key` to `value` if its revision is still `revision` (0: there is no such key yet); resolves with the new revision
   * once the change survives `kill -9`. Keys are `NAME` or `GROUP/NAME`, in lower-case letters, digits and hyphens.
   * @throws WireError ESTALE when it was changed meanwhile, EINVAL for a bad key; the system's error (ENOSPC …), nothing changed
   */
  put(key: string, value: unknown, revision: number): Promise<number>;
  /** Removes `key` if its revision is still `revision`. @throws as {@link put} */
  remove(key: string, revision: number): Promise<void>;
}

export const isKey = (key: string): boolean => /^[a-z0-9-]+(\/[a-z0-9-]+)?$/.test(key);

/** @throws WireError EINVAL */
export function checkKey(key: string): void {
  if (!isKey(key)) throw new WireError('EINVAL', `${key}: not a key`);
}
