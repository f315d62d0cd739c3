/**
 * Every topic of a cluster. One place, so that broker ACLs can be generated from it.
 *
 *     onesh/CLUSTER/boot                         retained, signed boot record
 *     onesh/CLUSTER/runtimes/NAME/status         retained birth and last will of a runtime
 *     onesh/CLUSTER/runtimes/NAME/inbox          control messages to a runtime
 *     onesh/CLUSTER/kernel/SERVICE               requests to a kernel agent, whichever runtime hosts it
 *     onesh/CLUSTER/sessions/HOME/ID/status      birth and last will of a session
 *     onesh/CLUSTER/sessions/HOME/ID/inbox       replies and events to a session
 *     onesh/CLUSTER/join/ID                      reply to a machine that is not yet a member
 *     onesh/CLUSTER/agents/NAME/ID/stdin|stdout|stderr|fdN   stream frames towards the reader, which is on the runtime NAME
 *     onesh/CLUSTER/agents/NAME/ID/stdin|…/credit            stream frames back to the writer, on the runtime NAME
 *     onesh/CLUSTER/files/NAME/ID , …/credit                 streams with no agent at either end
 *
 * Whatever one machine alone may hear has its name in it: a broker that knows who is connected can see to that.
 */
import type { ClusterId, RuntimeName, SessionId } from './ids.js';
import type { RoutedEdge } from './messages.js';

export type Service = 'nameserver' | 'scheduler' | 'session' | 'namespace' | 'storage' | 'ipc';

const root = (cluster: ClusterId) => `onesh/${cluster}`;

export const topics = {
  boot: (c: ClusterId) => `${root(c)}/boot`,
  runtimeStatus: (c: ClusterId, name: RuntimeName | '+') => `${root(c)}/runtimes/${name}/status`,
  runtimeInbox: (c: ClusterId, name: RuntimeName | '+') => `${root(c)}/runtimes/${name}/inbox`,
  kernel: (c: ClusterId, service: Service | '+') => `${root(c)}/kernel/${service}`,
  sessionStatus: (c: ClusterId, id: SessionId | '+/+') => `${root(c)}/sessions/${id}/status`,
  sessionInbox: (c: ClusterId, id: SessionId | '+/+') => `${root(c)}/sessions/${id}/inbox`,
  join: (c: ClusterId, id: string) => `${root(c)}/join/${id}`,
  /** All that is for streams of a runtime. */
  streams: (c: ClusterId, area: 'agents' | 'files', name: RuntimeName | '+') => `${root(c)}/${area}/${name}/#`,
  /** Data topic of an edge; see {@link edgeCredit} for the way back. */
  edge: (c: ClusterId, edge: RoutedEdge): string => edgeTopic(c, edge.toRuntime, edge),
  edgeCredit: (c: ClusterId, edge: RoutedEdge): string => credit(edgeTopic(c, edge.fromRuntime, edge)),
} as const;

/** Who hears what is sent there, as a user knows them: a machine by its name, a kernel agent by its service. */
export function recipientOf(topic: string): string {
  const [, , kind, name] = topic.split('/');
  if (name === undefined) return topic;
  return kind === 'runtimes'
    ? name
    : kind === 'kernel'
      ? `the ${name}`
      : kind === 'sessions'
        ? `a session of ${name}`
        : topic;
}

/** The way back of a stream, by the name of the way there. */
export const credit = (data: string): string => `${data}/credit`;

function edgeTopic(c: ClusterId, machine: RuntimeName, { to, from, id }: RoutedEdge): string {
  const end = to.kind === 'agent' ? to : from.kind === 'agent' ? from : undefined;
  if (end === undefined) return `${root(c)}/files/${machine}/${id}`;
  return `${root(c)}/agents/${machine}/${end.agent}/${descriptor(end.fd)}`;
}

function descriptor(fd: number): string {
  return fd === 0 ? 'stdin' : fd === 1 ? 'stdout' : fd === 2 ? 'stderr' : `fd${fd}`;
}
