/**
 * Children that a program forks on its own machine: agents in the context of their parent, joined to it by sockets of that machine,
 * over which Node.js programs send each other messages, and sockets and servers of theirs.
 */
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import net, { type Server, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { WireError } from '../wire/errors.js';
import type { Agent } from './agent.js';

/** What one descriptor of a child is: its parent's, or a socket of {@link ForkSockets}. */
export type ForkStdio =
  | { readonly kind: 'ignore' }
  | { readonly kind: 'own'; readonly fd: number }
  | { readonly kind: 'socket'; readonly index: number };

/** What a program asks for; paths are the namespace's. */
export interface ForkSpec {
  /** The file of the program. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly umask: number;
  readonly stdio: readonly ForkStdio[];
}

/** A descriptor for a process that is to be started. */
export interface GivenDescriptor {
  readonly fd: number;
  /** It has been inherited, or will never be. */
  release(): void;
}

/** A program connects within so many milliseconds. */
const connectMs = 10_000;
/** The longest path that a socket can have. */
const pathMost = 100;

/** Sockets that one program connects to before it forks; what it has connected is its child's. */
export class ForkSockets {
  private directory: string | undefined;
  private servers: Server[] = [];
  private connected: Promise<Socket>[] = [];
  private names = 0;

  constructor(private readonly agent: Agent) {}

  /** Where to connect to. @throws the system's error */
  async open(count: number): Promise<string[]> {
    this.close();
    return Promise.all(Array.from({ length: Math.min(count, 64) }, () => this.listen()));
  }

  private async listen(): Promise<string> {
    this.directory ??= this.place();
    const file = path.join(this.directory, `f${this.names++}`);
    const server = net.createServer({ pauseOnConnect: true });
    this.servers.push(server);
    const connected = new Promise<Socket>((resolve, reject) => {
      const timer = setTimeout(() => reject(new WireError('ETIMEDOUT', 'the parent has not connected')), connectMs);
      server.once('close', () => {
        clearTimeout(timer);
        reject(new WireError('ECANCELED', 'the child is not wanted any more'));
      });
      server.once('connection', (socket) => {
        clearTimeout(timer);
        socket.on('error', () => {});
        resolve(socket);
        server.close();
      });
    });
    connected.catch(() => {});
    this.connected.push(connected);
    server.listen(file);
    await once(server, 'listening');
    chmodSync(file, 0o600);
    return file;
  }

  /** The agent's directory, where its name is short enough. */
  private place(): string {
    const { directory } = this.agent;
    if (directory.length + 10 > pathMost) return mkdtempSync(path.join(os.tmpdir(), 'onesh-fork-'));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  /** A child's descriptors, in order. @throws WireError ENOSYS for one that cannot be shared, ETIMEDOUT */
  async take(stdio: readonly ForkStdio[]): Promise<Map<number, GivenDescriptor>> {
    const given = new Map<number, GivenDescriptor>();
    const { connected } = this;
    this.connected = [];
    try {
      for (const [fd, each] of stdio.entries()) {
        if (each.kind === 'socket') given.set(fd, socketDescriptor(await connected[each.index]!));
        else if (each.kind === 'own') given.set(fd, this.ownDescriptor(each.fd, fd));
      }
      return given;
    } catch (error) {
      for (const each of given.values()) each.release();
      throw error;
    } finally {
      this.close();
    }
  }

  /** The parent's descriptor, opened a second time. */
  private ownDescriptor(own: number, as: number): GivenDescriptor {
    try {
      const fd = openSync(`/proc/${this.agent.pid}/fd/${own}`, as === 0 ? 'r' : 'w');
      return { fd, release: () => closeSync(fd) };
    } catch (cause) {
      throw new WireError('ENOSYS', `descriptor ${own} cannot be a child’s as well`, { cause });
    }
  }

  /** Nobody connects any more. */
  close(): void {
    for (const server of this.servers.splice(0)) server.close();
    for (const each of this.connected.splice(0)) each.then((socket) => socket.destroy()).catch(() => {});
    if (this.directory !== undefined && this.directory !== this.agent.directory)
      rmSync(this.directory, { recursive: true, force: true });
    this.directory = undefined;
  }
}

function socketDescriptor(socket: Socket): GivenDescriptor {
  const { fd } = (socket as unknown as { _handle: { readonly fd: number } })._handle;
  return { fd, release: () => socket.destroy() };
}
