/** A runtime's daemon: broker (if it is the cluster's), bus, kernel agents, runtime. The composition root of `oneos`. */
import path from 'node:path';
import { type AclContext, clientIdOf, type Identity, mayPublish, maySubscribe } from '../bus/acl.js';
import { type Applicant, type Broker, startBroker } from '../bus/broker.js';
import { Logins } from '../bus/logins.js';
import { memberAccess, signBootRecord, watchMembers } from '../bus/members.js';
import { connectMqtt, printableUrl } from '../bus/mqtt.js';
import { createPeer, sealMessage } from '../bus/peer.js';
import { parseToken } from '../bus/token.js';
import { keepDescriptors } from '../host/libc.js';
import { setModuleRoot } from '../host/modules.js';
import type { Coordination } from '../kernel/coordination/coordination.js';
import { openCoordination } from '../kernel/coordination/embedded.js';
import { startKernel } from '../kernel/index.js';
import { joinCluster } from '../kernel/join.js';
import { admitJoins, type NameServer, type NameServerState, updateRecord } from '../kernel/nameserver.js';
import type { Newcomer } from '../kernel/newcomers.js';
import type { Users } from '../kernel/scheduler/driver.js';
import { openStore, type Store } from '../kernel/store.js';
import { Authority } from '../runtime/authority/authority.js';
import { Grants } from '../runtime/authority/grants.js';
import { startRuntime } from '../runtime/index.js';
import { startMesh } from '../stream/direct/mesh.js';
import { openStreams } from '../stream/streams.js';
import { WireError } from '../wire/errors.js';
import { type ClusterId, isId, newClusterId, type RuntimeName, type SessionId } from '../wire/ids.js';
import type { RuntimeStatus, SignedBootRecord } from '../wire/messages.js';
import { topics } from '../wire/topics.js';
import type { EngineCluster } from './engine.js';
import {
  clusterKeys,
  grantsFile,
  hostsNameServer,
  hostUserName,
  kernelDirectory,
  makeHome,
  readBrokerAccess,
  readConfig,
  readDaemon,
  readEngineAccess,
  readMembership,
  removeDaemon,
  runtimeKeys,
  userKeys,
  writeDaemon,
  writeFirstGrants,
  writeMembership,
} from './home.js';

export interface DaemonOptions {
  readonly home: string;
  readonly configFile: string;
  readonly name?: RuntimeName | undefined;
  /** An external broker for a new cluster; else one is started here. */
  readonly broker?: string | undefined;
  /** An engine that keeps the state of the kernel agents, for all machines that use it; else it is kept here. */
  readonly engine?: string | undefined;
  /** Where the embedded broker listens. */
  readonly listen?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined;
  /** Become a member with a token first. */
  readonly join?: { readonly url: string; readonly token: string } | undefined;
  /** Directory of the bundles. */
  readonly dist: string;
  readonly version: string;
}

export interface Daemon {
  readonly name: RuntimeName;
  readonly cluster: ClusterId;
  /** URL it is connected by; may carry a password. */
  readonly broker: string;
  /** The broker is this daemon's. */
  readonly ownBroker: boolean;
  /** This daemon hosts the name server. */
  readonly nameServer: NameServer | undefined;
  /** Resolves when this machine's key has been taken away. */
  readonly revoked: Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds in which a revoked machine hears that it is one, before the broker cuts its connections. */
const farewell = 500;

/** Seconds that a new join token is good for. */
export const tokenLifetime = 3600;

/** @throws WireError with one clear line: EBUSY, ECONNREFUSED, ETOKEN, ENAMETAKEN, EINVAL … */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { home } = options;
  makeHome(home);
  const running = readDaemon(home);
  if (running !== undefined)
    throw new WireError('EBUSY', `runtime ${running.name} is up already under ${home} (process ${running.pid})`);
  setModuleRoot(options.dist);
  keepDescriptors();
  const keys = await runtimeKeys(home);
  const { publicKey: userKey } = await userKeys(home);
  let membership = readMembership(home);
  const config = readConfig(options.configFile, options.name ?? membership?.name);
  const { name } = config;
  const user = membership?.user ?? hostUserName(name);
  if (options.join !== undefined) {
    const { cluster } = parseToken(options.join.token);
    if (hostsNameServer(home) || (membership !== undefined && membership.signed.record.cluster !== cluster))
      throw new WireError(
        'EBUSY',
        `this machine is a member of cluster ${membership?.signed.record.cluster} already (its state is in ${home})`,
      );
    const signed = await joinCluster(options.join.url, {
      token: options.join.token,
      name,
      keys,
      user: { name: user, publicKey: userKey },
      access: readBrokerAccess(home),
    });
    membership = { signed, broker: options.join.url, name, user };
    await writeMembership(home, membership);
    await writeFirstGrants(home, user);
  }
  if (membership !== undefined && membership.name !== name) {
    throw new WireError('EINVAL', `this machine is registered as ${membership.name}, not ${name}`);
  }

