/**
 * The name server (paper §3.4): who is a member. It keeps the boot record, lets machines with a one-time token in, and
 * publishes the signed record, retained. What it acknowledges is on disk.
 */

import type { KeyLookup } from '../bus/envelope.js';
import { isPublicKey, type Keys } from '../bus/identity.js';
import { parseBootRecord, signBootRecord } from '../bus/members.js';
import type { Peer } from '../bus/peer.js';
import { isJoinPassword, isJoinProof, makeToken } from '../bus/token.js';
import { WireError } from '../wire/errors.js';
import { type ClusterId, isUserName, type RuntimeName, type SessionId, type UserName } from '../wire/ids.js';
import type { Body, BootRecord, Envelope, Sender, SignedBootRecord } from '../wire/messages.js';
import { topics } from '../wire/topics.js';
import type { Store } from './store.js';

/** What it keeps. */
export interface NameServerState {
  record: BootRecord;
  /** Tokens not used yet, by id: HMAC key and end of life in milliseconds since the epoch. */
  tokens: Record<string, { readonly key: string; readonly expires: number; readonly guest?: boolean }>;
}

export interface NameServer {
  readonly signed: SignedBootRecord;
  /** Text of a new one-time token, good for `lifetime` seconds. Its user becomes an owner, unless `guest`. */
  newToken(lifetime: number, guest?: boolean): Promise<string>;
  /** True when a joining machine's broker password was made with a token that is still good. For the embedded broker. */
  admits(tokenId: string, clientId: string, password: string, binding: string): boolean;
  /** Changes the record and tells everybody, if it is any news. @throws as {@link Store.update} */
  update(change: (record: BootRecord) => Partial<BootRecord>): Promise<void>;
  close(): Promise<void>;
}

/** Most tokens that are open at one time: members are trusted, their scripts make mistakes. */
const tokensMost = 1000;

/** Keys of members, and for a join request the key it brings along: it proves that the sender owns that key. */
export function admitJoins(cluster: ClusterId, publicKeyOf: (name: string) => string | undefined): KeyLookup {
  const here = topics.kernel(cluster, 'nameserver');
  return (name: string, envelope: Envelope) => {
    const { body, to } = envelope;
    return body.type === 'join' && to === here && body.name === name ? body.publicKey : publicKeyOf(name);
  };
}

/** Takes changed fields into the record, if they are any news, as a new revision. Resolves with whether they were. */
export async function updateRecord(
  store: Store<NameServerState>,
  change: (record: BootRecord) => Partial<BootRecord>,
): Promise<boolean> {
  const next = (record: BootRecord): BootRecord => ({ ...record, ...change(record) });
  const { record } = store.data;
  if (JSON.stringify(next(record)) === JSON.stringify(record)) return false;
  await store.update((data) => {
    data.record = { ...next(data.record), revision: data.record.revision + 1 };
  });
  return true;
}

