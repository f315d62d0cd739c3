/** The connection to a broker, as far as MQTT: TCP or TLS, and whether it is the broker that is meant. */
import { isIP, type Socket, connect as tcpConnect } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { WireError } from '../wire/errors.js';
import { channelBinding, peerKey, tlsIdentity } from './certificate.js';
import type { Keys } from './identity.js';

export interface BrokerLinkOptions {
  readonly url: string;
  readonly keys?: Keys;
  readonly trusts?: (publicKey: string) => boolean;
  readonly ca?: string;
  readonly connectTimeoutMs: number;
}

export interface BrokerLink {
  readonly socket: Socket;
  /** From the URL. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Of TLS; '' without. */
  readonly binding: string;
}

const ports = { 'mqtt:': 1883, 'mqtts:': 8883 } as const;

/**
 * Connects to an `mqtt:` or `mqtts:` URL; undefined for another kind, which is the MQTT library's business.
 * A broker over TLS is believed when an authority vouches for its name or `trusts` knows its key.
 * @throws the system's error, WireError ETIMEDOUT, EACCES (not the broker that is meant)
 */
export async function connectBroker(options: BrokerLinkOptions): Promise<BrokerLink | undefined> {
  const { keys, trusts, ca, connectTimeoutMs } = options;
  const url = new URL(options.url);
  if (url.protocol !== 'mqtt:' && url.protocol !== 'mqtts:') return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? ports[url.protocol] : Number(url.port);
  const secure = url.protocol === 'mqtts:';
  const socket: Socket = secure
    ? tlsConnect({
        ...(keys === undefined ? { rejectUnauthorized: false } : tlsIdentity(keys, 'onesh')),
        // Other people's brokers may not speak 1.3 yet; our own speaks nothing else.
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca }),
        ...(isIP(host) === 0 ? { servername: host } : {}),
        host,
        port,
      })
    : tcpConnect({ host, port });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new WireError('ETIMEDOUT', 'connect timed out'));
    }, connectTimeoutMs);
    const settle = (done: () => void) => {
      clearTimeout(timer);
      socket.off('error', failed);
      socket.off('close', closed);
      done();
    };
    const failed = (error: Error) => settle(() => reject(error));
    const closed = () => settle(() => reject(new WireError('ECONNREFUSED', 'connection closed')));
    socket.on('error', failed);
    socket.on('close', closed);
    socket.once(secure ? 'secureConnect' : 'connect', () => settle(resolve));
  });
  if (secure) check(socket as TLSSocket, url.host, trusts);
  return {
    socket,
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    binding: secure ? channelBinding(socket as TLSSocket) : '',
  };
}

function check(socket: TLSSocket, where: string, trusts: BrokerLinkOptions['trusts']): void {
  const key = peerKey(socket);
  if (socket.authorized || (key !== undefined && trusts?.(key))) return;
  socket.on('error', () => undefined);
  socket.destroy();
  throw new WireError(
    'EACCES',
    `broker mqtts://${where}: its key is not this cluster's, and no authority vouches for it (${String(socket.authorizationError)})`,
  );
}
