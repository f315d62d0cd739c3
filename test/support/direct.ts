/** Two runtimes with direct connections between them, and a bus to agree on them. */
import type { Bus } from '../../src/bus/bus.js';
import type { Keys } from '../../src/bus/identity.js';
import type { Peer } from '../../src/bus/peer.js';
import { type Mesh, startMesh } from '../../src/stream/direct/mesh.js';
import { openStreams, type Streams } from '../../src/stream/streams.js';
import type { RuntimeName, SessionId } from '../../src/wire/ids.js';
import { topics } from '../../src/wire/topics.js';
import type { Members } from './members.js';

export interface Node {
  readonly name: RuntimeName;
  readonly peer: Peer;
  readonly mesh: Mesh;
  readonly streams: Streams;
  /** Says where it can be reached, as a runtime's status does; `port` when that is another than it listens on. */
  announce(port?: number): Promise<void>;
  close(): Promise<void>;
}

export interface NodeOptions {
  readonly listen?: boolean;
  readonly session?: SessionId;
  /** Other keys than the registered ones. */
  readonly keys?: Keys;
}

export async function makeNode(members: Members, text: string, bus: Bus, options: NodeOptions = {}): Promise<Node> {
  const name = text as RuntimeName;
  const { listen = true, session, keys = members.keysOf(text) } = options;
  const peer = await members.peer(text, bus, session);
  const { cluster, publicKeyOf } = members;
  const mesh = await startMesh({ peer, keys, publicKeyOf, ...(listen ? { listen: { host: '127.0.0.1' } } : {}) });
  return {
    name,
    peer,
    mesh,
    streams: openStreams({ bus, cluster, paths: mesh }),
    announce: async (port) => {
      const own = mesh.contact();
      const direct = own === undefined || port === undefined ? own : { ...own, port };
      const status = { type: 'runtime.status', state: 'online', name, incarnation: 1 } as const;
      const topic = topics.runtimeStatus(cluster, name);
      await peer.send(topic, { ...status, ...(direct === undefined ? {} : { direct }) }, { retain: true });
    },
    close: async () => {
      await mesh.close();
      await peer.close();
    },
  };
}

/** Resolves when `done` is true: connections come about by themselves. */
export async function eventually(what: string, done: () => boolean, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
