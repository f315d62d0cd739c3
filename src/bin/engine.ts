/**
 * A cluster whose kernel state is kept by an engine (NATS): each machine that may use it is a kernel runtime, and any of them
 * runs the name server and the scheduler when it holds their leases. Loaded by such machines alone.
 */
import { generateKeys, type Keys, parseKeys } from '../bus/identity.js';
import { type Members, signBootRecord } from '../bus/members.js';
import type { Peer } from '../bus/peer.js';
import type { Bucket } from '../kernel/coordination/bucket.js';
import { connectEngine, type EngineAccess } from '../kernel/coordination/nats.js';
import { type NameServerState, startNameServer } from '../kernel/nameserver.js';
import { admitNewcomers, announceNewcomer, isKernelRuntime, type Newcomer } from '../kernel/newcomers.js';
import { holdOffices, type Offices, type Term } from '../kernel/offices.js';
import { startScheduler, type Users } from '../kernel/scheduler/driver.js';
import { openStore } from '../kernel/store.js';
import { WireError } from '../wire/errors.js';
import { type ClusterId, newClusterId } from '../wire/ids.js';
import type { SignedBootRecord } from '../wire/messages.js';
import { engineBuckets } from './home.js';

export interface EngineCluster {
  /** The record as it is kept, which this machine may not be in yet. */
  readonly signed: SignedBootRecord;
  /** Stands for the kernel agents; resolves once this machine is a member and a kernel runtime. @throws WireError ETIMEDOUT, ENAMETAKEN */
  serve(options: {
    readonly peer: Peer;
    readonly members: Members;
    readonly users: Users;
    readonly report: (message: string) => void;
  }): Promise<Offices>;
  close(): Promise<void>;
}

export interface EngineClusterOptions {
  readonly url: string;
  readonly access: EngineAccess;
  /** Who this machine is. Its broker, where it was told one, is the cluster's. */
  readonly self: Newcomer;
  /** What it is a member of already. */
  readonly cluster?: ClusterId | undefined;
  /** Milliseconds to become a member in; default 20 000. */
  readonly timeoutMs?: number;
}

/** Milliseconds that an operation on a lease may take: several fit into the time it is good for. */
const leasePatience = 500;
/** Milliseconds between two looks at who holds what, and who has come. */
const lookMs = 300;
/** Milliseconds that the scheduler waits for the members to hear where it is. */
const knownPatience = 5000;

/** What is kept under one of the keys, put there when nobody has yet. */
async function kept<T>(bucket: Bucket, key: string, make: () => T): Promise<T> {
  const entry = await bucket.get(key);
  if (entry !== undefined) return entry.value as T;
  const value = make();
  try {
    await bucket.put(key, value, 0);
    return value;
  } catch (error) {
    if (error instanceof WireError && error.code === 'ESTALE') return kept(bucket, key, make);
    throw error;
  }
}

/**
 * Opens the engine's cluster, which is made where there is none.
 * @throws WireError EBUSY (a member of another), EINVAL (no broker is known), EACCES, ECONNREFUSED …
 */
