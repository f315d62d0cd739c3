/**
 * Requests, replies and events over a bus: what a runtime, a kernel agent or a session uses to speak to the others. Every
 * message is signed, fresh and accepted once; the rest is dropped and counted.
 */
import { fromErrorBody, toErrorBody, WireError } from '../wire/errors.js';
import { type ClusterId, newMessageId } from '../wire/ids.js';
import type { Body, Envelope, RuntimeStatus, Sender, SessionStatus } from '../wire/messages.js';
import { recipientOf, topics } from '../wire/topics.js';
import type { Bus, Delivery, Subscription } from './bus.js';
import { Clocks } from './clocks.js';
import { Freshness, type KeyLookup, open, type Refusal, seal } from './envelope.js';
import type { Keys } from './identity.js';
import { topicMatches } from './match.js';

/** Presence travels in envelopes too. It is retained, and a will is delivered long after it was signed, so it is exempt from
 * freshness: its incarnation orders it, and the broker lets only its owner publish it. */
export type Status = RuntimeStatus | SessionStatus;

/** Answers a request: a body is sent back, undefined sends none. A thrown error is sent back as an error body. */
export type Handler = (body: Body, envelope: Envelope) => Promise<Body | undefined> | Body | undefined;

export interface Peer {
  readonly self: Sender;
  readonly cluster: ClusterId;
  readonly bus: Bus;
  /**
   * Sends a request to `topic` and waits for its reply.
   * @throws WireError the error body that came back; ETIMEDOUT after `timeoutMs` (default 5000); ENOTCONN without a bus.
   */
  request(topic: string, body: Body, options?: RequestOptions): Promise<Body>;
  /** As {@link request}, with who answered; an error body is an answer too. */
  ask(topic: string, body: Body, options?: RequestOptions): Promise<Envelope>;
  /** Sends a message that wants no reply (QoS 1). */
  send(topic: string, body: Body | Status, options?: { readonly retain?: boolean }): Promise<void>;
  /** Serves `topic` (a filter): every verified message that is not a reply goes to `handler`. Several handlers may serve one topic. */
  serve(topic: string, handler: Handler, options?: ServeOptions): Promise<Subscription>;
  /** Messages dropped so far, by reason. */
  readonly dropped: Readonly<Record<Refusal, number>>;
  /** Stops serving and rejects requests under way with ECANCELED. Does not close the bus. */
  close(): Promise<void>;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
  /**
   * Milliseconds after which the same message is sent again, and again: for a kernel agent, which another machine may have
   * taken over meanwhile. Whoever has it already drops it.
   */
  readonly repeatMs?: number;
}

export interface ServeOptions {
  /** What is retained there comes to all its handlers again, where it was served before. */
  readonly retained?: boolean;
}

export interface PeerOptions {
  readonly bus: Bus;
  readonly cluster: ClusterId;
  readonly self: Sender;
  /** The runtime's keys; a session signs with its home runtime's. */
  readonly keys: Keys;
  /** Registered public key of a runtime; undefined when it is not a member: its messages are dropped. */
  readonly publicKeyOf: KeyLookup;
  /** Milliseconds since the epoch; the system's clock when absent. */
  readonly now?: () => number;
}

/** Where replies to `sender` go. */
export function inboxOf(cluster: ClusterId, sender: Sender): string {
  return sender.session === undefined
    ? topics.runtimeInbox(cluster, sender.runtime)
    : topics.sessionInbox(cluster, sender.session);
}

/** Subscribes to the sender's inbox and speaks from there. @throws WireError EACCES when the broker refuses the inbox */
export async function createPeer(options: PeerOptions): Promise<Peer> {
  const peer = new BusPeer(options);
  await peer.listen();
  return peer;
}

/** A signed message ready to publish, without a peer: for the will, which is part of the MQTT connect. */
export function sealMessage(options: Pick<PeerOptions, 'self' | 'keys'>, to: string, body: Body | Status): Buffer {
  const envelope: Envelope<Body | Status> = {
    v: 1,
    id: newMessageId(),
    from: options.self,
    to,
    time: Date.now(),
    body,
  };
  return seal(envelope, options.keys);
}

