/**
 * What a runtime keeps on its machine: configuration, keys, the last boot record, and a note while its daemon runs. See
 * `local.ts` for where.
 */
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { writeDurably } from '../bus/durable-file.js';
import { type Keys, loadOrCreateKeys } from '../bus/identity.js';
import { parseBootRecord } from '../bus/members.js';
import type { MqttOptions } from '../bus/mqtt.js';
import type { EngineAccess } from '../kernel/coordination/nats.js';
import { firstGrants } from '../runtime/authority/grants.js';
import { parseDevices } from '../runtime/devices/config.js';
import type { RuntimeConfig } from '../runtime/index.js';
import { WireError } from '../wire/errors.js';
import { isRuntimeName, type RuntimeName, type UserName } from '../wire/ids.js';
import type { SignedBootRecord } from '../wire/messages.js';
import { defaultDevices, isAlive } from './local.js';

/** A daemon that runs, as it says in `daemon.json`. */
export interface DaemonNote {
  readonly pid: number;
  /** State directory of the runtime: that of a local cluster's first runtime, where the note is left by `oneos cluster`. */
  readonly home: string;
  readonly name: RuntimeName;
  readonly cluster: string;
  readonly broker: string;
  /** Milliseconds since the epoch. */
  readonly incarnation: number;
}

const configSchema = v.strictObject({
  name: v.optional(
    v.pipe(v.string(), v.check(isRuntimeName, 'must be 1 to 63 lower-case letters, digits or inner hyphens')),
  ),
  labels: v.optional(
    v.array(v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]+$/, 'must be letters, digits, dots, hyphens or underscores'))),
    [],
  ),
  devices: v.optional(v.array(v.unknown())),
});

/** The host's name as a runtime name: lower case, other characters as hyphens. */
export function hostRuntimeName(): RuntimeName {
  const text = os
    .hostname()
    .split('.')[0]!
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return (isRuntimeName(text) ? text : 'runtime') as RuntimeName;
}

