/**
 * What may arrive: a schema for every control message, checked once at the edge. The checked value itself is passed on, not a
 * rebuilt copy, since signatures cover its JSON text; fields the schemas do not name are left alone, so that a newer sender
 * is understood by an older receiver.
 */
import * as v from 'valibot';
import { openFlags } from './files.js';
import { homeOf, isDeviceName, isId, isRuntimeName, isSessionId, isUserName, type SessionId } from './ids.js';
import type { Body, Envelope, JobRecord } from './messages.js';

const id = v.pipe(v.string(), v.check(isId));
const session = v.pipe(v.string(), v.check(isSessionId));
const name = v.pipe(v.string(), v.check(isRuntimeName));
const user = v.pipe(v.string(), v.check(isUserName));
const text = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const strings = v.array(text);
const variables = v.record(text, text);
const signal = v.pipe(v.string(), v.regex(/^SIG[A-Z0-9+-]{1,12}$/));
const language = v.picklist(['native', 'node', 'python', 'wasm', 'shell']);

const program = v.variant('kind', [
  v.looseObject({ kind: v.literal('native'), name: text }),
  v.looseObject({ kind: v.literal('node'), path: text, text, first: v.optional(v.number()) }),
  v.looseObject({
    kind: v.literal('python'),
    path: text,
    text,
    source: v.optional(v.picklist(['file', 'module', 'command', 'stdin'])),
    options: v.optional(v.array(text)),
    first: v.optional(v.number()),
  }),
  v.looseObject({ kind: v.literal('wasm'), path: text, bytes: text }),
  v.looseObject({ kind: v.literal('shell'), source: text, variables, positional: strings }),
]);
const constraint = v.variant('kind', [
  v.looseObject({ kind: v.literal('runtime'), name, why: text }),
  v.looseObject({ kind: v.literal('label'), label: text, why: text }),
  v.looseObject({ kind: v.literal('language'), language, why: text }),
  v.looseObject({
    kind: v.literal('gpio'),
    line: count,
    direction: v.optional(v.picklist(['in', 'out'])),
    why: text,
  }),
]);
const operand = v.variant('kind', [
  v.looseObject({ kind: v.literal('stream'), index: count, path: text, fd: count }),
  v.looseObject({ kind: v.literal('host'), index: count, path: text, runtime: name, hostPath: text }),
]);
const planAgent = v.looseObject({
  id,
  argv: strings,
  program,
  constraints: v.array(constraint),
  locality: v.array(v.looseObject({ runtime: name, bytes: v.optional(v.number()), why: text })),
  environment: v.optional(variables),
  operands: v.array(operand),
  text,
});
const endpoint = v.variant('kind', [
  v.looseObject({ kind: v.literal('agent'), agent: id, fd: count }),
  v.looseObject({
    kind: v.literal('path'),
    path: text,
    provider: name,
    mode: v.picklist(['read', 'write', 'append']),
  }),
  v.looseObject({ kind: v.literal('session'), label: text }),
]);
const edge = { id, from: endpoint, to: endpoint };
const socketTarget = v.looseObject({
  transport: v.picklist(['tcp', 'udp']),
  port: v.pipe(count, v.minValue(1), v.maxValue(65_535)),
  program: v.optional(text),
});
const routedEdge = v.looseObject({
  ...edge,
  fromRuntime: name,
  toRuntime: name,
  fromSession: v.optional(v.boolean()),
  toSession: v.optional(v.boolean()),
});
const context = v.looseObject({ environment: variables, cwd: text, umask: count });
const plan = v.looseObject({
  version: v.literal(1),
  job: id,
  session,
  home: name,
  source: text,
  agents: v.array(planAgent),
  edges: v.array(v.looseObject(edge)),
  context,
});
const runtimeInfo = v.looseObject({
  name,
  labels: strings,
  languages: v.array(language),
  devices: v.array(
    v.looseObject({
      name: v.pipe(v.string(), v.check(isDeviceName)),
      driver: v.picklist(['gpio', 'file', 'command', 'mqtt', 'simulated']),
      direction: v.picklist(['in', 'out', 'inout']),
      line: v.optional(count),
    }),
  ),
  kernel: v.boolean(),
  agents: count,
  load: v.number(),
  version: text,
  node: text,
  platform: text,
  openTo: v.optional(strings),
});
const agentState = v.picklist(['starting', 'running', 'stopped', 'exited', 'lost']);
const agentReport = v.looseObject({
  type: v.literal('agent.state'),
  job: id,
  agent: id,
  runtime: name,
  state: agentState,
  pid: v.optional(count),
  status: v.optional(count),
  signal: v.optional(text),
  message: v.optional(text),
});
const jobRecord = v.looseObject({
  job: id,
  session,
  home: name,
  source: text,
  started: v.number(),
  agents: v.array(v.looseObject({ id, text, runtime: name, state: agentState })),
});