interface Pending {
  readonly resolve: (envelope: Envelope) => void;
  readonly reject: (error: Error) => void;
}

/**
 * What is good whenever it was said: presence, see {@link Status}; a newcomer's request, which its token makes good once; the
 * question for the time, which gives nothing away.
 */
const timeless = new Set<string>(['runtime.status', 'session.status', 'join', 'clock.get']);

interface Served {
  readonly handlers: Set<Handler>;
  readonly subscription: Promise<Subscription>;
}

class BusPeer implements Peer {
  readonly self: Sender;
  readonly cluster: ClusterId;
  readonly bus: Bus;
  readonly dropped = { malformed: 0, unsigned: 0, stale: 0, replayed: 0 };
  private readonly inbox: string;
  private readonly joinPrefix: string;
  private readonly pending = new Map<string, Pending>();
  private readonly served = new Map<string, Served>();
  private readonly freshness = new Freshness();
  private readonly now: () => number;
  private readonly clocks: Clocks;
  private closed = false;

  constructor(private readonly options: PeerOptions) {
    this.self = options.self;
    this.cluster = options.cluster;
    this.bus = options.bus;
    this.inbox = inboxOf(options.cluster, options.self);
    this.joinPrefix = topics.join(options.cluster, '');
    const { now = Date.now } = options;
    this.now = now;
    this.clocks = new Clocks({
      now,
      ask: (sender) =>
        this.ask(inboxOf(this.cluster, sender), { type: 'clock.get' }).then(
          ({ from, time }) => (from.runtime === sender.runtime ? time : undefined),
          () => undefined,
        ),
      retry: (envelope) => this.accept(envelope, undefined),
    });
  }

  async listen(): Promise<void> {
    await this.subscription(this.inbox).subscription;
  }

  async request(topic: string, body: Body, options: RequestOptions = {}): Promise<Body> {
    const answer = (await this.ask(topic, body, options)).body;
    if (answer.type === 'error') throw fromErrorBody(answer);
    return answer;
  }

  async ask(topic: string, body: Body, options: RequestOptions = {}): Promise<Envelope> {
    if (this.closed) throw new WireError('ENOTCONN', 'not connected to the cluster');
    const { timeoutMs = 5000, repeatMs } = options;
    const id = newMessageId();
    const payload = this.seal({ v: 1, id, from: this.self, reply: this.inbox, to: topic, time: this.now(), body });
    // QoS 1: the bus keeps it across a reconnect, and the time-out below ends the wait in any case.
    const publish = () =>
      void this.bus.publish(topic, payload, { qos: 1 }).catch((error: Error) => this.pending.get(id)?.reject(error));
    const reply = new Promise<Envelope>((resolve, reject) => {
      const repeat =
        repeatMs === undefined
          ? undefined
          : setInterval(() => {
              if (this.bus.state === 'connected') publish();
            }, repeatMs);
      const timer = setTimeout(() => {
        clearInterval(repeat);
        this.pending.delete(id);
        const where = this.bus.state === 'connected' ? '' : ' (the broker cannot be reached)';
        reject(
          new WireError(
            'ETIMEDOUT',
            `${recipientOf(topic)} has not answered ${body.type} within ${timeoutMs / 1000} s${where}`,
          ),
        );
      }, timeoutMs);
      const settle = <T>(done: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer);
          clearInterval(repeat);
          this.pending.delete(id);
          done(value);
        };
      };
      this.pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
    publish();
    return reply;
  }

  async send(topic: string, body: Body | Status, options: { readonly retain?: boolean } = {}): Promise<void> {
    if (this.closed) throw new WireError('ENOTCONN', 'not connected to the cluster');
    const payload = this.seal({ v: 1, id: newMessageId(), from: this.self, to: topic, time: this.now(), body });
    await this.bus.publish(topic, payload, { qos: 1, retain: options.retain ?? false });
  }

