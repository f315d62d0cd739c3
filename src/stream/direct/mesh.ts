/**
 * Direct connections of one process to the others of its cluster: made when a stream wants one, shared by all streams between
 * the two, given up when idle. How one comes about:
 *
 *     contact (a runtime's signed status says where it listens) -> dial (every address at once) -> TLS (pinned keys both ways)
 *     -> greeting (who is it) -> open; or else offer (`direct.dial`: please dial me) -> try again later
 *
 * A stream does not wait for any of it: it runs over topics meanwhile and moves here when a connection opens.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server, type TLSSocket, connect as tlsConnect } from 'node:tls';
import * as v from 'valibot';
import type { Subscription } from '../../bus/bus.js';
import { peerKey, tlsIdentity } from '../../bus/certificate.js';
import type { Keys } from '../../bus/identity.js';
import type { Peer } from '../../bus/peer.js';
import type { Frame } from '../../wire/frame.js';
import { isRuntimeName, type RuntimeName } from '../../wire/ids.js';
import type { Body, Contact, Envelope, RuntimeStatus, Sender } from '../../wire/messages.js';
import { topics } from '../../wire/topics.js';
import type { Ear } from '../link.js';
import type { DirectPath, FindPath } from '../route.js';
import type { Paths } from '../streams.js';
import { Connection, type ConnectionEvents, connectionTimes, DirectLink } from './connection.js';
import { ownContact, reachable } from './contact.js';
import { keySize } from './decoder.js';

export interface MeshOptions {
  readonly peer: Peer;
  readonly keys: Keys;
  readonly publicKeyOf: (name: string) => string | undefined;
  /** Listens from the start, on this address alone or on all; else only when a dial has failed. */
  readonly listen?: { readonly host?: string; readonly port?: number };
}

/** Milliseconds between dials of one runtime: doubled from the first to the second. */
const redialMs = [1000, 30_000] as const;
/** A connection without a stream is given up after so many milliseconds. */
const idleMs = 30_000;
/** So many ends that were spoken to before they were here are remembered. */
const earlyMost = 1000;
/** Connections that have not said yet who they are. */
const strangersMost = 64;
const protocol = 'onesh/1';

const greetingSchema = v.object({
  v: v.literal(1),
  cluster: v.string(),
  from: v.object({ runtime: v.string(), session: v.optional(v.string()) }),
  to: v.object({ runtime: v.string(), session: v.optional(v.string()) }),
});

/** One end of a stream that is here. */
interface Attached {
  readonly runtime: RuntimeName;
  /** The other end is that runtime's own; else a session's, which comes to us. */
  readonly dial: boolean;
  readonly towards: Buffer;
  readonly ear: Ear;
  link: DirectLink | undefined;
}

/** A runtime that streams want a connection to. */
interface Wanted {
  contact: Contact | undefined;
  dialling: boolean;
  attempts: number;
  timer: NodeJS.Timeout | undefined;
  subscription: Promise<Subscription>;
}

const keyOf = (topic: string): Buffer => createHash('sha256').update(topic).digest().subarray(0, keySize);
const sameSender = (a: Sender, b: Sender): boolean => a.runtime === b.runtime && a.session === b.session;

/** Starts listening where it is to. @throws the system's error when the address cannot be had */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const mesh = new Mesh(options);
  await mesh.start();
  return mesh;
}

export class Mesh implements Paths, ConnectionEvents {
  private readonly attached = new Map<string, Attached>();
  /**
   * Connections over which somebody has spoken to an end that was not here yet: a session asks for a stream when its own end is
   * open, and only by what it says can the other end know the way.
   */
  private readonly early = new Map<string, Connection>();
  private readonly connections = new Set<Connection>();
  private readonly wanted = new Map<RuntimeName, Wanted>();
  private server: Promise<Server> | undefined;
  private inbox: Subscription | undefined;
  private own: ReturnType<typeof tlsIdentity> | undefined;
  private readonly timer: NodeJS.Timeout;
  private closed = false;
  /** Connections that were refused: a key that is not registered, another cluster, not one of us. */
  refused = 0;

