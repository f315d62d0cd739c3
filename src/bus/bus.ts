/**
 * Publish-subscribe as the rest of onesh sees it (paper §3.1): topics, retained messages, a last will. Two implementations,
 * `memory.ts` (one process) and `mqtt.ts` (any MQTT 3.1.1 broker), and one contract suite over both.
 */

/** Message as delivered. `retained` is true when the broker kept it from before the subscription. */
export interface Delivery {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
}

export type DeliveryHandler = (delivery: Delivery) => void;

export interface PublishOptions {
  /** 0: at most once; 1: at least once. Default 0. */
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
}

export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

export interface Subscription {
  /** Ends the subscription; deliveries already under way may still arrive. */
  close(): Promise<void>;
}

export type BusState = 'connected' | 'disconnected';

export interface Bus {
  readonly state: BusState;
  /** True when what is delivered is a copy, so that a publisher may use its buffer again once a receiver has confirmed it. */
  readonly copies: boolean;
  /**
   * Sends one message. QoS 0 resolves once handed to the connection, QoS 1 once acknowledged. While disconnected QoS 0
   * messages are dropped (streams retransmit by themselves) and QoS 1 messages are kept and sent on reconnect.
   * Bytes waiting to be written to the connection: see {@link pending}.
   */
  publish(topic: string, payload: Uint8Array, options?: PublishOptions): Promise<void>;
  /** Resolves once the broker has granted the subscription; it is renewed on every reconnect. Filters as in MQTT 3.1.1 §4.7. */
  subscribe(filter: string, handler: DeliveryHandler, options?: { readonly qos?: 0 | 1 }): Promise<Subscription>;
  /** Calls `handler` on every change of {@link state}; returns the function that stops it. */
  onState(handler: (state: BusState) => void): () => void;
  /** Bytes accepted by `publish` and not yet written to the network; 0 for the in-memory bus. */
  readonly pending: number;
  /** Resolves once what is {@link pending} has been written, or the connection has gone. */
  drained(): Promise<void>;
  /** Disconnects cleanly: the will is not sent. Pending QoS 1 messages get `timeoutMs` (default 1000) to be acknowledged. */
  close(timeoutMs?: number): Promise<void>;
  /** Cuts the connection as a crash would: the will is sent. For tests and for a fatal error. */
  abort(): void;
}