  // The name server's own machine: the cluster is made here when there is none.
  let coordination: Coordination | undefined;
  const founding = membership === undefined;
  let store: Store<NameServerState> | undefined;
  let broker: Broker<Identity> | undefined;
  let engine: EngineCluster | undefined;
  let nameServer: NameServer | undefined;
  let signed: SignedBootRecord;
  let url: string;
  const engineUrl = options.engine ?? membership?.engine;
  if (engineUrl !== undefined) {
    if (hostsNameServer(home))
      throw new WireError(
        'EBUSY',
        `this machine keeps its cluster by itself (its state is in ${kernelDirectory(home)})`,
      );
    engine = await joinEngine(engineUrl, options, membership?.signed.record.cluster, {
      name,
      publicKey: keys.publicKey,
      user: { name: user, publicKey: userKey },
    });
    signed = engine.signed;
    url = options.broker ?? membership?.broker ?? signed.record.broker;
    membership = { signed, broker: url, name, user, engine: engineUrl };
  } else if (founding || hostsNameServer(home)) {
    coordination = await openCoordination(kernelDirectory(home));
    const cluster = membership?.signed.record.cluster ?? newClusterId();
    const owner = await clusterKeys(home);
    store = await openStore<NameServerState>(coordination, 'nameserver', {
      record: {
        cluster,
        revision: 1,
        broker: '',
        kernelRuntimes: [name],
        services: { nameserver: name, scheduler: name },
        keys: { [name]: keys.publicKey },
        users: { [user]: userKey },
        owners: [user],
      },
      tokens: {},
    });
    const kept = store;
    url = options.broker ?? (membership?.embedded === false ? membership.broker : '');
    if (url === '') {
      const before = /:(\d+)$/.exec(kept.data.record.broker)?.[1];
      broker = await startBroker<Identity>({
        host: options.listen?.host ?? '127.0.0.1',
        port: options.listen?.port ?? Number(before ?? 0),
        keys: owner,
        authenticate: (applicant) => identify(kept, nameServer, applicant),
        mayPublish: (identity, topic) => mayPublish(context(kept), identity, topic),
        maySubscribe: (identity, filter) => maySubscribe(context(kept), identity, filter),
      });
      url = broker.url;
    }
    // A password in the URL is this machine's own.
    await updateRecord(store, () => ({ broker: printableUrl(url) }));
    signed = signBootRecord(store.data.record, owner);
    membership = { signed, broker: url, name, user, embedded: broker !== undefined };
    await writeMembership(home, membership);
    await writeFirstGrants(home, user);
  } else {
    url = options.broker ?? membership!.broker;
    membership = { ...membership!, broker: url };
    signed = membership.signed;
  }
  /** This machine is, or may become, the name server's. */
  const hosting = store !== undefined || engine !== undefined;

