/**
 * A session at the running cluster: what the shell and the `oneos` command connect through. Its messages are signed with the
 * runtime's key, its login with the user's.
 */
import { clientIdOf } from '../bus/acl.js';
import type { Keys } from '../bus/identity.js';
import { makeLogin } from '../bus/login.js';
import { type Members, memberAccess, watchMembers } from '../bus/members.js';
import { connectMqtt } from '../bus/mqtt.js';
import { createPeer, type Peer, sealMessage } from '../bus/peer.js';
import { WireError } from '../wire/errors.js';
import { newSessionId, type RuntimeName, type SessionId } from '../wire/ids.js';
import type { Body, SessionStatus } from '../wire/messages.js';
import { type Service, topics } from '../wire/topics.js';
import { readBrokerAccess, readDaemon, readMembership, runtimeKeys, userKeys } from './home.js';

export interface Client {
  readonly peer: Peer;
  readonly keys: Keys;
  readonly members: Members;
  readonly name: RuntimeName;
  readonly session: SessionId;
  close(): Promise<void>;
}

/** Milliseconds for a request to a kernel agent: starting agents on several machines takes longer than asking. */
export const patience = { ask: 5000, submit: 20_000 } as const;

/**
 * Connects as a session of the runtime that is up under `home`.
 * @throws WireError ENOTCONN when none is; ECONNREFUSED, EACCES, ETIMEDOUT, EHOSTDOWN for its broker
 */
export async function openClient(home: string): Promise<Client> {
  const daemon = readDaemon(home);
  const membership = daemon === undefined ? undefined : readMembership(daemon.home);
  if (daemon === undefined || membership === undefined)
    throw new WireError('ENOTCONN', `no runtime is up under ${home}; start one with: oneos up`);
  const keys = await runtimeKeys(daemon.home);
  const session = newSessionId(membership.name);
  const { name } = membership;
  const { cluster } = membership.signed.record;
  const clientId = clientIdOf(name, session);
  const topic = topics.sessionStatus(cluster, session);
  const self = { runtime: name, session };
  const user = { user: membership.user, keys: await userKeys(daemon.home), session, home: name };
  const login = () => makeLogin(cluster, user);
  const status = (state: SessionStatus['state']): SessionStatus => ({
    type: 'session.status',
    state,
    session,
    home: name,
    ...(state === 'online' ? { login: login() } : {}),
  });
  const bus = await connectMqtt({
    clientId,
    ...memberAccess(daemon.broker, { name, keys, signed: membership.signed }),
    ...readBrokerAccess(daemon.home),
    // A session that dies takes its agents with it.
    will: { topic, payload: sealMessage({ self, keys }, topic, status('offline')), qos: 1, retain: false },
  });
  const members = await watchMembers(bus, membership.signed);
  const peer = await createPeer({ bus, cluster, self, keys, publicKeyOf: members.publicKeyOf });
  // A runtime that was not there when the session began asks.
  await peer.serve(topics.sessionInbox(cluster, session), (body) =>
    body.type === 'login.get' ? { type: 'login', login: login() } : undefined,
  );
  await peer.send(topic, status('online'));
  return {
    peer,
    keys,
    members,
    name,
    session,
    close: async () => {
      // Closing the bus gives it its time; a broker that has gone is not waited for.
      void peer.send(topic, status('offline')).catch(() => {});
      await peer.close();
      await members.close();
      await bus.close();
    },
  };
}

/** Asks a kernel agent. @throws WireError what it answers; ETIMEDOUT; EPROTO for an answer of another kind than `want` */
export async function askKernel<T extends Body['type']>(
  peer: Peer,
  service: Service,
  body: Body,
  want: T,
  timeoutMs: number = patience.ask,
): Promise<Extract<Body, { type: T }>> {
  // The kernel agent may be moving to another machine.
  const reply = await peer.request(topics.kernel(peer.cluster, service), body, { timeoutMs, repeatMs: 700 });
  if (reply.type !== want) throw new WireError('EPROTO', `the ${service} answered ${body.type} with ${reply.type}`);
  return reply as Extract<Body, { type: T }>;
}
