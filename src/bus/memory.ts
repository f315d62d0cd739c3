/**
 * The in-process bus: the embedded default's one "broker". Deliveries are asynchronous (a microtask later), in order, and
 * carry the published bytes themselves: a publisher must not change a buffer it has published.
 */
import type { Bus, BusState, DeliveryHandler, PublishOptions, Subscription, Will } from './bus.js';
import { topicMatches } from './match.js';

interface Entry {
  readonly filter: string;
  readonly handler: DeliveryHandler;
}

/** One broker-like meeting place; every `connect` is a client of it. */
export class MemoryHub {
  private readonly retained = new Map<string, Uint8Array>();
  private readonly exact = new Map<string, Set<Entry>>();
  private readonly patterns = new Set<Entry>();

  connect(options: { readonly will?: Will } = {}): Bus {
    return new MemoryBus(this, options.will);
  }

  /** @internal */
  deliver(topic: string, payload: Uint8Array, retain: boolean): void {
    if (retain) {
      if (payload.length === 0) this.retained.delete(topic);
      else this.retained.set(topic, payload);
    }
    const delivery = { topic, payload, retained: false };
    for (const entry of this.exact.get(topic) ?? []) queueMicrotask(() => entry.handler(delivery));
    for (const entry of this.patterns) {
      if (topicMatches(entry.filter, topic)) queueMicrotask(() => entry.handler(delivery));
    }
  }

  /** @internal Adds an entry and hands it the retained messages it matches. */
  add(entry: Entry): void {
    if (/[+#]/.test(entry.filter)) this.patterns.add(entry);
    else {
      const set = this.exact.get(entry.filter) ?? new Set();
      set.add(entry);
      this.exact.set(entry.filter, set);
    }
    for (const [topic, payload] of this.retained) {
      if (topicMatches(entry.filter, topic)) queueMicrotask(() => entry.handler({ topic, payload, retained: true }));
    }
  }

  /** @internal */
  remove(entry: Entry): void {
    this.patterns.delete(entry);
    const set = this.exact.get(entry.filter);
    set?.delete(entry);
    if (set?.size === 0) this.exact.delete(entry.filter);
  }
}

class MemoryBus implements Bus {
  state: BusState = 'connected';
  readonly pending = 0;
  readonly copies = false;
  private readonly entries = new Set<Entry>();
  private readonly watchers = new Set<(state: BusState) => void>();

  constructor(
    private readonly hub: MemoryHub,
    private readonly will: Will | undefined,
  ) {}

  async publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<void> {
    if (this.state === 'connected') this.hub.deliver(topic, payload, options.retain ?? false);
  }

  async subscribe(filter: string, handler: DeliveryHandler): Promise<Subscription> {
    const entry: Entry = {
      filter,
      handler: (delivery) => {
        if (this.entries.has(entry)) handler(delivery);
      },
    };
    this.entries.add(entry);
    this.hub.add(entry);
    return {
      close: async () => {
        this.entries.delete(entry);
        this.hub.remove(entry);
      },
    };
  }

  async drained(): Promise<void> {}

  onState(handler: (state: BusState) => void): () => void {
    this.watchers.add(handler);
    return () => this.watchers.delete(handler);
  }

  async close(): Promise<void> {
    this.leave();
  }

  abort(): void {
    if (this.state === 'disconnected') return;
    this.leave();
    if (this.will !== undefined) this.hub.deliver(this.will.topic, this.will.payload, this.will.retain);
  }

  private leave(): void {
    for (const entry of this.entries) this.hub.remove(entry);
    this.entries.clear();
    this.state = 'disconnected';
    for (const watcher of this.watchers) watcher('disconnected');
  }
}