/** The cluster's boot record with its signature; the signature itself is checked by `verifyBootRecord`. */
export const signedBootRecordSchema = v.looseObject({
  record: v.looseObject({
    cluster: id,
    revision: count,
    broker: text,
    kernelRuntimes: v.array(name),
    services: v.record(text, name),
    keys: v.record(name, text),
    users: v.record(user, text),
    owners: v.array(user),
  }),
  clusterKey: text,
  signature: text,
});

const statKind = v.picklist(['file', 'directory', 'symlink', 'character', 'block', 'fifo', 'socket']);
const decimal = v.pipe(v.string(), v.regex(/^-?\d{1,24}$/));
const number = v.number();
/** Nanoseconds since the epoch, 64 bits of seconds at most. */
const nanoseconds = v.pipe(text, v.regex(/^-?\d{1,20}$/));
const exactTimes = v.tuple([nanoseconds, nanoseconds]);
const stat = v.looseObject({
  kind: statKind,
  size: number,
  mode: count,
  mtimeMs: number,
  uid: number,
  gid: number,
  nlink: number,
  dev: decimal,
  ino: decimal,
  rdev: decimal,
  blksize: number,
  blocks: number,
  atimeNs: decimal,
  mtimeNs: decimal,
  ctimeNs: decimal,
  birthtimeNs: decimal,
});
const fileMode = v.pipe(count, v.maxValue(0o7777));
const owner = v.looseObject({ session, agent: id });
const flags = v.array(v.picklist(openFlags));
/** What is wrong with a path, the file service says. */
const path = text;
const base64 = v.optional(text);
/** Of a file by path or by handle, exactly one. */
const target = (fields: v.ObjectEntries) =>
  v.union([
    v.looseObject({ ...fields, path, handle: v.optional(v.undefined()) }),
    v.looseObject({ ...fields, handle: count, path: v.optional(v.undefined()) }),
  ]);
const statfs = v.looseObject({
  type: decimal,
  bsize: decimal,
  blocks: decimal,
  bfree: decimal,
  bavail: decimal,
  files: decimal,
  ffree: decimal,
});

const contact = v.looseObject({
  port: v.pipe(count, v.minValue(1), v.maxValue(65_535)),
  addresses: v.pipe(v.array(v.pipe(text, v.maxLength(45))), v.maxLength(64)),
  machine: text,
});

const login = v.looseObject({ user, session, home: name, expires: count, signature: text });