  constructor(private readonly options: MeshOptions) {
    this.timer = setInterval(() => this.sweep(), connectionTimes.beat);
    this.timer.unref();
  }

  /** Made when it is first needed: most shells need none. */
  private get identity(): ReturnType<typeof tlsIdentity> {
    const { keys, peer } = this.options;
    this.own ??= { ...tlsIdentity(keys, peer.self.runtime), ALPNProtocols: [protocol] };
    return this.own;
  }

  async start(): Promise<void> {
    const { peer, listen } = this.options;
    if (listen !== undefined) await this.listen();
    const { cluster, self } = peer;
    const inbox =
      self.session === undefined
        ? topics.runtimeInbox(cluster, self.runtime)
        : topics.sessionInbox(cluster, self.session);
    this.inbox = await peer.serve(inbox, (body, envelope) => this.onOffer(body, envelope));
  }

  /** Where others can reach this process; undefined while it does not listen. */
  contact(): Contact | undefined {
    return this.port === undefined ? undefined : ownContact(this.port, this.options.listen?.host);
  }

  /** Open connections, by who is at the other end. For status and tests. */
  get peers(): readonly Sender[] {
    return [...this.connections].flatMap((c) => (c.open && c.peer !== undefined ? [c.peer] : []));
  }

  find(end: Parameters<Paths['find']>[0]): FindPath {
    return (ear) => this.attach(end, ear);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    for (const wanted of this.wanted.values()) {
      clearTimeout(wanted.timer);
      wanted.subscription.then((subscription) => subscription.close()).catch(() => undefined);
    }
    await Promise.all([...this.connections].map((connection) => connection.end()));
    const server = await this.server?.catch(() => undefined);
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    await this.inbox?.close();
  }

  /** Cuts every connection as a broken cable would, and lets nothing new through until `restore`. For tests. */
  cut(): () => void {
    this.closed = true;
    for (const connection of [...this.connections]) connection.close();
    return () => {
      this.closed = false;
      for (const runtime of this.wanted.keys()) this.dial(runtime);
    };
  }

  // --- streams ----------------------------------------------------------------------------------------------------------

  private attach({ towards, from, runtime, dial }: Parameters<Paths['find']>[0], ear: Ear): DirectPath {
    const key = keyOf(from).toString('latin1');
    const end: Attached = { runtime, dial, towards: keyOf(towards), ear, link: undefined };
    this.attached.set(key, end);
    const early = this.early.get(key);
    this.early.delete(key);
    if (dial) {
      this.relink(end);
      if (end.link === undefined) this.want(runtime);
    } else if (early?.open && early.peer?.runtime === runtime) end.link = new DirectLink(early, end.towards);
    return {
      get link() {
        return end.link;
      },
      close: () => {
        if (this.attached.get(key) === end) this.attached.delete(key);
      },
    };
  }

  /** The connection for an end whose other end is a runtime's: any that is open. */
  private relink(end: Attached): void {
    const found = [...this.connections].find((c) => c.open && c.peer?.runtime === end.runtime && !c.peer.session);
    end.link = found === undefined ? undefined : new DirectLink(found, end.towards);
    if (found !== undefined) found.used = performance.now();
  }

  frame(connection: Connection, key: string, frame: Frame): void {
    const end = this.attached.get(key);
    if (end === undefined) {
      this.early.set(key, connection);
      if (this.early.size > earlyMost) for (const oldest of this.early.keys()) return void this.early.delete(oldest);
      return;
    }
    if (end.runtime !== connection.peer?.runtime) return;
    const { link } = end;
    if (link?.connection === connection) {
      end.ear.hear(frame, link);
      return;
    }
    const other = new DirectLink(connection, end.towards);
    const adopt = link === undefined || !link.open;
    if (adopt) end.link = other;
    end.ear.hear(frame, other);
    if (adopt) end.ear.changed();
  }

  // --- connections ------------------------------------------------------------------------------------------------------

  private greetingTo(to: Sender): string {
    const { cluster, self } = this.options.peer;
    return JSON.stringify({ v: 1, cluster, from: self, to });
  }