  const own = membership;
  const { cluster } = signed.record;
  const incarnation = Date.now();
  const self = { runtime: name };
  const statusTopic = topics.runtimeStatus(cluster, name);
  const offline: RuntimeStatus = { type: 'runtime.status', state: 'offline', name, incarnation };
  const clientId = clientIdOf(name);
  try {
    const bus = await connectMqtt({
      ...memberAccess(url, { name, keys, signed }),
      ...readBrokerAccess(home),
      clientId,
      will: { topic: statusTopic, payload: sealMessage({ self, keys }, statusTopic, offline), qos: 1, retain: true },
    });
    const members = await watchMembers(bus, signed, (next) => {
      // Whose key is registered no more is out, once it has been able to hear so.
      setTimeout(() => {
        broker?.expel((who, key) => who.kind === 'runtime' && !isKeyOf(store!, who.name, key));
      }, farewell).unref();
      void writeMembership(home, { ...own, signed: next }).catch(() => {});
    });
    const publicKeyOf = hosting ? admitJoins(cluster, members.publicKeyOf) : members.publicKeyOf;
    const peer = await createPeer({ bus, cluster, self, keys, publicKeyOf });
    const logins = new Logins(peer, members.userKeyOf);
    const users: Users = { userOf: (session) => logins.userOf(session), isOwner: members.isOwner };
    const offices = await engine?.serve({ peer, members, users, report });
    if (offices !== undefined) {
      await writeMembership(home, { ...own, signed: members.signed });
      await writeFirstGrants(home, user);
    }
    const kernel = await startKernel({
      peer,
      coordination: coordination ?? (await openCoordination(undefined)),
      users,
      onGone: members.onGone,
      services: Object.entries(offices === undefined ? signed.record.services : {}).flatMap(([service, host]) =>
        host === name ? [service] : [],
      ),
      ...(store === undefined
        ? {}
        : {
            nameServer: {
              store,
              clusterKeys: await clusterKeys(home),
              changed: members.accept,
            },
          }),
    });
    nameServer = kernel.nameServer;
    // Reachable from where its broker is: nothing off this machine can connect unless it was asked for.
    const listen = isLoopback(url) ? { host: '127.0.0.1' } : {};
    const mesh = await startMesh({ peer, keys, publicKeyOf: members.publicKeyOf, listen });
    const runtime = await startRuntime({
      peer,
      config,
      streams: openStreams({ bus, cluster, paths: mesh }),
      home,
      kernel: hosting,
      incarnation,
      contextFile: path.join(options.dist, 'context.cjs'),
      shell: [path.join(options.dist, '..', 'bin', 'onesh')],
      version: options.version,
      onGone: members.onGone,
      authority: new Authority(
        name,
        new Grants(grantsFile(home), report),
        logins,
        members.isOwner,
        (machine) => members.signed.record.services.scheduler === machine,
      ),
    });
    const revoked = new Promise<void>((resolve) => {
      members.onGone((gone) => {
        if (gone === name) resolve();
      });
    });
    await writeDaemon(home, { pid: process.pid, home, name, cluster, broker: url, incarnation });
    return {
      name,
      cluster,
      broker: url,
      ownBroker: broker !== undefined,
      nameServer,
      revoked,
      close: async () => {
        removeDaemon(home);
        await runtime.close();
        await mesh.close();
        await kernel.close();
        await offices?.close();
        await peer.close();
        await members.close();
        await bus.close();
        await engine?.close();
        await broker?.close();
      },
    };
  } catch (error) {
    await engine?.close();
    await broker?.close();
    throw error;
  }
}

/** A broker that only this machine can have connected to. */
const isLoopback = (urls: string): boolean =>
  urls.split(',').every((url) => /^(127\.|localhost$|\[::1\]$)/.test(new URL(url).hostname));

/** To the log. */
const report = (message: string): void => void process.stderr.write(`oneos: ${message}\n`);

async function joinEngine(
  url: string,
  { home, broker }: DaemonOptions,
  cluster: ClusterId | undefined,
  self: Newcomer,
): Promise<EngineCluster> {
  const { openEngineCluster } = await import('./engine.js');
  const told = broker === undefined ? {} : { broker: printableUrl(broker) };
  return openEngineCluster({ url, access: readEngineAccess(home), cluster, self: { ...self, ...told } });
}

const context = (store: Store<NameServerState>): AclContext => ({
  cluster: store.data.record.cluster,
  services: store.data.record.services,
  kernelRuntimes: store.data.record.kernelRuntimes,
});

const isKeyOf = (store: Store<NameServerState>, name: string, publicKey: string | undefined): boolean =>
  Object.hasOwn(store.data.record.keys, name) && store.data.record.keys[name] === publicKey;

/** Who connects to the embedded broker: a member by its key, a newcomer by its token. */
function identify(
  store: Store<NameServerState>,
  nameServer: NameServer | undefined,
  { clientId, username, password, publicKey, binding }: Applicant,
): Identity | undefined {
  if (username?.startsWith('token:')) {
    const admitted = nameServer?.admits(username.slice('token:'.length), clientId, password, binding) ?? false;
    return admitted && clientId.startsWith('join-') ? { kind: 'join', id: clientId.slice('join-'.length) } : undefined;
  }
  const [name, session, ...rest] = clientId.split('.');
  if (name === undefined || rest.length > 0 || username !== name) return undefined;
  if (session !== undefined && !isId(session)) return undefined;
  if (publicKey === undefined || !isKeyOf(store, name, publicKey)) return undefined;
  return {
    kind: 'runtime',
    name: name as RuntimeName,
    ...(session === undefined ? {} : { session: `${name}/${session}` as SessionId }),
  };
}
