/** Joining a cluster: what a machine does before it is a member. */
import { randomBytes } from 'node:crypto';
import type { Bus } from '../bus/bus.js';
import { seal } from '../bus/envelope.js';
import { fingerprint, type Keys } from '../bus/identity.js';
import { parseBootRecord } from '../bus/members.js';
import { connectMqtt, hasUser, type MqttOptions } from '../bus/mqtt.js';
import { joinClientId, joinPassword, joinProof, joinUser, parseToken, type Token } from '../bus/token.js';
import { type ErrorBody, fromErrorBody, WireError } from '../wire/errors.js';
import { newMessageId, type RuntimeName, type UserName } from '../wire/ids.js';
import type { Envelope, SignedBootRecord } from '../wire/messages.js';
import { isEnvelope } from '../wire/schema.js';
import { topics } from '../wire/topics.js';

export interface JoinOptions {
  readonly token: string;
  readonly name: RuntimeName;
  readonly keys: Keys;
  /** Who uses this machine, to be registered with it. */
  readonly user?: { readonly name: UserName; readonly publicKey: string };
  /** What a broker that was set up by hand wants. */
  readonly access?: Pick<MqttOptions, 'username' | 'password' | 'ca'>;
  /** Default 10 000. */
  readonly timeoutMs?: number;
}

/**
 * Registers this machine's key at the broker's cluster and returns its boot record.
 * @throws WireError ETOKEN, ENAMETAKEN, ECONNREFUSED, ETIMEDOUT (no name server answers)
 */
export async function joinCluster(url: string, options: JoinOptions): Promise<SignedBootRecord> {
  const token = parseToken(options.token);
  const id = randomBytes(8).toString('hex');
  const clientId = joinClientId(id);
  let bus: Bus;
  try {
    bus = await connectMqtt({
      url,
      clientId,
      // A broker that was set up by hand knows no tokens; its URL brings the user name and password it wants.
      ...(hasUser(url)
        ? {}
        : { username: joinUser(token.id), password: (binding: string) => joinPassword(token.key, clientId, binding) }),
      ...options.access,
      keys: options.keys,
      trusts: (key) => fingerprint(key) === token.fingerprint,
    });
  } catch (error) {
    if (error instanceof WireError && error.code === 'EACCES') {
      throw new WireError('ETOKEN', 'the join token was refused: it is wrong, used or expired', { cause: error });
    }
    throw error;
  }
  try {
    return await ask(bus, id, token, options);
  } finally {
    await bus.close();
  }
}

/** The request and its answer, on a bus that is connected already. */
export async function ask(bus: Bus, id: string, token: Token, options: JoinOptions): Promise<SignedBootRecord> {
  const { name, keys, user, timeoutMs = 10_000 } = options;
  const { cluster } = token;
  const to = topics.kernel(cluster, 'nameserver');
  const reply = topics.join(cluster, id);
  const messageId = newMessageId();
  const envelope: Envelope = {
    v: 1,
    id: messageId,
    from: { runtime: name },
    reply,
    to,
    time: Date.now(),
    body: {
      type: 'join',
      name,
      publicKey: keys.publicKey,
      token: token.id,
      proof: joinProof(token.key, name, keys.publicKey, messageId),
      ...(user === undefined ? {} : { user }),
    },
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<SignedBootRecord>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new WireError('ETIMEDOUT', `no name server of cluster ${cluster} answers at this broker`));
      }, timeoutMs);
      const hear = (payload: Uint8Array) => {
        const answer = readAnswer(payload, messageId);
        if (answer?.type === 'error') reject(fromErrorBody(answer));
        if (answer?.type !== 'joined') return;
        try {
          const signed = parseBootRecord(answer.record);
          // The answer is as good as its record: signed by the very cluster that the token names.
          const good = signed.record.cluster === cluster && fingerprint(signed.clusterKey) === token.fingerprint;
          if (!good || signed.record.keys[name] !== keys.publicKey) throw new WireError('EACCES', '');
          resolve(signed);
        } catch {
          reject(new WireError('EACCES', 'the answer does not come from the cluster that this token is for'));
        }
      };
      bus
        .subscribe(reply, ({ payload }) => hear(payload), { qos: 1 })
        .then(() => bus.publish(to, seal(envelope, keys), { qos: 1 }))
        .catch(reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

function readAnswer(payload: Uint8Array, re: string): Envelope['body'] | ErrorBody | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  // The signer is not known yet, so the signature says nothing: the boot record inside is what is verified.
  const { sig: _, ...rest } = value as Record<string, unknown>;
  return isEnvelope(rest) && rest.re === re ? rest.body : undefined;
}
