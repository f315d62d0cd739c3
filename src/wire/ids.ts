/**
 * Identifiers. Branded strings, so that an agent id is never passed where a runtime name is meant.
 */

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** The name of a runtime, unique in its cluster; see {@link isRuntimeName}. */
export type RuntimeName = Brand<string, 'RuntimeName'>;
/** A user, by who they are on the machine where they work: `NAME@RUNTIME`; see {@link isUserName}. */
export type UserName = Brand<string, 'UserName'>;
/** Globally unique id of one running program (paper §3.2). */
export type AgentId = Brand<string, 'AgentId'>;
/** Globally unique id of one submitted plan. */
export type JobId = Brand<string, 'JobId'>;
/** Globally unique id of one shell's stay in the cluster, `HOME/ID`: its topics say whose they are. See {@link isSessionId}. */
export type SessionId = Brand<string, 'SessionId'>;
/** Id of one edge of a plan: an ordered byte channel. */
export type StreamId = Brand<string, 'StreamId'>;
/** Id of a cluster, chosen when it is made. */
export type ClusterId = Brand<string, 'ClusterId'>;

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** 80 random bits in lower-case Crockford base 32, from the platform's secure generator. */
function randomText(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  let text = '';
  for (const byte of bytes) text += alphabet[byte & 31];
  return text;
}

/** The random bits of an agent's, a job's or a stream's id, as a number. */
export function bitsOf(id: string): bigint {
  let bits = 0n;
  for (const letter of id.slice(2)) bits = (bits << 5n) | BigInt(alphabet.indexOf(letter) & 31);
  return bits;
}

export const newAgentId = (): AgentId => `a-${randomText()}` as AgentId;
export const newJobId = (): JobId => `j-${randomText()}` as JobId;
export const newSessionId = (home: RuntimeName): SessionId => `${home}/s-${randomText()}` as SessionId;
export const newStreamId = (): StreamId => `t-${randomText()}` as StreamId;
export const newClusterId = (): ClusterId => `c-${randomText()}` as ClusterId;
/** A fresh id for one control message; replies name it. */
export const newMessageId = (): string => `m-${randomText()}`;

/** A DNS label in lower case (RFC 1123 §2.1): 1 to 63 letters, digits and inner hyphens. Safe in a topic and in a path. */
export function isRuntimeName(text: string): text is RuntimeName {
  return /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/** `NAME@RUNTIME`, the name as Debian lets one be (lower case, 1 to 32 characters). */
export function isUserName(text: string): text is UserName {
  const at = text.indexOf('@');
  return at > 0 && /^[a-z0-9_][a-z0-9_.-]{0,31}$/.test(text.slice(0, at)) && isRuntimeName(text.slice(at + 1));
}

/** What may stand as NAME in `/dev/NAME`: no slash, no topic wildcard, not hidden, at most 64 characters. */
export function isDeviceName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text);
}

/** The home runtime of a session. */
export const homeOf = (session: SessionId): RuntimeName => session.slice(0, session.indexOf('/')) as RuntimeName;

/** `HOME/ID`, as {@link newSessionId} makes it. */
export function isSessionId(text: string): text is SessionId {
  const slash = text.indexOf('/');
  return slash > 0 && isRuntimeName(text.slice(0, slash)) && isId(text.slice(slash + 1));
}

/** True for the other ids the `new…Id` functions make. Checked wherever an id from the wire becomes part of a topic or a path. */
export function isId(text: string): boolean {
  return /^[ajstcm]-[0-9a-z]{16}$/.test(text);
}
