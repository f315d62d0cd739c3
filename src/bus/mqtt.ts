/**
 * The bus over any MQTT 3.1.1 broker. MQTT.js speaks the protocol on one connection; what must outlive a connection is kept
 * here, because MQTT.js and brokers lose some of it: subscriptions and unacknowledged QoS 1 messages. So every connection is
 * a fresh MQTT.js client with a clean session, and on each one, in this order: subscribe to everything, send again what was
 * not acknowledged, tell the watchers.
 */
import type { Socket } from 'node:net';
import type { IClientOptions, MqttClient } from 'mqtt';
import { WireError } from '../wire/errors.js';
import { connectBroker } from './broker-link.js';
import type { Bus, BusState, DeliveryHandler, PublishOptions, Subscription, Will } from './bus.js';
import type { Keys } from './identity.js';
import { topicMatches } from './match.js';

export interface MqttOptions {
  /**
   * `mqtt://HOST:PORT`, `mqtts://…`, `ws://…`; may carry `USER:PASSWORD@`, which `username` and `password` override. Several of
   * one cluster of brokers have commas between them: the first that answers is taken.
   */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  /** A function is called for every connection, with its channel binding ('' without TLS). */
  readonly password?: string | ((binding: string) => string);
  /** Proved to a broker that asks for it: who this client is. */
  readonly keys?: Keys;
  /** Over TLS: is this the key of the broker that is meant? Asked when no authority vouches for the broker's name. */
  readonly trusts?: (publicKey: string) => boolean;
  /** Certificates of authorities (PEM) besides those Node.js knows. */
  readonly ca?: string;
  readonly will?: Will;
  /** A dead connection is noticed after 1.5 times this. Default 5. */
  readonly keepaliveSeconds?: number;
  /** Deadline of one connection attempt in milliseconds; default 5000, or 2000 where there is another broker to try. */
  readonly connectTimeoutMs?: number;
}

/** Milliseconds that brokers of one cluster may take to become one again when they have lost some (NATS: 4 to 9 s). */
const electionMs = 10_000;

/** Milliseconds between attempts: doubled from the first up to the second, then times 0.5 … 1 so that many clients spread. */
const backoffMs = [100, 5000] as const;

/**
 * Connects; from then on the bus reconnects for ever by itself, until `close` or `abort`.
 * @throws WireError ECONNREFUSED, EHOSTDOWN (unknown or unreachable host), EACCES (refused by the broker), ETIMEDOUT
 */
export async function connectMqtt(options: MqttOptions): Promise<Bus> {
  const bus = new MqttBus(options);
  const deadline = performance.now() + electionMs;
  for (let tried = 1, late = false; ; tried++) {
    try {
      await bus.open();
      return bus;
    } catch (error) {
      // One that takes the connection and says nothing is choosing a leader with the others.
      late ||= error instanceof WireError && error.code === 'ETIMEDOUT';
      const last = tried % bus.urls.length === 0;
      if (last && (!late || bus.urls.length === 1 || performance.now() > deadline)) throw error;
    }
  }
}

/** A broker URL as it may be shown and logged: without a password. */
export function printableUrl(url: string): string {
  return url.replace(/(^|,)([a-z]+:\/\/)[^@/,]*@/gi, '$1$2');
}

/** True for a broker URL that brings its own user name: a broker set up by hand, with its own idea of who may connect. */
export const hasUser = (url: string): boolean => /^[a-z]+:\/\/[^@/]*@/i.test(url);

interface Entry {
  readonly handler: DeliveryHandler;
}

/** Everybody who wants one filter. */
interface Interest {
  readonly filter: string;
  qos: 0 | 1;
  readonly entries: Set<Entry>;
  /** Those waiting for the broker's grant. */
  readonly waiting: { resolve(): void; reject(error: Error): void }[];
}

/** A QoS 1 message that is not acknowledged yet. */
interface Outgoing {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain: boolean;
  resolve(): void;
  reject(error: Error): void;
}

