/** Runtimes of a cluster for tests: each has keys, and every one knows the others'. */
import type { Bus } from '../../src/bus/bus.js';
import { generateKeys, type Keys } from '../../src/bus/identity.js';
import { createPeer, type Peer } from '../../src/bus/peer.js';
import { type ClusterId, newClusterId, type RuntimeName, type SessionId } from '../../src/wire/ids.js';

export interface Members {
  readonly cluster: ClusterId;
  readonly keys: Map<string, Keys>;
  keysOf(name: string): Keys;
  publicKeyOf(name: string): string | undefined;
  /** Registers `name` when new and connects it over `bus`. */
  peer(name: string, bus: Bus, session?: SessionId, now?: () => number): Promise<Peer>;
}

export function makeMembers(cluster: ClusterId = newClusterId()): Members {
  const keys = new Map<string, Keys>();
  const keysOf = (name: string): Keys => {
    const pair = keys.get(name) ?? generateKeys();
    keys.set(name, pair);
    return pair;
  };
  const publicKeyOf = (name: string) => keys.get(name)?.publicKey;
  return {
    cluster,
    keys,
    keysOf,
    publicKeyOf,
    peer: (name, bus, session, now) =>
      createPeer({
        bus,
        cluster,
        self: { runtime: name as RuntimeName, ...(session === undefined ? {} : { session }) },
        keys: keysOf(name),
        publicKeyOf,
        ...(now === undefined ? {} : { now }),
      }),
  };
}