export async function startNameServer(options: {
  readonly peer: Peer;
  readonly store: Store<NameServerState>;
  readonly clusterKeys: Keys;
  /** The user that a session is of. @throws WireError EACCES when it is nobody's */
  readonly userOf: (session: SessionId) => UserName | Promise<UserName>;
  /** Called with every new record, before anybody else hears of it. */
  readonly changed?: (signed: SignedBootRecord) => void;
  /** False once another machine may be the name server: nothing is said any more. */
  readonly isOpen?: () => boolean;
}): Promise<NameServer> {
  const { peer, store, clusterKeys, userOf, changed = () => undefined, isOpen = () => true } = options;
  const { cluster } = peer;
  let signed = signBootRecord(store.data.record, clusterKeys);

  const announce = async () => {
    if (!isOpen()) return;
    signed = signBootRecord(store.data.record, clusterKeys);
    changed(signed);
    const text = Buffer.from(JSON.stringify(signed));
    await peer.bus.publish(topics.boot(cluster), text, { qos: 1, retain: true });
  };

  const openToken = (id: string): string | undefined => {
    const token = Object.hasOwn(store.data.tokens, id) ? store.data.tokens[id] : undefined;
    return token !== undefined && token.expires > Date.now() ? token.key : undefined;
  };

  const newToken = async (lifetime: number, guest = false) => {
    const token = makeToken(cluster, clusterKeys.publicKey);
    const now = Date.now();
    await store.update((data) => {
      for (const [id, { expires }] of Object.entries(data.tokens)) if (expires <= now) delete data.tokens[id];
      if (Object.keys(data.tokens).length >= tokensMost) throw new WireError('ENOSPC', 'too many open join tokens');
      data.tokens[token.id] = { key: token.key, expires: now + lifetime * 1000, ...(guest ? { guest } : {}) };
    });
    return token.text;
  };

  const join = async (body: Extract<Body, { type: 'join' }>, envelope: Envelope): Promise<Body> => {
    const { name, publicKey, user } = body;
    const known = () => (Object.hasOwn(store.data.record.keys, name) ? store.data.record.keys[name] : undefined);
    // Asked again because the answer was lost: the signature has shown that it is the same key.
    if (known() === publicKey) return { type: 'joined', record: signed };
    const key = openToken(body.token);
    if (key === undefined || !isPublicKey(publicKey) || !isJoinProof(body.proof, key, name, publicKey, envelope.id)) {
      throw new WireError('ETOKEN', 'the join token was refused: it is wrong, used or expired');
    }
    if (known() !== undefined) throw taken(name);
    if (user !== undefined && !(isPublicKey(user.publicKey) && isUserOf(user.name, name)))
      throw new WireError('EINVAL', `${user.name} is no user of ${name}`);
    await store.update((data) => {
      // Two may have come this far with one token or one name; changes are made one after the other.
      if (!Object.hasOwn(data.tokens, body.token)) throw new WireError('ETOKEN', 'the join token was used already');
      if (Object.hasOwn(data.record.keys, name)) throw taken(name);
      const guest = data.tokens[body.token]?.guest ?? false;
      delete data.tokens[body.token];
      const { record } = data;
      data.record = {
        ...record,
        revision: record.revision + 1,
        keys: { ...record.keys, [name]: publicKey },
        users: { ...record.users, ...(user === undefined ? {} : { [user.name]: user.publicKey }) },
        owners: user === undefined || guest ? record.owners : [...record.owners, user.name],
      };
    });
    // Before the answer: whoever hears from the newcomer then knows its key.
    await announce();
    return { type: 'joined', record: signed };
  };

  const revoke = async (name: RuntimeName | UserName, by: RuntimeName): Promise<void> => {
    const { record } = store.data;
    if (!record.kernelRuntimes.includes(by))
      throw new WireError('EPERM', `only a kernel runtime may revoke a machine (${record.kernelRuntimes.join(', ')})`);
    const isUser = isUserName(name);
    if (!Object.hasOwn(isUser ? record.users : record.keys, name))
      throw new WireError('ENOENT', `${name}: no such ${isUser ? 'user' : 'runtime'} in this cluster`);
    if (!isUser && record.kernelRuntimes.includes(name)) {
      if (record.kernelRuntimes.length === 1)
        throw new WireError('EBUSY', `${name} is the only kernel runtime: it cannot be revoked`);
      const hosted = Object.entries(record.services).flatMap(([service, host]) => (host === name ? [service] : []));
      if (hosted.length > 0)
        throw new WireError('EBUSY', `${name} runs the ${hosted.join(' and the ')}: stop its runtime first`);
    }
    await store.update((data) => {
      const { keys, users, owners, revision } = data.record;
      const goes = (each: string) => each === name || isUserOf(each, name);
      const kept = <V>(all: Readonly<Record<string, V>>, out: (each: string) => boolean): Record<string, V> =>
        Object.fromEntries(Object.entries(all).filter(([each]) => !out(each)));
      data.record = {
        ...data.record,
        revision: revision + 1,
        keys: kept(keys, (each) => each === name),
        users: kept(users, goes),
        owners: owners.filter((each) => !goes(each)),
        kernelRuntimes: data.record.kernelRuntimes.filter((each) => each !== name),
      };
    });
    await announce();
  };

  const wantOwner = async ({ session, runtime }: Sender): Promise<void> => {
    const user = session === undefined ? undefined : await userOf(session);
    if (user === undefined || !store.data.record.owners.includes(user))
      throw new WireError('EPERM', `${user ?? runtime} is no owner of this cluster`);
  };

  const subscription = await peer.serve(topics.kernel(cluster, 'nameserver'), async (body, envelope) => {
    if (!isOpen()) return undefined;
    switch (body.type) {
      case 'join':
        return join(body, envelope);
      case 'boot.get':
        return { type: 'boot', record: signed };
      case 'token.new':
        await wantOwner(envelope.from);
        return { type: 'token', token: await newToken(body.lifetime, body.guest) };
      case 'revoke':
        await wantOwner(envelope.from);
        await revoke(body.name, envelope.from.runtime);
        return { type: 'ok' };
      default:
        throw new WireError('ENOSYS', `the name server does not answer ${body.type}`);
    }
  });
  await announce();
  // A broker that was restarted has forgotten what it retained.
  const stopWatching = peer.bus.onState((state) => {
    if (state === 'connected') void announce().catch(() => {});
  });

  // One that was the name server before may have had something to say still; the newest is what is to be retained.
  const older = await peer.bus.subscribe(
    topics.boot(cluster),
    ({ payload }) => {
      if (revisionOf(payload, signed.clusterKey) < signed.record.revision) void announce().catch(() => {});
    },
    { qos: 1 },
  );

  return {
    get signed() {
      return signed;
    },
    newToken,
    update: async (change) => {
      if (await updateRecord(store, change)) await announce();
    },
    admits: (tokenId, clientId, password, binding) => {
      const key = openToken(tokenId);
      return key !== undefined && isJoinPassword(password, key, clientId, binding);
    },
    close: async () => {
      stopWatching();
      await older.close();
      await subscription.close();
    },
  };
}

/** Of a boot record signed with `clusterKey`; infinite for anything else, which nobody believes. */
function revisionOf(payload: Uint8Array, clusterKey: string): number {
  try {
    const { record, clusterKey: by } = parseBootRecord(JSON.parse(Buffer.from(payload).toString()));
    return by === clusterKey ? record.revision : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** True for a user whose machine is `runtime`. */
const isUserOf = (user: string, runtime: string): boolean => isUserName(user) && user.endsWith(`@${runtime}`);

const taken = (name: RuntimeName) =>
  new WireError('ENAMETAKEN', `the name ${name} is taken by another machine; choose one with --name`);