/** Fields of each body by its `type`. A type that is not here is passed on as it is: its receiver answers ENOSYS. */
const bodies: Readonly<Record<Body['type'], v.GenericSchema>> = {
  error: v.looseObject({ code: v.pipe(text, v.regex(/^E[A-Z0-9]+$/)), message: text, path: v.optional(text) }),
  ok: v.looseObject({}),
  ping: v.looseObject({}),
  'clock.get': v.looseObject({}),
  clock: v.looseObject({}),
  join: v.looseObject({
    name,
    publicKey: text,
    token: text,
    proof: text,
    user: v.optional(v.looseObject({ name: user, publicKey: text })),
  }),
  joined: v.looseObject({ record: signedBootRecordSchema }),
  'boot.get': v.looseObject({}),
  boot: v.looseObject({ record: signedBootRecordSchema }),
  revoke: v.looseObject({ name: v.union([name, user]) }),
  'token.new': v.looseObject({
    lifetime: v.pipe(v.number(), v.minValue(1), v.maxValue(366 * 24 * 3600)),
    guest: v.optional(v.boolean()),
  }),
  token: v.looseObject({ token: text }),
  'inventory.get': v.looseObject({}),
  inventory: v.looseObject({ inventory: v.looseObject({ runtimes: v.array(runtimeInfo) }) }),
  'job.place': v.looseObject({ plan }),
  'job.submit': v.looseObject({ plan }),
  'job.placed': v.looseObject({ placements: v.array(v.looseObject({ agent: id, runtime: name, reason: text })) }),
  'job.signal': v.looseObject({ job: id, signal, agents: v.optional(v.array(id)) }),
  'job.list': v.looseObject({}),
  jobs: v.looseObject({ jobs: v.array(jobRecord) }),
  'agent.spawn': v.looseObject({
    job: id,
    session,
    home: name,
    agents: v.array(planAgent),
    edges: v.array(routedEdge),
    context,
    parent: v.optional(name),
  }),
  'agent.signal': v.looseObject({ agent: id, signal }),
  'agent.list': v.looseObject({}),
  agents: v.looseObject({ agents: v.array(agentReport) }),
  'stream.open': v.looseObject({ session, edges: v.array(routedEdge) }),
  'login.get': v.looseObject({}),
  login: v.looseObject({ login }),
  'direct.dial': v.looseObject({ contact }),
  'file.open': v.looseObject({ path, flags, mode: fileMode, owner: v.optional(owner) }),
  'file.close': v.looseObject({ handle: count }),
  'file.read': target({ offset: v.optional(count), length: count }),
  'file.write': v.looseObject({ handle: count, offset: v.optional(count), data: base64 }),
  'file.seek': v.looseObject({ handle: count, offset: number, whence: v.picklist(['set', 'current', 'end']) }),
  'file.sync': v.looseObject({ handle: count, dataOnly: v.boolean() }),
  'file.save': v.looseObject({ path, flags, mode: fileMode, data: base64 }),
  'file.stat': target({ follow: v.boolean() }),
  'file.access': v.looseObject({ path, mode: v.pipe(count, v.maxValue(7)) }),
  'file.chmod': target({ mode: fileMode, follow: v.boolean() }),
  'file.chown': target({ uid: number, gid: number, follow: v.boolean() }),
  'file.utimes': target({ atime: number, mtime: number, exact: v.optional(exactTimes), follow: v.boolean() }),
  'file.truncate': target({ size: count }),
  'file.statfs': v.looseObject({ path }),
  'file.list': v.looseObject({ path, inodes: v.optional(v.boolean()) }),
  'file.mkdir': v.looseObject({ path, mode: fileMode, recursive: v.boolean() }),
  'file.mkdtemp': v.looseObject({ path }),
  'file.remove': v.looseObject({ path, directory: v.boolean(), recursive: v.boolean() }),
  'file.rename': v.looseObject({ path, to: path }),
  'file.link': v.looseObject({ path, to: path }),
  'file.symlink': v.looseObject({ path, target: text }),
  'file.readlink': v.looseObject({ path }),
  'file.realpath': v.looseObject({ path }),
  'file.copy': v.looseObject({ path, to: path, exclusive: v.boolean() }),
  'file.watch': v.looseObject({ path, recursive: v.boolean(), owner: v.optional(owner) }),
  'file.stream': v.looseObject({
    handle: count,
    offset: count,
    direction: v.picklist(['read', 'write']),
    edge: routedEdge,
  }),
  'file.module': v.looseObject({
    path,
    extension: text,
    declared: v.optional(v.picklist(['commonjs', 'module'])),
    key: text,
    owner: v.optional(owner),
  }),
  'file.settle': v.looseObject({ handle: count }),
  'file.release': v.looseObject({ owner }),
  'file.opened': v.looseObject({ handle: count, kind: statKind, file: v.optional(text) }),
  'file.data': v.looseObject({ data: base64, eof: v.boolean() }),
  'file.written': v.looseObject({ size: count, position: v.optional(count) }),
  'file.position': v.looseObject({ position: count }),
  'file.stat.reply': v.looseObject({ stat }),
  'file.statfs.reply': v.looseObject({ statfs }),
  'file.entries': v.looseObject({
    entries: v.array(v.looseObject({ name: text, kind: statKind, ino: v.optional(text) })),
  }),
  'file.path': v.looseObject({ path: v.optional(text) }),
  'net.find': v.looseObject({ target: socketTarget }),
  'net.found': v.looseObject({ here: v.boolean() }),
  'net.connect': v.looseObject({ target: socketTarget, towards: routedEdge, back: routedEdge }),
  'file.direct': v.looseObject({ name: id }),
  'file.event': v.looseObject({
    handle: count,
    owner,
    event: v.picklist(['rename', 'change', 'error']),
    name: v.optional(text),
    code: v.optional(text),
  }),
  'agent.state': agentReport,
};

/** Presence, which is not in an envelope's request-reply vocabulary but travels in one. */
const statuses: Readonly<Record<string, v.GenericSchema>> = {
  'runtime.status': v.looseObject({
    state: v.picklist(['online', 'offline']),
    name,
    incarnation: count,
    info: v.optional(runtimeInfo),
    direct: v.optional(contact),
  }),
  'session.status': v.looseObject({
    state: v.picklist(['online', 'offline']),
    session,
    home: name,
    login: v.optional(login),
  }),
};

const envelopeSchema = v.strictObject({
  v: v.literal(1),
  id,
  re: v.optional(id),
  from: v.pipe(
    v.strictObject({ runtime: name, session: v.optional(session) }),
    v.check((from) => from.session === undefined || homeOf(from.session as SessionId) === from.runtime),
  ),
  reply: v.optional(text),
  to: text,
  time: count,
  body: v.looseObject({ type: text }),
});

/** Whatever names a session names it so. */
const forSession = v.looseObject({ session: v.optional(session) });

/** True when `value` is a well-formed body: its type's fields are what they should be. */
export function isBody(value: unknown): boolean {
  if (!v.is(v.looseObject({ type: text }), value)) return false;
  const { type } = value;
  const schema = Object.hasOwn(bodies, type)
    ? bodies[type as Body['type']]
    : Object.hasOwn(statuses, type)
      ? statuses[type]
      : undefined;
  return schema === undefined || (v.is(schema, value) && v.is(forSession, value));
}

/** True when `value` is a job as the scheduler keeps it. */
export const isJobRecord = (value: unknown): value is JobRecord => v.is(jobRecord, value);

/** True when `value` is a well-formed envelope around a well-formed body. */
export function isEnvelope(value: unknown): value is Envelope {
  return v.is(envelopeSchema, value) && isBody(value.body);
}
