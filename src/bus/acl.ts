/**
 * Who may say and hear what, derived from `topics`: one rule set for the embedded broker (asked per message) and for the ACL
 * files of others. Deny by default.
 */
import type { ClusterId, RuntimeName, SessionId } from '../wire/ids.js';
import type { BootRecord } from '../wire/messages.js';
import { type Service, topics } from '../wire/topics.js';

/** Who is at the other end of a broker connection. */
export type Identity =
  | { readonly kind: 'runtime'; readonly name: RuntimeName; readonly session?: SessionId }
  /** A machine with a join token that is not a member yet; `id` names its reply topic. */
  | { readonly kind: 'join'; readonly id: string };

/** MQTT client id of a runtime, or of a session on it: `NAME`, `NAME.ID`. */
export function clientIdOf(name: RuntimeName, session?: SessionId): string {
  return session === undefined ? name : session.replace('/', '.');
}

/** What the rules depend on. */
export interface AclContext {
  readonly cluster: ClusterId;
  readonly services: BootRecord['services'];
}

const hosts = (context: AclContext, service: string, identity: Identity) =>
  identity.kind === 'runtime' && context.services[service as Service] === identity.name;

/** A topic below `onesh/CLUSTER` as its levels; undefined elsewhere. */
function levelsOf(cluster: ClusterId, topic: string): readonly string[] | undefined {
  const [head, owner, ...rest] = topic.split('/');
  return head === 'onesh' && owner === cluster ? rest : undefined;
}

export function mayPublish(context: AclContext, identity: Identity, topic: string): boolean {
  const { cluster } = context;
  if (identity.kind === 'join') return topic === topics.kernel(cluster, 'nameserver');
  const levels = levelsOf(cluster, topic);
  if (levels === undefined) return false;
  const [area, owner] = levels;
  const leaf = levels.at(-1);
  switch (area) {
    // The boot record and answers to newcomers are the name server's.
    case 'boot':
    case 'join':
      return hosts(context, 'nameserver', identity);
    case 'runtimes':
      return leaf === 'inbox' || (leaf === 'status' && owner === identity.name && identity.session === undefined);
    case 'sessions':
      return leaf === 'inbox' || (leaf === 'status' && `${owner}/${levels[2]}` === identity.session);
    // Requests are checked by the kernel agent; whoever reads a stream knows by its id what it is.
    case 'kernel':
    case 'agents':
    case 'files':
      return true;
    default:
      return false;
  }
}

export function maySubscribe(context: AclContext, identity: Identity, filter: string): boolean {
  const { cluster } = context;
  if (identity.kind === 'join') return filter === topics.join(cluster, identity.id);
  const levels = levelsOf(cluster, filter);
  if (levels === undefined) return false;
  const [area, owner] = levels;
  const leaf = levels.at(-1);
  switch (area) {
    case 'boot':
      return levels.length === 1;
    case 'runtimes':
      return leaf === 'status' || (leaf === 'inbox' && owner === identity.name && identity.session === undefined);
    case 'sessions':
      return leaf === 'status' || (leaf === 'inbox' && `${owner}/${levels[2]}` === identity.session);
    case 'kernel':
      return owner !== undefined && hosts(context, owner, identity);
    // Streams whose reader, or writer, is on this machine.
    case 'agents':
    case 'files':
      return owner === identity.name;
    default:
      return false;
  }
}