export async function openEngineCluster(options: EngineClusterOptions): Promise<EngineCluster> {
  const { url, access, self, cluster, timeoutMs = 20_000 } = options;
  const engine = await connectEngine({ url, name: `onesh ${self.name}`, access });
  try {
    const leases = await engine.bucket(engineBuckets[0], leasePatience);
    // Whoever comes has more time than who holds a lease.
    const newcomers = await engine.bucket(engineBuckets[0]);
    const registry = await engine.bucket(engineBuckets[1]);
    const jobs = await engine.bucket(engineBuckets[2]);
    const found = (await registry.get('nameserver'))?.value as NameServerState | undefined;
    if (cluster !== undefined && found?.record.cluster !== cluster)
      throw new WireError('EBUSY', `this machine is a member of cluster ${cluster}, which is not in engine ${url}`);
    // Who may write the registry decides who is a member: the key that this is signed with is no secret to them.
    const pem = await kept(registry, 'cluster-key', () =>
      generateKeys().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    );
    const owner = parseKeys(pem, 'the cluster key in the engine');
    const { record } = await kept<NameServerState>(registry, 'nameserver', () => foundation(self));
    const known = Object.hasOwn(record.keys, self.name) ? record.keys[self.name] : undefined;
    if (known !== undefined && known !== self.publicKey)
      throw new WireError('ENAMETAKEN', `the name ${self.name} is taken by another machine; choose one with --name`);
    return {
      signed: signBootRecord(record, owner),
      serve: async ({ peer, members, users, report }) => {
        const offices = standForOffices({ leases, registry, jobs, owner, peer, members, users, report, self });
        try {
          if (!isKernelRuntime(members.signed.record, self)) await announceNewcomer(newcomers, self);
          await until(
            () => isKernelRuntime(members.signed.record, self),
            timeoutMs,
            () => {
              return new WireError(
                'ETIMEDOUT',
                `no name server has taken ${self.name} in: is the broker the cluster's?`,
              );
            },
          );
        } catch (error) {
          await offices.close();
          throw error;
        }
        return offices;
      },
      close: () => engine.close(),
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** A new cluster, of this machine. */
function foundation({ name, publicKey, user, broker }: Newcomer): NameServerState {
  if (broker === undefined)
    throw new WireError('EINVAL', 'the engine keeps no cluster yet: a new one needs --broker URL as well');
  return {
    record: {
      cluster: newClusterId(),
      revision: 1,
      broker,
      kernelRuntimes: [name],
      services: {},
      keys: { [name]: publicKey },
      users: { [user.name]: user.publicKey },
      owners: [user.name],
    },
    tokens: {},
  };
}

function standForOffices(options: {
  readonly leases: Bucket;
  readonly registry: Bucket;
  readonly jobs: Bucket;
  readonly owner: Keys;
  readonly peer: Peer;
  readonly members: Members;
  readonly users: Users;
  readonly report: (message: string) => void;
  readonly self: Newcomer;
}): Offices {
  const { leases, registry, jobs, owner, peer, members, users, report, self } = options;
  const startNames = async (term: Term) => {
    const coordination = await registry.claim(term.epoch, term.resign);
    const store = await openStore<NameServerState>(coordination, 'nameserver', {
      record: members.signed.record,
      tokens: {},
    });
    const names = await startNameServer({
      peer,
      store,
      clusterKeys: owner,
      userOf: users.userOf,
      changed: members.accept,
      isOpen: term.isOpen,
    });
    let timer: NodeJS.Timeout;
    const look = async () => {
      try {
        await names.update(({ services }) => ({ services: { ...services, ...offices.holders() } }));
        await admitNewcomers(leases, names.update);
      } catch (error) {
        // The next look may be luckier; one who is in office no more does not look.
        if (!(error instanceof WireError)) throw error;
      }
      if (term.isOpen()) timer = setTimeout(look, lookMs);
    };
    void look();
    return {
      close: async () => {
        clearTimeout(timer);
        await names.close();
      },
    };
  };
  const startJobs = async (term: Term) =>
    startScheduler({
      peer,
      coordination: await jobs.claim(term.epoch, term.resign),
      onGone: members.onGone,
      users,
      isOpen: term.isOpen,
      known: () =>
        until(
          () => members.signed.record.services.scheduler === self.name,
          knownPatience,
          () => {
            return new WireError('ECANCELED', 'no name server says where the scheduler is now');
          },
        ),
    });
  const offices = holdOffices({
    leases,
    self: self.name,
    report,
    isReachable: () => peer.bus.state === 'connected',
    offices: [
      { service: 'nameserver', start: startNames },
      { service: 'scheduler', start: startJobs },
    ],
  });
  return offices;
}

/** Resolves when `done` is true. @throws what `late` makes */
async function until(done: () => boolean, patienceMs: number, late: () => Error): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!done()) {
    if (performance.now() > deadline) throw late();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
