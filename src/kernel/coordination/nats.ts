/**
 * The connection to the engine: nats-servers with JetStream, of which one at a time is spoken to. The libraries load with this
 * file, which only a machine with an engine loads.
 */
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import {
  type Authenticator,
  AuthorizationError,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { WireError } from '../../wire/errors.js';
import { Bucket } from './bucket.js';
import { keepTrying } from './trying.js';

/** Who this machine is to the engine. Text of files and secrets, never their names. */
export interface EngineAccess {
  readonly username?: string;
  readonly password?: string;
  /** A JWT and its seed, as `nsc generate creds` writes them. */
  readonly creds?: string;
  /** Seed of an nkey (`SU…`). */
  readonly nkey?: string;
  /** Certificates of the authorities that vouch for the servers (PEM), for `tls:` URLs. */
  readonly ca?: string;
}

export interface EngineOptions {
  /** `nats://HOST:PORT` or `tls://…`, several with commas between them. */
  readonly url: string;
  /** Shown in the servers' logs. */
  readonly name: string;
  readonly access?: EngineAccess;
  /** Milliseconds for the first connection and for JetStream to be there; default 15 000. */
  readonly timeoutMs?: number;
}

export interface Engine {
  /**
   * Opens a bucket, made where there is none: on three servers where they are a cluster. An operation that the servers do not
   * answer is tried again for `patienceMs` (default 12 000: a leader that is lost is replaced in 9 s).
   */
  bucket(name: string, patienceMs?: number): Promise<Bucket>;
  close(): Promise<void>;
}

/** Milliseconds between two attempts to connect. */
const reconnectMs = 100;
/** A server that says nothing is given up after three of these, in milliseconds. */
const pingMs = 1000;
/** Milliseconds that one question to JetStream has. */
const questionMs = 1000;

/** The servers of an engine's URL, as the library wants them, and whether they are to be spoken to over TLS. */
export function parseEngineUrl(url: string): { readonly servers: readonly string[]; readonly secure: boolean } {
  const urls = url.split(',').map((each) => {
    if (!/^(nats|tls):\/\/[^/@,]+\/?$/.test(each) || !URL.canParse(each.replace(/^\w+/, 'http')))
      throw new WireError(
        'EINVAL',
        `${each}: not nats://HOST:PORT or tls://HOST:PORT (an account has its place in a file)`,
      );
    return new URL(each.replace(/^\w+/, 'http'));
  });
  const secure = url.startsWith('tls:');
  if (url.split(',').some((each) => each.startsWith('tls:') !== secure))
    throw new WireError('EINVAL', `${url}: the servers of one engine are all nats: or all tls:`);
  // Read as HTTP, whose own port is then missing.
  return { servers: urls.map(({ hostname, port }) => `${hostname}:${port || 4222}`), secure };
}

function authenticator({ creds, nkey, username, password }: EngineAccess): Authenticator | undefined {
  if (creds !== undefined) return credsAuthenticator(Buffer.from(creds));
  if (nkey !== undefined) return nkeyAuthenticator(Buffer.from(nkey.trim()));
  return username === undefined ? undefined : usernamePasswordAuthenticator(username, password);
}

/**
 * Connects; from then on it connects again by itself, to whichever server answers.
 * @throws WireError EINVAL (URL), EACCES (account, certificate), ECONNREFUSED (none of the servers answers)
 */
export async function connectEngine(options: EngineOptions): Promise<Engine> {
  const { url, name, access = {}, timeoutMs = 15_000 } = options;
  const { servers, secure } = parseEngineUrl(url);
  const who = authenticator(access);
  const settings: ConnectionOptions = {
    name,
    servers: [...servers],
    timeout: 2000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectMs,
    reconnectJitter: reconnectMs / 2,
    pingInterval: pingMs,
    maxPingOut: 2,
    // Those that were named: what servers call themselves need not be reached from here.
    ignoreClusterUpdates: true,
    // An account may be put right while it runs.
    ignoreAuthErrorAbort: true,
    ...(who === undefined ? {} : { authenticator: who }),
    ...(secure ? { tls: access.ca === undefined ? {} : { ca: access.ca } } : {}),
  };
  const deadline = performance.now() + timeoutMs;
  let connection: NatsConnection;
  for (;;) {
    try {
      connection = await connect(settings);
      break;
    } catch (error) {
      if (isRefused(error))
        throw new WireError('EACCES', `engine ${url} refused this machine: ${(error as Error).message}`, {
          cause: error,
        });
      // Servers that are started at the same time.
      if (performance.now() > deadline)
        throw new WireError('ECONNREFUSED', `cannot reach engine ${url}: ${(error as Error).message}`, {
          cause: error,
        });
      await new Promise((resolve) => setTimeout(resolve, reconnectMs));
    }
  }
  // Three servers are asked for where there is more than one; a single one keeps what it has by itself.
  const replicas = connection.info?.cluster === undefined ? 1 : 3;
  return {
    bucket: async (bucketName, patienceMs = 12_000) => {
      const what = `engine ${url}`;
      const js = jetstream(connection, { timeout: Math.min(questionMs, patienceMs) });
      const jsm = await js.jetstreamManager(false);
      const kv = await keepTrying({ what, deadline: performance.now() + Math.max(patienceMs, timeoutMs) }, () =>
        // What a follower answers may be of before the last change.
        new Kvm(js).create(bucketName, { replicas, history: 1, allow_direct: false, bindOnly: false }),
      );
      return new Bucket({ name: bucketName, kv, js, jsm, what, patienceMs });
    },
    close: () => connection.close(),
  };
}

/** True for what another attempt does not mend: an account, or a certificate that nobody vouches for. */
function isRefused(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof AuthorizationError) return true;
    if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(String((each as NodeJS.ErrnoException).code))) return true;
  }
  return false;
}
