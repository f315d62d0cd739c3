/**
 * Sockets of programs in the namespace. What a program of this machine listens on, programs of others reach as `RUNTIME:port`;
 * `cluster:port` is whoever listens there, this machine first, and `PROGRAM.cluster:port` the program of that name. The bytes go
 * over a pair of streams; the program itself has an ordinary socket, connected to its own runtime.
 *
 *     net.listen TRANSPORT, ADDRESS, PORT        from here on others may connect; net.unlisten
 *     net.connect HOST, PORT, TLS                where to connect instead; null: no name of the cluster's
 *     net.datagrams HOST, PORT                   where to send instead
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Peer } from '../../bus/peer.js';
import type { Streams } from '../../stream/streams.js';
import { WireError } from '../../wire/errors.js';
import { newStreamId, type RuntimeName } from '../../wire/ids.js';
import type { Body, RoutedEdge, SocketTarget } from '../../wire/messages.js';
import { topics } from '../../wire/topics.js';
import type { Agent } from '../agent.js';
import { clusterName, type Instead } from './names.js';
import { datagramSink, joinDatagrams, joinSocket, readDatagrams, type StreamPair } from './tunnel.js';

type Transport = SocketTarget['transport'];

/** What a program here listens on. */
interface Listener extends SocketTarget {
  readonly agent: Agent;
  readonly address: string;
}

export interface NetworkOptions {
  readonly name: RuntimeName;
  readonly peer: Peer;
  readonly streams: Streams;
  /** Runtimes that are online, this one not among them. */
  readonly neighbours: () => readonly RuntimeName[];
  /** True for a machine that is known to be gone. */
  readonly isLost: (runtime: RuntimeName) => boolean;
}

/** Descriptor numbers of a program's ends: beyond any that a plan gives it. */
const firstFd = 300_000;
/** A program connects to where it was told within so many milliseconds. */
const acceptMs = 10_000;
/** The longest path that a socket can have. */
const pathMost = 100;

export class Network {
  private readonly listeners = new Map<number, Listener>();
  private next = 1;
  private nextFd = firstFd;

  constructor(private readonly options: NetworkOptions) {}

  /** The sockets of one program. */
  forAgent(agent: Agent): AgentNetwork {
    return new AgentNetwork(agent, this);
  }

  add(agent: Agent, transport: Transport, address: string, port: number): number {
    const id = this.next++;
    const { program, argv } = agent.plan;
    const named = 'path' in program ? program.path : argv[0]!;
    const listener = { agent, transport, address, port, program: path.basename(named).replace(/\.[^.]*$/, '') };
    this.listeners.set(id, listener);
    return id;
  }

  remove(id: number, agent: Agent): void {
    if (this.listeners.get(id)?.agent === agent) this.listeners.delete(id);
  }

  /** The address on this host of what listens at a target. */
  private find({ transport, port, program }: SocketTarget): string | undefined {
    for (const each of this.listeners.values()) {
      if (each.transport !== transport || each.port !== port) continue;
      if (program !== undefined && each.program !== program) continue;
      return each.address === '0.0.0.0' ? '127.0.0.1' : each.address === '::' ? '::1' : each.address;
    }
    return undefined;
  }

  has(target: SocketTarget): boolean {
    return this.find(target) !== undefined;
  }

  /** Who is meant by a host's name; undefined: nobody of the cluster. @throws WireError ECONNREFUSED: nobody listens */
  async whereIs(host: string, transport: Transport, port: number) {
    const { name, neighbours, isLost } = this.options;
    if (isLost(host as RuntimeName)) throw new WireError('EHOSTDOWN', `${host} is lost`);
    if (host === name || neighbours().includes(host as RuntimeName))
      return { runtime: host as RuntimeName, target: { transport, port } };
    const program = host.endsWith(`.${clusterName}`) ? host.slice(0, -clusterName.length - 1) : undefined;
    if (host !== clusterName && program === undefined) return undefined;
    const target: SocketTarget = { transport, port, ...(program === undefined ? {} : { program }) };
    if (this.has(target)) return { runtime: name, target };
    const asked = [...neighbours()].sort().map(async (runtime) => {
      const reply = await this.ask(runtime, { type: 'net.find', target }).catch(() => undefined);
      return reply?.type === 'net.found' && reply.here ? runtime : undefined;
    });
    const found = (await Promise.all(asked)).find((runtime) => runtime !== undefined);
    if (found === undefined) throw new WireError('ECONNREFUSED', `nobody in the cluster listens on port ${port}`);
    return { runtime: found, target };
  }

  /** @throws WireError ECONNREFUSED: no program of this host listens there */
  addressHere(target: SocketTarget): string {
    const address = this.find(target);
    if (address === undefined) throw new WireError('ECONNREFUSED', 'connection refused');
    return address;
  }

  private ask(runtime: RuntimeName, body: Body): Promise<Body> {
    const { peer } = this.options;
    return peer.request(topics.runtimeInbox(peer.cluster, runtime), body);
  }