  greeted(connection: Connection, text: string): boolean {
    const { peer, publicKeyOf } = this.options;
    let greeting: v.InferOutput<typeof greetingSchema>;
    try {
      greeting = v.parse(greetingSchema, JSON.parse(text));
    } catch {
      return false;
    }
    const { cluster, from, to } = greeting;
    if (this.closed || cluster !== peer.cluster || !isRuntimeName(from.runtime)) return false;
    const sender = from as Sender;
    // The key was proved in the handshake; here is whose it is said to be.
    if (publicKeyOf(from.runtime) !== connection.key || !sameSender(to as Sender, peer.self)) return false;
    if (!connection.dialled) connection.greet(this.greetingTo(sender));
    connection.opened(sender);
    this.opened(connection, sender);
    return true;
  }

  private opened(connection: Connection, peer: Sender): void {
    connection.used = performance.now();
    const wanted = this.wanted.get(peer.runtime);
    if (wanted !== undefined && peer.session === undefined) wanted.attempts = 0;
    // Both sides may have dialled at once: the one whose name comes first keeps its connection.
    for (const other of [...this.connections]) {
      if (other === connection || !other.open || other.peer === undefined || !sameSender(other.peer, peer)) continue;
      const first = this.options.peer.self.runtime < peer.runtime;
      const worse = other.dialled === connection.dialled || other.dialled !== first ? other : connection;
      if (worse.dialled) setImmediate(() => worse.close());
    }
    if (peer.session !== undefined) return;
    for (const end of this.attached.values()) {
      if (!end.dial || end.runtime !== peer.runtime || end.link?.open) continue;
      this.relink(end);
      end.ear.changed();
    }
  }

  gone(connection: Connection): void {
    this.connections.delete(connection);
    if (connection.peer === undefined && !this.closed) this.refused += 1;
    for (const end of this.attached.values()) {
      if (end.link?.connection !== connection) continue;
      if (end.dial) this.relink(end);
      else end.link = undefined;
      end.ear.changed();
      if (end.dial && end.link === undefined) this.want(end.runtime);
    }
  }

  /** Takes an encrypted socket whose other side has proved a key. */
  private adopt(socket: TLSSocket, dialled: boolean): Connection | undefined {
    const key = peerKey(socket);
    const strangers = [...this.connections].filter((c) => !c.open).length;
    if (this.closed || key === undefined || strangers >= strangersMost) {
      socket.destroy();
      return undefined;
    }
    const connection = new Connection(socket, key, dialled, this);
    this.connections.add(connection);
    return connection;
  }

  /** Once a second: what is idle, or belongs to a key that is registered no more, is closed. */
  private sweep(): void {
    const now = performance.now();
    const busy = new Set([...this.attached.values()].map((end) => end.link?.connection));
    for (const connection of [...this.connections]) {
      if (!connection.open || connection.peer === undefined) continue;
      if (busy.has(connection)) connection.used = now;
      const idle = connection.dialled && now - connection.used > idleMs;
      const member = this.options.publicKeyOf(connection.peer.runtime) === connection.key;
      if (idle || !member) connection.close();
    }
  }

  // --- listening --------------------------------------------------------------------------------------------------------

  private port: number | undefined;

  private listen(): Promise<Server> {
    this.server ??= new Promise((resolve, reject) => {
      const { host, port = 0 } = this.options.listen ?? {};
      const server = createServer({ ...this.identity, handshakeTimeout: connectionTimes.open }, (socket) => {
        socket.on('error', () => undefined);
        this.adopt(socket, false);
      });
      server.on('tlsClientError', () => undefined);
      server.once('error', reject);
      server.listen(port, host, () => {
        const address = server.address();
        this.port = typeof address === 'object' && address !== null ? address.port : undefined;
        resolve(server);
      });
      server.unref();
    });
    return this.server;
  }

  // --- dialling ---------------------------------------------------------------------------------------------------------

