/**
 * The boot record: the signed list of who is a member. Everybody pins the cluster's public key when joining, and believes
 * only records signed with it, and never an older one than it has.
 */
import * as v from 'valibot';
import { WireError } from '../wire/errors.js';
import type { ClusterId, RuntimeName, UserName } from '../wire/ids.js';
import type { BootRecord, SignedBootRecord } from '../wire/messages.js';
import { signedBootRecordSchema } from '../wire/schema.js';
import { topics } from '../wire/topics.js';
import type { Bus } from './bus.js';
import { type Keys, sign, verify } from './identity.js';
import { hasUser, type MqttOptions } from './mqtt.js';

export function signBootRecord(record: BootRecord, clusterKeys: Keys): SignedBootRecord {
  return { record, clusterKey: clusterKeys.publicKey, signature: sign(JSON.stringify(record), clusterKeys) };
}

/** A boot record from JSON text or a message. @throws WireError EBADMSG when it is none or its signature is wrong */
export function parseBootRecord(value: unknown): SignedBootRecord {
  if (!v.is(signedBootRecordSchema, value)) throw new WireError('EBADMSG', 'not a boot record');
  const signed = value as unknown as SignedBootRecord;
  if (!verify(JSON.stringify(signed.record), signed.signature, signed.clusterKey)) {
    throw new WireError('EBADMSG', 'the boot record is not signed by its cluster');
  }
  return signed;
}

/**
 * How a member connects to its cluster's broker: it proves its own key, and takes none for the broker but the cluster's or one
 * that an authority vouches for. A broker that was set up by hand has its own user names, which its URL brings.
 */
export function memberAccess(
  url: string,
  member: { readonly name: string; readonly keys: Keys; readonly signed: SignedBootRecord },
): Pick<MqttOptions, 'url' | 'username' | 'keys' | 'trusts'> {
  const { name, keys, signed } = member;
  return {
    url,
    ...(hasUser(url) ? {} : { username: name }),
    keys,
    trusts: (key) => key === signed.clusterKey,
  };
}

/** How to be told of machines that are members no more. */
export type OnGone = (handler: (name: RuntimeName) => void) => () => void;

export interface Members {
  readonly signed: SignedBootRecord;
  /** Registered public key of a runtime. A {@link KeyLookup}. */
  publicKeyOf(name: string): string | undefined;
  /** Registered public key of a user. */
  userKeyOf(name: UserName): string | undefined;
  readonly isOwner: (user: UserName) => boolean;
  /** Takes a newer record of the same cluster; anything else is ignored. */
  accept(signed: SignedBootRecord): void;
  /** Calls `handler` with each name whose key is registered no more, or is another's now; returns the function that stops it. */
  readonly onGone: OnGone;
  close(): Promise<void>;
}

/** Follows the cluster's retained boot record, starting from the one at hand. `changed` is called with every newer one. */
export async function watchMembers(
  bus: Bus,
  first: SignedBootRecord,
  changed: (signed: SignedBootRecord) => void = () => undefined,
): Promise<Members> {
  const cluster: ClusterId = first.record.cluster;
  let signed = first;
  const watchers = new Set<(name: RuntimeName) => void>();
  const accept = (next: SignedBootRecord) => {
    if (next.clusterKey !== signed.clusterKey || next.record.cluster !== cluster) return;
    if (next.record.revision <= signed.record.revision) return;
    const before = signed.record.keys;
    signed = next;
    changed(next);
    for (const [name, key] of Object.entries(before))
      if (next.record.keys[name] !== key) for (const each of [...watchers]) each(name as RuntimeName);
  };
  const subscription = await bus.subscribe(
    topics.boot(cluster),
    ({ payload }) => {
      try {
        accept(parseBootRecord(JSON.parse(Buffer.from(payload).toString())));
      } catch {
        // Not a record of this cluster: whoever could put it there gains nothing.
      }
    },
    { qos: 1 },
  );
  return {
    get signed() {
      return signed;
    },
    publicKeyOf: (name) => (Object.hasOwn(signed.record.keys, name) ? signed.record.keys[name] : undefined),
    userKeyOf: (name) => (Object.hasOwn(signed.record.users, name) ? signed.record.users[name] : undefined),
    isOwner: (user) => signed.record.owners.includes(user),
    accept,
    onGone: (handler) => {
      watchers.add(handler);
      return () => watchers.delete(handler);
    },
    close: () => subscription.close(),
  };
}