  async serve(topic: string, handler: Handler, { retained = false }: ServeOptions = {}): Promise<Subscription> {
    const again = retained && this.served.has(topic);
    const served = this.subscription(topic);
    served.handlers.add(handler);
    await served.subscription;
    if (again) await (await this.bus.subscribe(topic, () => {}, { qos: 1 })).close();
    return {
      close: async () => {
        served.handlers.delete(handler);
        if (served.handlers.size > 0 || topic === this.inbox) return;
        this.served.delete(topic);
        await (await served.subscription).close();
      },
    };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const waiting of [...this.pending.values()]) {
      waiting.reject(new WireError('ECANCELED', 'the connection to the cluster was closed'));
    }
    const subscriptions = [...this.served.values()].map((served) => served.subscription);
    this.served.clear();
    for (const subscription of await Promise.allSettled(subscriptions)) {
      if (subscription.status === 'fulfilled') await subscription.value.close().catch(() => undefined);
    }
  }

  private subscription(topic: string): Served {
    let served = this.served.get(topic);
    if (served === undefined) {
      const subscription = this.bus.subscribe(topic, (delivery) => this.receive(delivery), { qos: 1 });
      subscription.catch(() => this.served.delete(topic));
      served = { handlers: new Set(), subscription };
      this.served.set(topic, served);
    }
    return served;
  }

  private seal(envelope: Envelope<Body | Status>): Buffer {
    return seal(envelope, this.options.keys);
  }

  private receive(delivery: Delivery): void {
    if (this.closed) return;
    // An empty payload is how MQTT clears a retained message [MQTT-3.3.1-10]; nothing to drop.
    if (delivery.payload.length === 0) return;
    const envelope = open(delivery.payload, delivery.topic, this.options.publicKeyOf);
    if (typeof envelope === 'string') {
      this.dropped[envelope] += 1;
      return;
    }
    this.accept(envelope, delivery.payload.length);
  }

  /** What is fresh goes to whom it is for. `size` in bytes; undefined for what had its second chance. */
  private accept(envelope: Envelope, size: number | undefined): void {
    if (this.closed) return;
    const { re } = envelope;
    if (re !== undefined) {
      // Nobody could answer before it was asked: the id is the proof that this is new, whatever the clocks say.
      this.pending.get(re)?.resolve(envelope);
      return;
    }
    if (!timeless.has(envelope.body.type)) {
      const refusal = this.freshness.check(envelope, this.now(), this.clocks.timeOf(envelope));
      if (refusal === 'stale' && size !== undefined && this.clocks.doubt(envelope, size)) return;
      if (refusal !== undefined) {
        this.dropped[refusal] += 1;
        return;
      }
    }
    if (envelope.body.type === 'clock.get') void this.handle(() => ({ type: 'clock' }), envelope);
    else this.dispatch(envelope.to, envelope);
  }

  /** To every handler whose filter matches, whichever subscription brought it: a broker may deliver overlapping ones once. */
  private dispatch(topic: string, envelope: Envelope): void {
    for (const [filter, served] of this.served) {
      if (!topicMatches(filter, topic)) continue;
      for (const handler of served.handlers) void this.handle(handler, envelope);
    }
  }

  private async handle(handler: Handler, envelope: Envelope): Promise<void> {
    let answer: Body | undefined;
    try {
      answer = await handler(envelope.body, envelope);
    } catch (error) {
      answer = toErrorBody(error);
    }
    const { reply } = envelope;
    if (answer === undefined || reply === undefined || this.closed) return;
    // Only to where the sender itself listens: nobody makes us speak to a third party.
    if (reply !== inboxOf(this.cluster, envelope.from) && !reply.startsWith(this.joinPrefix)) return;
    const message = (body: Body) =>
      this.seal({ v: 1, id: newMessageId(), re: envelope.id, from: this.self, to: reply, time: this.now(), body });
    let payload: Buffer;
    try {
      payload = message(answer);
    } catch (error) {
      payload = message(toErrorBody(error));
    }
    await this.bus.publish(reply, payload, { qos: 1 }).catch(() => undefined);
  }
}
