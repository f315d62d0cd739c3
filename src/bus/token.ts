/**
 * Join tokens: `CLUSTER.TOKENID.SECRET.FINGERPRINT`. The secret never crosses the wire and the name server keeps only a key
 * derived from it; the fingerprint lets the newcomer know the cluster it was invited to from any other.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { WireError } from '../wire/errors.js';
import { type ClusterId, isId } from '../wire/ids.js';
import { fingerprint } from './identity.js';

export interface Token {
  readonly cluster: ClusterId;
  readonly id: string;
  /** HMAC key: SHA-256 of the secret, base64url. */
  readonly key: string;
  /** Of the cluster's public key. */
  readonly fingerprint: string;
}

/** A new token and its text, which is shown once. */
export function makeToken(cluster: ClusterId, clusterKey: string): Token & { readonly text: string } {
  const id = randomBytes(6).toString('base64url');
  const secret = randomBytes(16).toString('base64url');
  const print = fingerprint(clusterKey);
  return { cluster, id, key: keyOf(secret), fingerprint: print, text: `${cluster}.${id}.${secret}.${print}` };
}

/** @throws WireError ETOKEN */
export function parseToken(text: string): Token {
  const [cluster = '', id = '', secret = '', print = '', ...rest] = text.trim().split('.');
  const base64url = /^[A-Za-z0-9_-]+$/;
  if (!isId(cluster) || ![id, secret, print].every((part) => base64url.test(part)) || rest.length > 0) {
    throw new WireError('ETOKEN', 'this is not a join token');
  }
  return { cluster: cluster as ClusterId, id, key: keyOf(secret), fingerprint: print };
}

const keyOf = (secret: string) => createHash('sha256').update(secret).digest('base64url');
const mac = (key: string, text: string) =>
  createHmac('sha256', Buffer.from(key, 'base64url')).update(text).digest('base64url');
const same = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** Proof that the sender of message `messageId` knows the secret, for this name and key alone. */
export const joinProof = (key: string, name: string, publicKey: string, messageId: string): string =>
  mac(key, `${name}\n${publicKey}\n${messageId}`);

export const isJoinProof = (proof: string, ...args: Parameters<typeof joinProof>): boolean =>
  same(proof, joinProof(...args));

/** User name at the broker of a machine that joins; `:` cannot be part of a runtime's name. */
export const joinUser = (tokenId: string): string => `token:${tokenId}`;
/** Client id of a machine that joins; replies go to `topics.join(cluster, id)`. */
export const joinClientId = (id: string): string => `join-${id}`;

/** Broker password from a token, for this client on this connection alone (see `channelBinding`). */
export const joinPassword = (key: string, clientId: string, binding: string): string =>
  mac(key, `${clientId}|${binding}`);

export const isJoinPassword = (password: string, ...args: Parameters<typeof joinPassword>): boolean =>
  same(password, joinPassword(...args));
