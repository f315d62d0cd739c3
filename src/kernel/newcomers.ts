/**
 * Machines that are to be kernel runtimes: whoever may use the engine may be one, and says so there. The name server takes them
 * into the record.
 */
import * as v from 'valibot';
import { isPublicKey } from '../bus/identity.js';
import { isRuntimeName, isUserName, type RuntimeName, type UserName } from '../wire/ids.js';
import type { BootRecord } from '../wire/messages.js';
import type { Coordination } from './coordination/coordination.js';

const key = v.pipe(v.string(), v.check(isPublicKey));
const newcomerSchema = v.object({
  name: v.pipe(v.string(), v.check(isRuntimeName)),
  publicKey: key,
  user: v.object({ name: v.pipe(v.string(), v.check(isUserName)), publicKey: key }),
  broker: v.optional(v.string()),
});

export interface Newcomer {
  readonly name: RuntimeName;
  readonly publicKey: string;
  readonly user: { readonly name: UserName; readonly publicKey: string };
  /** The cluster's broker has moved there. */
  readonly broker?: string;
}

/** True when nothing is left to be asked for. */
export const isKernelRuntime = (record: BootRecord, { name, publicKey, broker }: Newcomer): boolean =>
  record.kernelRuntimes.includes(name) &&
  record.keys[name] === publicKey &&
  (broker === undefined || record.broker === broker);

/** Asks to be taken in. @throws as {@link Coordination.put} */
export async function announceNewcomer(coordination: Coordination, newcomer: Newcomer): Promise<void> {
  const at = `newcomers/${newcomer.name}`;
  await coordination.put(at, newcomer, (await coordination.get(at))?.revision ?? 0);
}

/** Takes in who has asked, in one change. @throws as the coordination and `update` do; what was asked for stays */
export async function admitNewcomers(
  coordination: Coordination,
  update: (change: (record: BootRecord) => Partial<BootRecord>) => Promise<void>,
): Promise<void> {
  for (const { key: at, value, revision } of await coordination.list('newcomers')) {
    if (v.is(newcomerSchema, value)) await update((record) => withNewcomer(record, value as Newcomer));
    await coordination.remove(at, revision);
  }
}

/** A name that is another machine's stays with it. */
function withNewcomer(record: BootRecord, { name, publicKey, user, broker }: Newcomer): Partial<BootRecord> {
  const known = Object.hasOwn(record.keys, name) ? record.keys[name] : undefined;
  if (known !== undefined && known !== publicKey) return {};
  const isNew = !Object.hasOwn(record.users, user.name);
  return {
    keys: { ...record.keys, [name]: publicKey },
    users: { ...record.users, ...(isNew ? { [user.name]: user.publicKey } : {}) },
    owners: record.owners.includes(user.name) || !isNew ? record.owners : [...record.owners, user.name],
    kernelRuntimes: record.kernelRuntimes.includes(name) ? record.kernelRuntimes : [...record.kernelRuntimes, name],
    ...(broker === undefined ? {} : { broker }),
  };
}
