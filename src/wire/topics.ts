/**
 * Every topic of a cluster. One place, so that broker ACLs can be generated from it.
 *
 *     onesh/CLUSTER/boot                         retained, signed boot record
 *     onesh/CLUSTER/runtimes/NAME/status         retained birth and last will of a runtime
 *     onesh/CLUSTER/runtimes/NAME/inbox          control messages to a runtime
 *     onesh/CLUSTER/kernel/SERVICE               requests to a kernel agent, whichever runtime hosts it
 *     onesh/CLUSTER/sessions/ID/status           retained birth and last will of a session
 *     onesh/CLUSTER/sessions/ID/inbox            replies and events to a session
 *     onesh/CLUSTER/join/ID                      reply to a machine that is not yet a member
 *     onesh/CLUSTER/agents/ID/stdin|stdout|stderr|fdN        stream frames towards the reader
 *     onesh/CLUSTER/agents/ID/stdin|…/credit                 stream frames back to the writer
 *     onesh/CLUSTER/files/ID , …/credit                      streams with no agent at either end
 */
import type { PlanEdge } from './graph.js';
import type { ClusterId, RuntimeName, SessionId } from './ids.js';

export type Service = 'nameserver' | 'scheduler' | 'session' | 'namespace' | 'storage' | 'ipc';

const root = (cluster: ClusterId) => `onesh/${cluster}`;

export const topics = {
  boot: (c: ClusterId) => `${root(c)}/boot`,
  runtimeStatus: (c: ClusterId, name: RuntimeName | '+') => `${root(c)}/runtimes/${name}/status`,
  runtimeInbox: (c: ClusterId, name: RuntimeName) => `${root(c)}/runtimes/${name}/inbox`,
  kernel: (c: ClusterId, service: Service) => `${root(c)}/kernel/${service}`,
  sessionStatus: (c: ClusterId, id: SessionId | '+') => `${root(c)}/sessions/${id}/status`,
  sessionInbox: (c: ClusterId, id: SessionId) => `${root(c)}/sessions/${id}/inbox`,
  join: (c: ClusterId, id: string) => `${root(c)}/join/${id}`,
  /** Data topic of an edge; see {@link credit} for the way back. */
  edge: (c: ClusterId, edge: PlanEdge): string => {
    if (edge.to.kind === 'agent') return `${root(c)}/agents/${edge.to.agent}/${descriptor(edge.to.fd)}`;
    if (edge.from.kind === 'agent') return `${root(c)}/agents/${edge.from.agent}/${descriptor(edge.from.fd)}`;
    return `${root(c)}/files/${edge.id}`;
  },
  credit: (dataTopic: string) => `${dataTopic}/credit`,
} as const;

function descriptor(fd: number): string {
  return fd === 0 ? 'stdin' : fd === 1 ? 'stdout' : fd === 2 ? 'stderr' : `fd${fd}`;
}
