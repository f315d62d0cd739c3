/**
 * The embedded MQTT broker (Aedes): what a cluster uses when no other is named. It speaks TLS only, with the cluster's key, which
 * members and join tokens pin. Who may connect, publish and subscribe is injected; what is not allowed is refused.
 */
import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import type { Client } from 'aedes';
import { WireError } from '../wire/errors.js';
import { channelBinding, peerKey, tlsIdentity } from './certificate.js';
import type { Keys } from './identity.js';

/** Who wants to connect, and what it has shown. */
export interface Applicant {
  readonly clientId: string;
  /** Absent for an anonymous one. */
  readonly username: string | undefined;
  readonly password: string;
  /** The public key it has proved to own. */
  readonly publicKey: string | undefined;
  /** See {@link channelBinding}. */
  readonly binding: string;
}

export interface BrokerOptions<I> {
  /** What it proves to be itself with: the cluster's keys. */
  readonly keys: Keys;
  /** Default 127.0.0.1: nothing off this machine can connect unless it is asked for. */
  readonly host?: string;
  /** 0 (the default) for a free one. */
  readonly port?: number;
  /** Identity of a connecting client, undefined to refuse it. */
  authenticate(applicant: Applicant): I | undefined;
  mayPublish(identity: I, topic: string): boolean;
  maySubscribe(identity: I, filter: string): boolean;
}

export interface Broker<I> {
  /** `mqtts://HOST:PORT` as bound. */
  readonly url: string;
  readonly port: number;
  /** Cuts off whoever `authenticate` would not let in any more by its key: its `identity` and the key it proved. */
  expel(unwanted: (identity: I, publicKey: string | undefined) => boolean): void;
  /** Cuts all connections and frees the port. */
  close(): Promise<void>;
}

/** A message that may not be published is accepted and goes here, where nobody can subscribe, as in other brokers: refusing
 * it would cut the connection, and its sender would connect and send it again for ever (MQTT-3.3.5-2). */
const nowhere = '$onesh/refused';

/** @throws WireError EBUSY when the port is taken, EACCES when it may not be bound */
export async function startBroker<I>(options: BrokerOptions<I>): Promise<Broker<I>> {
  const { host = '127.0.0.1', port = 0 } = options;
  const { Aedes } = await import('aedes');
  const identities = new Map<Client, I>();
  const keyOf = (client: Client) => peerKey(client.conn as TLSSocket);
  const broker = await Aedes.createBroker({
    // A subscriber that takes nothing for this long is cut off: until then Aedes holds back everybody it shares a topic with.
    drainTimeout: 2000,
    maxClientsIdLength: 128,
    authenticate: (client, username, password, callback) => {
      const identity = options.authenticate({
        clientId: client.id,
        username,
        password: password?.toString() ?? '',
        publicKey: keyOf(client),
        binding: channelBinding(client.conn as TLSSocket),
      });
      if (identity === undefined) {
        // Return code 5: not authorised (MQTT 3.1.1 table 3.1).
        callback(Object.assign(new Error('not authorised'), { returnCode: 5 }), false);
        return;
      }
      identities.set(client, identity);
      callback(null, true);
    },
    authorizePublish: (client, packet, callback) => {
      const identity = client === null ? undefined : identities.get(client);
      if (identity === undefined || !options.mayPublish(identity, packet.topic)) {
        packet.topic = nowhere;
        packet.retain = false;
      }
      callback(null);
    },
    authorizeSubscribe: (client, subscription, callback) => {
      const identity = identities.get(client);
      const granted = identity !== undefined && options.maySubscribe(identity, subscription.topic);
      // null: the subscription fails with return code 0x80 (MQTT-3.9.3-1), the connection stays.
      callback(null, granted ? subscription : null);
    },
  });
  // A peer that speaks no MQTT or goes away in mid-packet is its own problem.
  broker.on('clientError', () => undefined);
  broker.on('connectionError', () => undefined);
  broker.on('clientDisconnect', (client) => identities.delete(client));
  const sockets = new Set<TLSSocket>();
  const identity = tlsIdentity(options.keys, 'onesh broker');
  const server = createServer({ ...identity, handshakeTimeout: 10_000 }, (socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    broker.handle(socket);
  });
  server.on('tlsClientError', () => undefined);
  const closeBroker = () => new Promise<void>((resolve) => broker.close(() => resolve()));
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    await closeBroker();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE')
      throw new WireError('EBUSY', `${host}:${port}: address already in use`, { cause: error });
    if (code === 'EACCES') throw new WireError('EACCES', `${host}:${port}: permission denied`, { cause: error });
    throw new WireError('EINVAL', `${host}:${port}: cannot listen there (${code})`, { cause: error });
  }
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `mqtts://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    expel(unwanted) {
      for (const [client, identity] of identities)
        if (unwanted(identity, keyOf(client))) (client.conn as TLSSocket).destroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      await closeBroker();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
