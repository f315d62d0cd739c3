/** The kernel agents of the boot record that this runtime hosts (paper §3.3), on whatever bus the peer is on. */
import type { Keys } from '../bus/identity.js';
import type { OnGone } from '../bus/members.js';
import type { Peer } from '../bus/peer.js';
import type { SignedBootRecord } from '../wire/messages.js';
import type { Coordination } from './coordination/coordination.js';
import { type NameServer, type NameServerState, startNameServer } from './nameserver.js';
import { startScheduler, type Users } from './scheduler/driver.js';
import type { Store } from './store.js';

export interface KernelOptions {
  readonly peer: Peer;
  /** Names of the services to start here. */
  readonly services: readonly string[];
  /** Keeps their state. */
  readonly coordination: Coordination;
  readonly onGone: OnGone;
  /** Who sessions are; without it everything is the one user's own. */
  readonly users?: Users;
  /** What the name server needs, where it is hosted. */
  readonly nameServer?: {
    readonly store: Store<NameServerState>;
    readonly clusterKeys: Keys;
    readonly changed: (signed: SignedBootRecord) => void;
  };
}

export interface Kernel {
  readonly nameServer: NameServer | undefined;
  close(): Promise<void>;
}

export async function startKernel(options: KernelOptions): Promise<Kernel> {
  const { peer, services, coordination, onGone, users, nameServer } = options;
  const names =
    services.includes('nameserver') && nameServer !== undefined && users !== undefined
      ? await startNameServer({ peer, ...nameServer, userOf: users.userOf })
      : undefined;
  const scheduler = services.includes('scheduler')
    ? await startScheduler({ peer, coordination, onGone, users })
    : undefined;
  return {
    nameServer: names,
    close: async () => {
      await scheduler?.close();
      await names?.close();
    },
  };
}
