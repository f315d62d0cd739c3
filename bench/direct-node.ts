/** One side of the direct row: a runtime with a bus of its own, which is told what the other side would say on a common one. */
import { tlsIdentity } from '../src/bus/certificate.js';
import type { Keys } from '../src/bus/identity.js';
import { MemoryHub } from '../src/bus/memory.js';
import { createPeer, sealMessage } from '../src/bus/peer.js';
import { startMesh } from '../src/stream/direct/mesh.js';
import { openStreams } from '../src/stream/streams.js';
import type { RuntimeName } from '../src/wire/ids.js';
import type { Contact } from '../src/wire/messages.js';
import { topics } from '../src/wire/topics.js';
import { cluster } from './edge.js';

export async function makeNode(name: RuntimeName, keys: Keys, publicKeys: Readonly<Record<string, string>>) {
  const hub = new MemoryHub();
  const bus = hub.connect();
  const publicKeyOf = (who: string) => publicKeys[who];
  const peer = await createPeer({ bus, cluster, self: { runtime: name }, keys, publicKeyOf });
  const mesh = await startMesh({ peer, keys, publicKeyOf, listen: { host: '127.0.0.1' } });
  return {
    mesh,
    streams: openStreams({ bus, cluster, paths: mesh }),
    /** The other's status, as it would have published it. */
    hear: async (other: RuntimeName, otherKeys: Keys, direct: Contact) => {
      const topic = topics.runtimeStatus(cluster, other);
      const status = { type: 'runtime.status', state: 'online', name: other, incarnation: 1, direct } as const;
      const payload = sealMessage({ self: { runtime: other }, keys: otherKeys }, topic, status);
      await bus.publish(topic, payload, { retain: true });
    },
  };
}

/** TLS as the direct connections have it, for the bare socket. */
export const bareIdentity = (keys: Keys) => tlsIdentity(keys, 'bench');
