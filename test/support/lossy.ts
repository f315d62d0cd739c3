/** A bus as bad as brokers are across reconnects: QoS 0 messages are dropped, doubled and overtaken, the same way for one seed. */
import type { Bus } from '../../src/bus/bus.js';

/** mulberry32: small, good enough, the same everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function lossy(bus: Bus, seed: number, rates = { drop: 0.05, double: 0.05, late: 0.05 }): Bus {
  const next = random(seed);
  let held: (() => void) | undefined;
  return {
    get state() {
      return bus.state;
    },
    copies: bus.copies,
    get pending() {
      return bus.pending;
    },
    drained: () => bus.drained(),
    publish: async (topic, payload, options) => {
      if (options?.qos === 1) return bus.publish(topic, payload, options);
      const fate = next();
      if (fate < rates.drop) return;
      if (fate < rates.drop + rates.late) {
        held?.();
        held = () => void bus.publish(topic, payload, options);
        return;
      }
      await bus.publish(topic, payload, options);
      if (fate < rates.drop + rates.late + rates.double) await bus.publish(topic, payload, options);
      held?.();
      held = undefined;
    },
    subscribe: (filter, handler, options) => bus.subscribe(filter, handler, options),
    onState: (handler) => bus.onState(handler),
    close: (timeoutMs) => bus.close(timeoutMs),
    abort: () => bus.abort(),
  };
}