  /** A pair of streams to what listens at another runtime. @throws WireError ECONNREFUSED, EHOSTDOWN … */
  async open(agent: Agent, runtime: RuntimeName, target: SocketTarget): Promise<StreamPair> {
    const { name, streams } = this.options;
    const outside = (mode: 'read' | 'write') =>
      ({ kind: 'path', path: `/dev/${target.transport}/${target.port}`, provider: runtime, mode }) as const;
    const inside = () => ({ kind: 'agent', agent: agent.plan.id, fd: this.nextFd++ }) as const;
    const towards: RoutedEdge = {
      id: newStreamId(),
      from: inside(),
      to: outside('write'),
      fromRuntime: name,
      toRuntime: runtime,
    };
    const back: RoutedEdge = {
      id: newStreamId(),
      from: outside('read'),
      to: inside(),
      fromRuntime: runtime,
      toRuntime: name,
    };
    const reader = await streams.openReader(back);
    try {
      await this.ask(runtime, { type: 'net.connect', target, towards, back });
    } catch (error) {
      reader.cancel();
      throw error;
    }
    return { reader, writer: streams.openWriter(towards) };
  }

  /** The other side of {@link open}. @throws WireError ECONNREFUSED; the system's error */
  async accept({ target, towards, back }: Extract<Body, { type: 'net.connect' }>): Promise<void> {
    const { streams } = this.options;
    const host = this.addressHere(target);
    const pair = async (): Promise<StreamPair> => ({
      reader: await streams.openReader(towards),
      writer: streams.openWriter(back),
    });
    if (target.transport === 'udp') {
      const socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
      socket.connect(target.port, host);
      await once(socket, 'connect');
      void joinDatagrams(socket, await pair());
      return;
    }
    const socket = net.connect({ host, port: target.port, allowHalfOpen: true });
    await once(socket, 'connect');
    try {
      joinSocket(socket, await pair());
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

export class AgentNetwork {
  private readonly open = new Set<{ close(): void }>();
  private readonly own = new Set<number>();
  /** Where datagrams to a host and port are sent instead. */
  private readonly relays = new Map<string, Promise<Instead | null>>();
  private paths = 0;

  constructor(
    private readonly agent: Agent,
    private readonly network: Network,
  ) {}

  listen(transport: Transport, address: string, port: number): number {
    const id = this.network.add(this.agent, transport, address, port);
    this.own.add(id);
    return id;
  }

  unlisten(id: number): void {
    this.own.delete(id);
    this.network.remove(id, this.agent);
  }

  /**
   * What to connect to in place of `host`: the program's own machine, or a socket that takes one connection and passes it on.
   * `tcp`: it has to be an address, not a path. @throws WireError ECONNREFUSED, EHOSTDOWN …
   */
  async connect(host: string, port: number, tcp: boolean): Promise<Instead | null> {
    const where = await this.network.whereIs(host, 'tcp', port);
    if (where === undefined) return null;
    const { runtime, target } = where;
    if (runtime === this.agent.runtime) return { host: this.network.addressHere(target), port };
    const pair = await this.network.open(this.agent, runtime, target);
    const server = net.createServer({ allowHalfOpen: true });
    const fail = (): void => {
      server.close();
      pair.reader.cancel();
      pair.writer.abort();
    };
    const timer = setTimeout(fail, acceptMs);
    server.once('connection', (socket) => {
      clearTimeout(timer);
      server.close();
      this.open.delete(entry);
      // What the program wrote before it ended is still passed on.
      joinSocket(socket, pair);
    });
    const entry = { close: fail };
    this.open.add(entry);
    const local = path.join(this.agent.directory, `s${this.paths++}`);
    if (tcp || local.length > pathMost) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port };
    }
    mkdirSync(this.agent.directory, { recursive: true, mode: 0o700 });
    server.listen(local);
    await once(server, 'listening');
    chmodSync(local, 0o600);
    return { path: local };
  }

  datagrams(host: string, port: number): Promise<Instead | null> {
    const key = `${host}:${port}`;
    const known = this.relays.get(key);
    if (known !== undefined) return known;
    const made = this.relay(host, port);
    this.relays.set(key, made);
    // Whoever listens may come later.
    made.then(
      (instead) => instead === null && this.relays.delete(key),
      () => this.relays.delete(key),
    );
    return made;
  }

  /** A socket that passes on what it is sent; each sender has a pair of streams of its own, so that answers find it. */
  private async relay(host: string, port: number): Promise<Instead | null> {
    const where = await this.network.whereIs(host, 'udp', port);
    if (where === undefined) return null;
    const { runtime, target } = where;
    if (runtime === this.agent.runtime) return { host: this.network.addressHere(target), port };
    const socket = dgram.createSocket('udp4');
    socket.on('error', () => {});
    const senders = new Map<number, Promise<(datagram: Uint8Array) => void>>();
    const pairs: StreamPair[] = [];
    const openFor = async (sender: number): Promise<(datagram: Uint8Array) => void> => {
      const pair = await this.network.open(this.agent, runtime, target);
      pairs.push(pair);
      void readDatagrams(pair.reader, (datagram) => socket.send(datagram, sender, '127.0.0.1')).then(() =>
        senders.delete(sender),
      );
      return datagramSink(pair.writer);
    };
    socket.on('message', (datagram, { port: sender }) => {
      const sink = senders.get(sender) ?? openFor(sender);
      senders.set(sender, sink);
      sink.then(
        (send) => send(datagram),
        () => senders.delete(sender),
      );
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    this.open.add({
      close: () => {
        socket.close();
        for (const { reader, writer } of pairs) {
          reader.cancel();
          writer.end().catch(() => {});
        }
      },
    });
    return { host: '127.0.0.1', port: socket.address().port };
  }

  /** The program has ended. */
  close(): void {
    for (const id of [...this.own]) this.unlisten(id);
    for (const each of [...this.open]) each.close();
    this.open.clear();
  }
}