/** Reads the configuration; without a file, one simulated sensor. @throws WireError EINVAL naming file and field */
export function readConfig(file: string, name?: RuntimeName): RuntimeConfig {
  let value: unknown = {};
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new WireError('EINVAL', `${file}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
  const parsed = v.safeParse(configSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new WireError('EINVAL', `${file}: ${v.getDotPath(issue) ?? 'configuration'}: ${issue.message}`);
  }
  const { labels, devices, name: configured } = parsed.output;
  try {
    return {
      name: name ?? (configured as RuntimeName | undefined) ?? hostRuntimeName(),
      labels,
      devices: parseDevices(devices ?? defaultDevices),
    };
  } catch (error) {
    throw new WireError('EINVAL', `${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

const file = (home: string, name: string): string => path.join(home, name);

export function makeHome(home: string): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
}

/** The runtime's key pair, made on first use. */
export const runtimeKeys = (home: string): Promise<Keys> => loadOrCreateKeys(file(home, 'keys.pem'));
/** The cluster's key pair: only where the name server lives. */
export const clusterKeys = (home: string): Promise<Keys> =>
  loadOrCreateKeys(path.join(kernelDirectory(home), 'keys.pem'));
/** State of the kernel agents that this machine hosts. */
export const kernelDirectory = (home: string): string => path.join(home, 'cluster');
export const hostsNameServer = (home: string): boolean =>
  statSync(path.join(kernelDirectory(home), 'nameserver.json'), { throwIfNoEntry: false }) !== undefined;

/** The key pair of the machine's user, made on first use. */
export const userKeys = (home: string): Promise<Keys> => loadOrCreateKeys(file(home, 'user.pem'));
/** Who may do what on this machine. */
export const grantsFile = (home: string): string => file(home, 'grants.json');

/** The user of this machine, by the name that the host knows them by; characters that have no place in it as underscores. */
export function hostUserName(runtime: RuntimeName): UserName {
  const text = os
    .userInfo()
    .username.toLowerCase()
    .replace(/[^a-z0-9_.-]/g, '_')
    .replace(/^[.-]/, '_')
    .slice(0, 32);
  return `${text || '_'}@${runtime}` as UserName;
}

/** Leaves a grants file where there is none, for whoever sets the machine up and those who own the cluster. */
export async function writeFirstGrants(home: string, user: UserName): Promise<void> {
  const at = grantsFile(home);
  if (statSync(at, { throwIfNoEntry: false }) === undefined) await writeDurably(at, firstGrants(user));
}

export interface Membership {
  readonly signed: SignedBootRecord;
  /** Broker URL this machine uses: what it was told to join by, which need not be what the record says. */
  readonly broker: string;
  readonly name: RuntimeName;
  /** As the cluster knows this machine's user. */
  readonly user: UserName;
  /** The broker is this daemon's own. */
  readonly embedded?: boolean;
  /** URL of the engine, where this is one of several kernel runtimes. */
  readonly engine?: string;
}

/** Which cluster this runtime belongs to; undefined when it has joined none. @throws WireError EBADMSG */
export function readMembership(home: string): Membership | undefined {
  let text: string;
  try {
    text = readFileSync(file(home, 'boot.json'), 'utf8');
  } catch {
    return undefined;
  }
  const value = JSON.parse(text) as Membership;
  return { ...value, signed: parseBootRecord(value.signed) };
}

export const writeMembership = (home: string, membership: Membership): Promise<void> =>
  writeDurably(file(home, 'boot.json'), `${JSON.stringify(membership, undefined, 2)}\n`);

const brokerSchema = v.strictObject({
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  ca: v.optional(v.string()),
});

/** The text of such a file. @throws WireError EINVAL naming file and field */
export function parseBrokerAccess(text: string, at: string): v.InferOutput<typeof brokerSchema> {
  try {
    return v.parse(brokerSchema, JSON.parse(text));
  } catch (error) {
    throw new WireError('EINVAL', `${at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/**
 * How to connect to a broker that was set up by hand, from `broker.json`: user name and password, and a file with the
 * certificate of the authority that vouches for it. A secret has no place among a command's arguments.
 * @throws WireError EINVAL naming file and field
 */
export function readBrokerAccess(home: string): Pick<MqttOptions, 'username' | 'password' | 'ca'> {
  const at = file(home, 'broker.json');
  try {
    const { ca, username, password } = parseBrokerAccess(readFileSync(at, 'utf8'), at);
    return {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ca: readFileSync(path.resolve(home, ca), 'utf8') }),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && (error as NodeJS.ErrnoException).path === at) return {};
    if (error instanceof WireError) throw error;
    throw new WireError('EINVAL', `${at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Where an engine keeps what is a cluster's: leases, the registry, the job table. */
export const engineBuckets = ['onesh_leases', 'onesh_nameserver', 'onesh_scheduler'] as const;

const engineSchema = v.strictObject({
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  creds: v.optional(v.string()),
  nkey: v.optional(v.string()),
  ca: v.optional(v.string()),
});

/**
 * Who this machine is to the engine, from `engine.json`: user name and password, or a file with credentials or the seed of an
 * nkey; and a file with the certificate of the authority that vouches for its servers.
 * @throws WireError EINVAL naming file and field
 */
export function readEngineAccess(home: string): EngineAccess {
  const at = file(home, 'engine.json');
  let text: string;
  try {
    text = readFileSync(at, 'utf8');
  } catch {
    return {};
  }
  try {
    const { creds, nkey, ca, username, password } = v.parse(engineSchema, JSON.parse(text));
    const read = (name: string) => readFileSync(path.resolve(home, name), 'utf8');
    return {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(creds === undefined ? {} : { creds: read(creds) }),
      ...(nkey === undefined ? {} : { nkey: read(nkey) }),
      ...(ca === undefined ? {} : { ca: read(ca) }),
    };
  } catch (error) {
    throw new WireError('EINVAL', `${at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** The daemon that runs under this home; undefined when none does. */
export function readDaemon(home: string): DaemonNote | undefined {
  try {
    const note = JSON.parse(readFileSync(file(home, 'daemon.json'), 'utf8')) as DaemonNote;
    return isAlive(note.pid) ? note : undefined;
  } catch {
    return undefined; // no note, or one of a daemon that is no more
  }
}

export const writeDaemon = (home: string, note: DaemonNote): Promise<void> =>
  writeDurably(file(home, 'daemon.json'), `${JSON.stringify(note)}\n`);

export function removeDaemon(home: string): void {
  rmSync(file(home, 'daemon.json'), { force: true });
}