  private want(runtime: RuntimeName): void {
    if (this.closed) return;
    if (!this.wanted.has(runtime)) {
      const { peer } = this.options;
      const wanted: Wanted = {
        contact: undefined,
        dialling: false,
        attempts: 0,
        timer: undefined,
        subscription: peer.serve(topics.runtimeStatus(peer.cluster, runtime), (body, envelope) => {
          this.onStatus(wanted, body as unknown as RuntimeStatus, envelope);
        }),
      };
      wanted.subscription.catch(() => this.wanted.delete(runtime));
      this.wanted.set(runtime, wanted);
    } else this.dial(runtime);
  }

  private onStatus(wanted: Wanted, status: RuntimeStatus, { from }: Envelope): undefined {
    if (status.type !== 'runtime.status' || from.runtime !== status.name || from.session !== undefined) return;
    const contact = status.state === 'online' ? status.direct : undefined;
    const news = JSON.stringify(contact) !== JSON.stringify(wanted.contact);
    wanted.contact = contact;
    if (!news || contact === undefined) return;
    clearTimeout(wanted.timer);
    wanted.timer = undefined;
    this.dial(status.name);
  }

  private isWanted(runtime: RuntimeName): boolean {
    for (const end of this.attached.values()) if (end.dial && end.runtime === runtime && !end.link?.open) return true;
    return false;
  }

  private dial(runtime: RuntimeName): void {
    const wanted = this.wanted.get(runtime);
    if (wanted === undefined || wanted.dialling || wanted.timer !== undefined || this.closed) return;
    if (wanted.contact === undefined || !this.isWanted(runtime)) return;
    wanted.dialling = true;
    void this.reach(wanted.contact, { runtime }).then((connected) => {
      wanted.dialling = false;
      if (connected || !this.isWanted(runtime)) return;
      this.offer(runtime).catch(() => undefined);
      const [first, most] = redialMs;
      const wait = Math.min(most, first * 2 ** wanted.attempts++);
      wanted.timer = setTimeout(() => {
        wanted.timer = undefined;
        this.dial(runtime);
      }, wait);
      wanted.timer.unref();
    });
  }

  /** Tries every address at once; true when one has led to `to`. The others are dropped. */
  private reach(contact: Contact, to: Sender): Promise<boolean> {
    const key = this.options.publicKeyOf(to.runtime);
    if (key === undefined) return Promise.resolve(false);
    const sockets = new Set<TLSSocket>();
    return new Promise((resolve) => {
      const addresses = reachable(contact);
      let left = addresses.length;
      let reached = false;
      const failed = () => {
        left -= 1;
        if (left === 0) resolve(reached);
      };
      if (left === 0) resolve(false);
      for (const host of addresses) {
        const socket = tlsConnect({ ...this.identity, host, port: contact.port });
        sockets.add(socket);
        const timer = setTimeout(() => socket.destroy(), connectionTimes.open);
        timer.unref();
        socket.on('error', () => undefined);
        socket.once('close', () => {
          clearTimeout(timer);
          failed();
        });
        socket.once('secureConnect', () => {
          clearTimeout(timer);
          if (peerKey(socket) !== key) this.refused += 1;
          if (reached || peerKey(socket) !== key) {
            socket.destroy();
            return;
          }
          reached = true;
          for (const other of sockets) if (other !== socket) other.destroy();
          const connection = this.adopt(socket, true);
          connection?.greet(this.greetingTo(to));
          resolve(connection?.settled ?? false);
        });
      }
    });
  }

  /** The other side may be able to dial this one. */
  private async offer(runtime: RuntimeName): Promise<void> {
    const { peer } = this.options;
    await this.listen();
    const contact = this.contact();
    if (contact === undefined) return;
    await peer.send(topics.runtimeInbox(peer.cluster, runtime), { type: 'direct.dial', contact });
  }

  private onOffer(body: Body, { from }: Envelope): undefined {
    if (body.type !== 'direct.dial' || this.closed || this.offers.has(from.runtime)) return;
    this.offers.add(from.runtime);
    void this.reach(body.contact, from).finally(() => this.offers.delete(from.runtime));
  }

  /** Whose offers are being taken up: one at a time of each. */
  private readonly offers = new Set<RuntimeName>();
}