const done = Promise.resolve();

class MqttBus implements Bus {
  state: BusState = 'disconnected';
  readonly copies = true;
  private client: MqttClient | undefined;
  private socket: Socket | undefined;
  private closing = false;
  private attempts = 0;
  readonly urls: readonly string[];
  /** The one that was tried last. */
  private url = '';
  private next = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly exact = new Map<string, Interest>();
  private readonly patterns = new Map<string, Interest>();
  private readonly outgoing = new Set<Outgoing>();
  private readonly watchers = new Set<(state: BusState) => void>();
  private idle: (() => void) | undefined;
  /** Resolves when the socket has taken what was published; one for all publishers that find it full. */
  private draining: Promise<void> | undefined;

  constructor(private readonly options: MqttOptions) {
    this.urls = options.url.split(',');
  }

  get pending(): number {
    return this.socket?.writableLength ?? 0;
  }

  /** One connection attempt. */
  async open(): Promise<void> {
    const { default: mqtt, MqttClient } = await import('mqtt');
    this.url = this.urls[this.next++ % this.urls.length]!;
    const { url } = this;
    const {
      clientId,
      password,
      will,
      keepaliveSeconds = 5,
      connectTimeoutMs = this.urls.length > 1 ? 2000 : 5000,
    } = this.options;
    const deadline = performance.now() + connectTimeoutMs;
    const link = await connectBroker({ ...this.options, url, connectTimeoutMs }).catch((error) => {
      throw this.explain(error);
    });
    const { username = link?.username } = this.options;
    const secret = typeof password === 'function' ? password(link?.binding ?? '') : (password ?? link?.password);
    const settings: IClientOptions = {
      clientId,
      protocolVersion: 4,
      clean: true,
      keepalive: keepaliveSeconds,
      connectTimeout: connectTimeoutMs,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      ...(username === undefined ? {} : { username }),
      ...(secret === undefined ? {} : { password: secret }),
      ...(will === undefined ? {} : { will: { ...will, payload: Buffer.from(will.payload) } }),
    };
    await new Promise<void>((resolve, reject) => {
      let client: MqttClient;
      try {
        client =
          link === undefined ? mqtt.connect(url, settings) : new MqttClient(() => link.socket as never, settings);
      } catch (error) {
        link?.socket.destroy();
        reject(this.explain(error));
        return;
      }
      // One deadline over name resolution, the TCP and TLS handshakes and the CONNACK.
      const left = Math.max(1, deadline - performance.now());
      const timer = setTimeout(() => fail(new WireError('ETIMEDOUT', `connect timed out`)), left);
      const fail = (error: unknown) => {
        clearTimeout(timer);
        client.stream.destroy();
        reject(this.explain(error));
      };
      client.on('error', fail);
      client.on('close', () => {
        fail(new WireError('ECONNREFUSED', 'connection closed'));
        this.lost(client);
      });
      client.on('connect', () => {
        clearTimeout(timer);
        if (this.closing) client.stream.destroy();
        else this.connected(client);
        resolve();
      });
      client.on('message', (topic, payload, packet) => this.deliver(topic, payload, packet.retain));
    });
  }

  publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    if (this.closing) return Promise.reject(new WireError('ENOTCONN', 'the connection to the broker was closed'));
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const retain = options.retain ?? false;
    if (options.qos === 1) {
      return new Promise((resolve, reject) => {
        const message = { topic, payload: bytes, retain, resolve, reject };
        this.outgoing.add(message);
        this.transmit(message);
      });
    }
    if (this.state === 'connected') {
      this.client!.publish(topic, bytes, { qos: 0, retain });
      if (this.socket!.writableNeedDrain) return this.drained();
    }
    return done;
  }

  subscribe(filter: string, handler: DeliveryHandler, options: { readonly qos?: 0 | 1 } = {}): Promise<Subscription> {
    if (this.closing) return Promise.reject(new WireError('ENOTCONN', 'the connection to the broker was closed'));
    const table = this.table(filter);
    const interest: Interest = table.get(filter) ?? { filter, qos: 0, entries: new Set(), waiting: [] };
    if (options.qos === 1) interest.qos = 1;
    table.set(filter, interest);
    const entry: Entry = { handler };
    interest.entries.add(entry);
    const close = async () => {
      if (!interest.entries.delete(entry) || interest.entries.size > 0) return;
      table.delete(filter);
      const { client } = this;
      if (this.state !== 'connected' || client === undefined) return;
      await new Promise<void>((resolve) => {
        client.once('close', resolve);
        client.unsubscribe(filter, () => {
          client.off('close', resolve);
          resolve();
        });
      });
    };
    return new Promise((resolve, reject) => {
      interest.waiting.push({
        resolve: () => resolve({ close }),
        reject: (error) => {
          interest.entries.delete(entry);
          if (interest.entries.size === 0) table.delete(filter);
          reject(error);
        },
      });
      // Also for a filter that is subscribed already: the broker sends its retained messages again (MQTT-3.8.4-3).
      this.request(interest);
    });
  }

  onState(handler: (state: BusState) => void): () => void {
    this.watchers.add(handler);
    return () => this.watchers.delete(handler);
  }

  async close(timeoutMs = 1000): Promise<void> {
    if (this.closing) return;
    if (this.outgoing.size > 0 && this.state === 'connected') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const { client } = this;
    this.retire();
    if (client === undefined || !client.connected) return;
    // What is not acknowledged by now never will be; MQTT.js would wait for it before it says DISCONNECT.
    client.outgoing = {};
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        client.stream.destroy();
        resolve();
      }, timeoutMs);
      client.end(false, {}, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  abort(): void {
    const { client } = this;
    this.retire();
    client?.stream.destroy();
  }

  /** No more connections; every wait ends. */
  private retire(): void {
    this.closing = true;
    clearTimeout(this.timer);
    this.setState('disconnected');
    const error = () => new WireError('ENOTCONN', 'the connection to the broker was closed');
    for (const message of this.outgoing) message.reject(error());
    this.outgoing.clear();
    for (const interest of this.interests()) for (const waiting of interest.waiting.splice(0)) waiting.reject(error());
    this.exact.clear();
    this.patterns.clear();
  }

  private connected(client: MqttClient): void {
    this.client = client;
    this.attempts = 0;
    const socket = client.stream as unknown as Socket;
    this.socket = socket;
    // Control messages and small chunks must not wait for an acknowledgement of the one before (Nagle).
    if (typeof socket.setNoDelay === 'function') socket.setNoDelay(true);
    this.state = 'connected';
    for (const interest of this.interests()) this.request(interest);
    for (const message of this.outgoing) this.transmit(message);
    for (const watcher of [...this.watchers]) watcher('connected');
  }

  private lost(client: MqttClient): void {
    client.removeAllListeners();
    client.on('error', () => undefined);
    // MQTT.js keeps timers on a client that is not ended.
    client.end(true);
    if (this.client !== client) return;
    this.client = undefined;
    this.socket = undefined;
    this.setState('disconnected');
    this.retry();
  }

  private retry(): void {
    if (this.closing) return;
    const [first, most] = backoffMs;
    // Each of several brokers is tried before the wait grows.
    const round = Math.floor(this.attempts / this.urls.length);
    const wait = Math.min(most, first * 2 ** round) * (0.5 + Math.random() / 2);
    this.attempts += 1;
    this.timer = setTimeout(() => {
      this.open().catch(() => this.retry());
    }, wait);
  }

  private setState(state: BusState): void {
    if (this.state === state) return;
    this.state = state;
    for (const watcher of [...this.watchers]) watcher(state);
  }

  private table(filter: string): Map<string, Interest> {
    return /[+#]/.test(filter) ? this.patterns : this.exact;
  }

  private *interests(): Generator<Interest> {
    yield* this.exact.values();
    yield* this.patterns.values();
  }

  /** Asks the broker for a filter, if there is a connection; else `connected` does. */
  private request(interest: Interest): void {
    const { client } = this;
    if (this.state !== 'connected' || client === undefined) return;
    const { filter } = interest;
    // NATS keeps what QoS 1 needs in its replicated store, where a subscription is then refused for as long as a server is
    // missing. What a lost connection takes with it is lost at either QoS, as sessions are clean.
    const qos = this.urls.length > 1 ? 0 : interest.qos;
    client.subscribe(filter, { qos }, (error, _, packet) => {
      // A connection that went answers nothing: the next one asks again. A SUBACK comes with its packet, refused or not.
      if (this.client !== client || packet === undefined) return;
      const refused = error !== null && error !== undefined;
      for (const waiting of interest.waiting.splice(0)) {
        if (refused) waiting.reject(new WireError('EACCES', `the broker refused the subscription to ${filter}`));
        else waiting.resolve();
      }
    });
  }

  private transmit(message: Outgoing): void {
    const { client } = this;
    if (this.state !== 'connected' || client === undefined) return;
    const { topic, payload, retain } = message;
    client.publish(topic, payload, { qos: 1, retain }, (error) => {
      // MQTT.js fails what is under way when its connection closes. It stays in the table and goes out on the next.
      if (error || this.client !== client || !this.outgoing.delete(message)) return;
      message.resolve();
      if (this.outgoing.size === 0) this.idle?.();
    });
  }

  private deliver(topic: string, payload: Buffer, retained: boolean): void {
    const delivery = { topic, payload, retained };
    const exact = this.exact.get(topic);
    if (exact !== undefined) for (const entry of [...exact.entries]) entry.handler(delivery);
    for (const interest of [...this.patterns.values()]) {
      if (topicMatches(interest.filter, topic)) for (const entry of [...interest.entries]) entry.handler(delivery);
    }
  }

  drained(): Promise<void> {
    const { socket } = this;
    if (socket === undefined || !socket.writableNeedDrain) return done;
    this.draining ??= new Promise<void>((resolve) => {
      const finish = () => {
        socket.off('drain', finish);
        socket.off('close', finish);
        this.draining = undefined;
        resolve();
      };
      socket.on('drain', finish);
      socket.on('close', finish);
    });
    return this.draining;
  }

  /** A failed connect in one line that says what to look at. */
  private explain(error: unknown): WireError {
    if (error instanceof WireError && error.code === 'EACCES') return error;
    const { code, message } = error as { code?: unknown; message?: string };
    const cannot = `cannot reach broker ${printableUrl(this.url)}`;
    if (typeof code === 'number') {
      // Return codes of CONNACK (MQTT 3.1.1 table 3.1): 4 bad user name or password, 5 not authorised.
      if (code === 4 || code === 5) {
        return new WireError('EACCES', `broker ${printableUrl(this.url)} refused this client: not authorised`);
      }
      return new WireError('ECONNREFUSED', `broker ${printableUrl(this.url)} refused the connection: ${message}`);
    }
    switch (code) {
      case 'ECONNREFUSED':
        return new WireError(
          'ECONNREFUSED',
          `${cannot}: ${message === 'connection closed' ? message : 'connection refused'}`,
        );
      case 'ECONNRESET':
      case 'EPIPE':
        return new WireError('ECONNREFUSED', `${cannot}: connection closed`);
      case 'ETIMEDOUT':
        return new WireError('ETIMEDOUT', `${cannot}: connection timed out`);
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return new WireError('EHOSTDOWN', `${cannot}: unknown host`);
      case 'EHOSTUNREACH':
      case 'ENETUNREACH':
        return new WireError('EHOSTDOWN', `${cannot}: no route to host`);
      default:
        if (message?.includes('connack timeout')) return new WireError('ETIMEDOUT', `${cannot}: connection timed out`);
        return new WireError('ECONNREFUSED', `${cannot}: ${message ?? String(error)}`, { cause: error });
    }
  }
}
