/**
 * Who is who: key pairs of runtimes and of the cluster, and signatures.
 *
 * Ed25519 (RFC 8032) where the paper has RSA: a public key is 44 bytes instead of 294, a signature 64 instead of 256, making
 * a key takes microseconds instead of a second on a Raspberry Pi, and signing is about fifty times faster there. Every
 * control message is signed, so this is what a message costs.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { WireError } from '../wire/errors.js';
import { writeDurably } from './durable-file.js';

/** A key pair. */
export interface Keys {
  /** Ed25519, SPKI DER (RFC 8410) in base64url: how a public key is written everywhere in onesh. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

export function generateKeys(): Keys {
  const pair = generateKeyPairSync('ed25519');
  return {
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url'),
    privateKey: pair.privateKey,
  };
}

/** Signature of `text` (as UTF-8), 64 bytes in base64url: always 86 characters. */
export function sign(text: string, keys: Keys): string {
  return signBytes(null, Buffer.from(text), keys.privateKey).toString('base64url');
}

/** Decoded public keys: decoding costs more than verifying. Bounded; a cluster has few keys. */
const decoded = new Map<string, KeyObject>();

function decodePublicKey(text: string): KeyObject {
  const known = decoded.get(text);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.from(text, 'base64url'), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ed25519') throw new WireError('EINVAL', 'a public key must be Ed25519');
  if (decoded.size > 4096) decoded.clear();
  decoded.set(text, key);
  return key;
}

/** True for text that {@link verify} can use as a public key. */
export function isPublicKey(text: string): boolean {
  try {
    decodePublicKey(text);
    return true;
  } catch {
    return false;
  }
}

/** True when `signature` was made over `text` by the owner of `publicKey`. Never throws: bad input is a bad signature. */
export function verify(text: string, signature: string, publicKey: string): boolean {
  try {
    return verifyBytes(null, Buffer.from(text), decodePublicKey(publicKey), Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}

/** Short name of a public key, for people and tokens: 128 bits of its SHA-256 in base64url, 22 characters. */
export function fingerprint(publicKey: string): string {
  return createHash('sha256').update(publicKey).digest().subarray(0, 16).toString('base64url');
}

/**
 * Reads a key file, or makes it: PKCS8 PEM, mode 0600, written atomically.
 * @throws WireError EINVAL when the file holds no Ed25519 key; the system's error when it cannot be read or made
 */
export async function loadOrCreateKeys(file: string): Promise<Keys> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const keys = generateKeys();
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeDurably(file, keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
    return keys;
  }
  // A key that others could read (restored from a backup, say) is closed again.
  await chmod(file, 0o600).catch(() => undefined);
  return parseKeys(pem, file);
}

/** Keys from the PEM text of `file`. @throws WireError EINVAL */
export function parseKeys(pem: string, file: string): Keys {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch (cause) {
    throw new WireError('EINVAL', `${file}: not a private key`, { cause });
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new WireError('EINVAL', `${file}: not an Ed25519 key`);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64url');
  return { publicKey, privateKey };
}
