/**
 * `net`, `tls`, `http` and `dgram`: a socket that listens is known in the cluster, and a host's name that is the cluster's leads
 * there. Sockets stay Node's own; only whom they connect to is another (`network/network.ts`).
 */
import type * as dgram from 'node:dgram';
import type * as net from 'node:net';
import { constants } from 'node:os';
import { type Instead, mayBeOfCluster } from '../network/names.js';
import type { SyscallFrame } from '../syscalls/codec.js';
import type { AnyFunction } from './arguments.js';
import type { Channel } from './channel.js';
import { notAvailable, systemError } from './error.js';
import { builtin } from './host.js';
import type { Paths } from './paths.js';

/** What is not public of `net`, and what every tool that hooks into it uses. */
interface Internals {
  /** Options and callback of `connect` and `listen`, in whatever form they are given. */
  _normalizeArgs(args: readonly unknown[]): readonly [Options, AnyFunction | null];
}
interface Options {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string;
}

/** A socket that cannot be where its path says: sockets as files are each machine's own. */
function checkPath(path: unknown, paths: Paths, what: string): void {
  const text = typeof path === 'string' && !path.startsWith('\0') ? paths.textOf(path) : undefined;
  if (text !== undefined && paths.locate(text).host === undefined) throw notAvailable(`${what} ${text}`);
}

/** As Node words it. */
function connectError({ head }: SyscallFrame, address: string, port: number): Error {
  const code = head.error!.code;
  const errno = (constants.errno as Readonly<Record<string, number>>)[code];
  return Object.assign(new Error(`connect ${code} ${address}:${port}`), {
    ...(errno === undefined ? {} : { errno: -errno }),
    code,
    syscall: 'connect',
    address,
    port,
  });
}

export function installSockets(channel: Channel, paths: Paths): void {
  installListening(channel, paths);
  installConnecting(channel, paths);
  installDatagrams(channel);
}

/** Those that are about to listen. */
const expected = new WeakSet<net.Server | dgram.Socket>();

/** Says where a socket listens, before the program itself hears of it. */
function announceOnce(channel: Channel, transport: 'tcp' | 'udp', socket: net.Server | dgram.Socket): void {
  // Listening that failed may be tried again.
  if (expected.has(socket)) return;
  expected.add(socket);
  socket.prependOnceListener('listening', () => {
    expected.delete(socket);
    const at = socket.address();
    if (typeof at !== 'object' || at?.port === undefined) return;
    const { head } = channel.callSync('net.listen', [transport, at.address, at.port]);
    if (head.error !== undefined) throw systemError(head.error.code, { syscall: 'listen' }, head.error.message);
    socket.once('close', () => void channel.call('net.unlisten', [head.value]));
  });
}

function installListening(channel: Channel, paths: Paths): void {
  const { Server, _normalizeArgs } = builtin<typeof net & Internals>('node:net');
  const { prototype } = Server;
  const listen = prototype.listen as AnyFunction;
  Object.assign(prototype, {
    listen: function contextListen(this: net.Server, ...args: unknown[]): unknown {
      const [options] = _normalizeArgs(args);
      checkPath(options.path, paths, 'listening on');
      announceOnce(channel, 'tcp', this);
      return listen.apply(this, args);
    },
  });
}

function installConnecting(channel: Channel, paths: Paths): void {
  const { Socket, _normalizeArgs } = builtin<typeof net & Internals>('node:net');
  const { prototype } = Socket;
  const connect = prototype.connect as AnyFunction;
  Object.assign(prototype, {
    connect: function contextConnect(this: net.Socket, ...args: unknown[]): unknown {
      const given = args.length === 1 && Array.isArray(args[0]) ? (args[0] as unknown[]) : undefined;
      const [options, callback] = (given as readonly [Options, AnyFunction | null] | undefined) ?? _normalizeArgs(args);
      const { host, port } = options;
      checkPath(options.path, paths, 'connecting to');
      if (options.path || typeof host !== 'string' || !mayBeOfCluster(host)) return connect.apply(this, args);
      const number = Number(port);
      if (!Number.isInteger(number) || number < 1 || number > 65_535) return connect.apply(this, args);
      // What is written meanwhile waits, as for any connection that is being made.
      Object.assign(this, { connecting: true });
      const isTls = (this as { encrypted?: boolean }).encrypted === true;
      void channel.call('net.connect', [host, number, isTls]).then((answer) => {
        if (this.destroyed) return;
        if (answer.head.error !== undefined) {
          this.destroy(connectError(answer, host, number));
          return;
        }
        const instead = answer.head.value as Instead | null;
        const { port: _port, host: _host, ...rest } = options;
        const target =
          instead === null ? options : 'path' in instead ? { ...rest, ...instead } : { ...options, ...instead };
        const { writableEnded } = this;
        connect.call(this, target, ...(callback === null ? [] : [callback]));
        // Node takes a socket that is given its handle for a new one, whose end was not asked for.
        if (writableEnded) this.end();
      });
      return this;
    },
  });
}

function installDatagrams(channel: Channel): void {
  const { isIPv4 } = builtin<typeof net>('node:net');
  const { prototype } = builtin<typeof dgram>('node:dgram').Socket;
  const bind = prototype.bind as AnyFunction;
  const send = prototype.send as AnyFunction;
  const connect = prototype.connect as AnyFunction;
  const relays = new Map<string, Instead>();

  /** Where to send instead; the host itself where it is none of the cluster's. */
  const relayOf = async (socket: dgram.Socket, host: string, port: number): Promise<{ host: string; port: number }> => {
    const key = `${host}:${port}`;
    let instead = relays.get(key);
    if (instead === undefined) {
      const answer = await channel.call('net.datagrams', [host, port]);
      if (answer.head.error !== undefined) throw connectError(answer, host, port);
      instead = (answer.head.value as Instead | null) ?? { host, port };
      relays.set(key, instead);
    }
    const target = instead as { host: string; port: number };
    const wide = (socket as unknown as { type: string }).type === 'udp6' && isIPv4(target.host);
    return wide ? { ...target, host: `::ffff:${target.host}` } : target;
  };

  Object.assign(prototype, {
    bind: function contextBind(this: dgram.Socket, ...args: unknown[]): unknown {
      announceOnce(channel, 'udp', this);
      return bind.apply(this, args);
    },
    send: function contextSend(this: dgram.Socket, ...args: unknown[]): void {
      // msg[, offset, length][, port][, address][, callback]
      const at = args.findIndex((arg, i) => i > 0 && typeof arg === 'string' && mayBeOfCluster(arg));
      const port = Number(args[at - 1]);
      if (at < 2 || !(port > 0)) {
        send.apply(this, args);
        return;
      }
      const callback = args.find((arg) => typeof arg === 'function') as AnyFunction | undefined;
      relayOf(this, args[at] as string, port).then(
        (target) => send.apply(this, args.with(at - 1, target.port).with(at, target.host)),
        (error: Error) => {
          if (callback !== undefined) callback(error);
          else this.emit('error', error);
        },
      );
    },
    connect: function contextConnect(this: dgram.Socket, ...args: unknown[]): void {
      const [port, host] = args;
      if (typeof host !== 'string' || !mayBeOfCluster(host)) {
        connect.apply(this, args);
        return;
      }
      const callback = args.find((arg) => typeof arg === 'function') as AnyFunction | undefined;
      relayOf(this, host, Number(port)).then(
        (target) => connect.apply(this, [target.port, target.host, ...(callback === undefined ? [] : [callback])]),
        (error: Error) => {
          if (callback !== undefined) callback(error);
          else this.emit('error', error);
        },
      );
    },
  });
}
