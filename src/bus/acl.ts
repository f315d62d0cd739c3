/**
 * Who may say and hear what: one rule set, made of topic filters, for the embedded broker (asked per message) and for the files that
 * other brokers read. Deny by default.
 */
import type { ClusterId, RuntimeName, SessionId } from '../wire/ids.js';
import type { BootRecord } from '../wire/messages.js';
import { type Service, topics } from '../wire/topics.js';
import { topicMatches } from './match.js';

/** Who is at the other end of a broker connection. */
export type Identity =
  | { readonly kind: 'runtime'; readonly name: RuntimeName; readonly session?: SessionId }
  /** A runtime and all sessions of its machine, which a broker that goes by user names does not tell apart. */
  | { readonly kind: 'machine'; readonly name: RuntimeName }
  /** A machine with a join token that is not a member yet; `id` names its reply topic, `+` any. */
  | { readonly kind: 'join'; readonly id: string };

/** MQTT client id of a runtime, or of a session on it: `NAME`, `NAME.ID`. */
export function clientIdOf(name: RuntimeName, session?: SessionId): string {
  return session === undefined ? name : session.replace('/', '.');
}

/** What the rules depend on. */
export interface AclContext {
  readonly cluster: ClusterId;
  readonly services: BootRecord['services'];
  /** Who may host any of the services, and does when it holds its lease. */
  readonly kernelRuntimes?: BootRecord['kernelRuntimes'];
}

/** Topic filters (MQTT 3.1.1 §4.7) of what may be published and of what may be heard. */
export interface Rules {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export function rulesOf({ cluster, services, kernelRuntimes }: AclContext, identity: Identity): Rules {
  if (identity.kind === 'join')
    return { publish: [topics.kernel(cluster, 'nameserver')], subscribe: [topics.join(cluster, identity.id)] };
  const { name } = identity;
  const session = identity.kind === 'runtime' ? identity.session : (`${name}/+` as SessionId);
  const runtime = identity.kind === 'machine' || session === undefined;
  const hosted = (Object.keys(services) as Service[]).filter(
    (service) => services[service] === name || kernelRuntimes?.includes(name),
  );
  return {
    publish: [
      // First, for there are most: whoever reads a stream knows by its id what it is.
      topics.streams(cluster, 'agents', '+'),
      topics.streams(cluster, 'files', '+'),
      // The boot record and answers to newcomers are the name server's.
      ...(hosted.includes('nameserver') ? [topics.boot(cluster), topics.join(cluster, '+')] : []),
      topics.runtimeInbox(cluster, '+'),
      ...(runtime ? [topics.runtimeStatus(cluster, name)] : []),
      topics.sessionInbox(cluster, '+/+'),
      ...(session === undefined ? [] : [topics.sessionStatus(cluster, session)]),
      // Requests are checked by the kernel agent.
      topics.kernel(cluster, '+'),
    ],
    subscribe: [
      topics.boot(cluster),
      topics.runtimeStatus(cluster, '+'),
      ...(runtime ? [topics.runtimeInbox(cluster, name)] : []),
      topics.sessionStatus(cluster, '+/+'),
      ...(session === undefined ? [] : [topics.sessionInbox(cluster, session)]),
      ...hosted.map((service) => topics.kernel(cluster, service)),
      // Streams whose reader, or writer, is on this machine.
      topics.streams(cluster, 'agents', name),
      topics.streams(cluster, 'files', name),
    ],
  };
}

/** An identity's rules are made once, and again when kernel agents move. */
const known = new WeakMap<Identity, { readonly services: AclContext['services']; readonly rules: Rules }>();

function rulesFor(context: AclContext, identity: Identity): Rules {
  const before = known.get(identity);
  if (before?.services === context.services) return before.rules;
  const rules = rulesOf(context, identity);
  known.set(identity, { services: context.services, rules });
  return rules;
}

/** True when every topic that `filter` matches is matched by `rule`. */
function covers(rule: string, filter: string): boolean {
  const [allowed, wanted] = [rule.split('/'), filter.split('/')];
  for (const [i, level] of allowed.entries()) {
    if (level === '#') return true;
    if (wanted[i] === '#' || wanted[i] === undefined) return false;
    if (level !== '+' && level !== wanted[i]) return false;
  }
  return allowed.length === wanted.length;
}

export const mayPublish = (context: AclContext, identity: Identity, topic: string): boolean =>
  rulesFor(context, identity).publish.some((rule) => topicMatches(rule, topic));

export const maySubscribe = (context: AclContext, identity: Identity, filter: string): boolean =>
  rulesFor(context, identity).subscribe.some((rule) => covers(rule, filter));
