/**
 * TLS with the keys that machines have anyway. Each shows a certificate that it signed itself; who it is, the other side tells
 * from the public key in it, which the boot record (or a join token) names. No authority, no names, no dates to go wrong:
 * a machine whose clock is off can still prove who it is.
 */
import { randomBytes, sign } from 'node:crypto';
import type { CommonConnectionOptions, SecureContextOptions, TLSSocket } from 'node:tls';
import type { Keys } from './identity.js';

/** One element of DER (ITU-T X.690 §8.1): tag, length, contents. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts);
  const n = contents.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), contents]);
}

const tags = { integer: 0x02, bits: 0x03, oid: 0x06, utf8: 0x0c, utc: 0x17, time: 0x18, sequence: 0x30, set: 0x31 };

/** RFC 8410 §3: id-Ed25519, 1.3.101.112, without parameters. */
const ed25519 = der(tags.sequence, der(tags.oid, Buffer.from([0x2b, 0x65, 0x70])));
/** RFC 5280 §4.1.2.5: valid from 1970, with "no well-defined expiration date". */
const always = der(
  tags.sequence,
  der(tags.utc, Buffer.from('700101000000Z')),
  der(tags.time, Buffer.from('99991231235959Z')),
);

/** A certificate for `keys`, signed with them (RFC 5280 §4.1), in PEM. `name` is for people. */
export function selfSigned(keys: Keys, name: string): string {
  const commonName = der(
    tags.sequence,
    der(tags.oid, Buffer.from([0x55, 0x04, 0x03])),
    der(tags.utf8, Buffer.from(name)),
  );
  const who = der(tags.sequence, der(tags.set, commonName));
  // Positive, and without a leading zero octet (§4.1.2.2).
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const body = der(
    tags.sequence,
    der(0xa0, der(tags.integer, Buffer.from([2]))), // [0] version 3
    der(tags.integer, serial),
    ed25519,
    who,
    always,
    who,
    Buffer.from(keys.publicKey, 'base64url'),
  );
  const signature = der(tags.bits, Buffer.from([0]), sign(null, body, keys.privateKey));
  const text = der(tags.sequence, body, ed25519, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${text.replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
}

/** What both sides of a TLS connection between machines use. The other's key is checked by whoever knows it: {@link peerKey}. */
export function tlsIdentity(keys: Keys, name: string): SecureContextOptions & CommonConnectionOptions {
  return {
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: selfSigned(keys, name),
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
  };
}

/** Keys of sockets asked about: Node.js 20 gives the certificate of a server only once. */
const known = new WeakMap<TLSSocket, string | undefined>();

/** Public key that the other side has proved to own, written as {@link Keys} has it; undefined when it showed none. */
export function peerKey(socket: TLSSocket): string | undefined {
  if (!known.has(socket)) {
    const certificate = socket.getPeerX509Certificate();
    known.set(socket, certificate?.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url'));
  }
  return known.get(socket);
}

/**
 * Bytes that only the two ends of this very TLS connection share (RFC 9266 in spirit): a password made over them is good for
 * this connection alone, so it needs no clock to be fresh.
 */
export function channelBinding(socket: TLSSocket): string {
  return socket.exportKeyingMaterial(32, 'EXPORTER-onesh', Buffer.alloc(0)).toString('base64url');
}
