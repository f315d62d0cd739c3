/**
 * A TLS connection between two processes of a cluster, shared by all streams between them. It opens once both have said who they
 * are; each has seen the other prove its registered key by then. It says something at least once a second, and one that is silent
 * is given up: a cable that was pulled says nothing.
 */
import type { TLSSocket } from 'node:tls';
import { decodeFrame, encodeFrame, type Frame } from '../../wire/frame.js';
import type { Sender } from '../../wire/messages.js';
import { headroom, type Link, type Supplier } from '../link.js';
import { streamLimits } from '../stream.js';
import { Turns } from '../turns.js';
import { Decoder } from './decoder.js';

/** Milliseconds: how often a sign of life is given, how long silence is borne, how long opening and closing may take. */
export const connectionTimes = { beat: 1000, dead: 4000, open: 5000, end: 500 } as const;
/** Bytes that may wait in the connection before the streams let it drain. */
const highWater = 8 * streamLimits.frame;
/** The key of what belongs to no stream: the greeting, and signs of life. */
const noStream = '\0'.repeat(headroom - 4);

export interface ConnectionEvents {
  /** The other side says who it is: is it welcome? */
  greeted(connection: Connection, text: string): boolean;
  frame(connection: Connection, key: string, frame: Frame): void;
  /** It has gone, whether it ever was open or not. */
  gone(connection: Connection): void;
}

export class Connection {
  /** Who is at the other end; known once it is open. */
  peer: Sender | undefined;
  open = false;
  /** When a stream used it last. */
  used = performance.now();
  readonly turns: Turns;
  /** True once it is open, false when it never will be. */
  readonly settled: Promise<boolean>;
  private settle: (open: boolean) => void = () => undefined;
  private heard = performance.now();
  private ticked = performance.now();
  private said = false;
  private readonly timer: NodeJS.Timeout;
  private readonly deadline: NodeJS.Timeout;
  private closed = false;

  /** @param key public key that the other side has proved to own @param dialled by this side */
  constructor(
    private readonly socket: TLSSocket,
    readonly key: string,
    readonly dialled: boolean,
    private readonly events: ConnectionEvents,
  ) {
    socket.setNoDelay(true);
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.turns = new Turns(() => this.room());
    const decoder = new Decoder({
      data: (name, offset, payload) => this.take(name, { kind: 'data', offset, payload }),
      control: (name, body) => this.control(name, body),
    });
    socket.on('data', (chunk: Buffer) => {
      this.heard = performance.now();
      try {
        decoder.push(chunk);
      } catch {
        this.close(); // not one of us
      }
    });
    socket.on('error', () => undefined);
    socket.on('end', () => this.close());
    socket.on('close', () => this.close());
    this.timer = setInterval(() => this.tick(), connectionTimes.beat);
    this.timer.unref();
    this.deadline = setTimeout(() => this.close(), connectionTimes.open);
    this.deadline.unref();
  }

  /** Says who this side is. */
  greet(text: string): void {
    const body = Buffer.from(text);
    const message = Buffer.alloc(headroom + body.length);
    message.writeUInt32BE(body.length, 0);
    message.set(body, headroom);
    this.write(message);
  }

  /** Both sides know each other. */
  opened(peer: Sender): void {
    clearTimeout(this.deadline);
    this.peer = peer;
    this.open = true;
    this.settle(true);
  }

  /** Sends a frame that stands behind its headroom, to the direction of a stream that `key` names. */
  send(key: Buffer, frame: Buffer): void {
    frame.writeUInt32BE(frame.length - headroom, 0);
    frame.set(key, 4);
    this.write(frame);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.open = false;
    clearInterval(this.timer);
    clearTimeout(this.deadline);
    this.socket.destroy();
    this.settle(false);
    this.events.gone(this);
  }

  /** Closes it once what was said has been sent. */
  async end(): Promise<void> {
    if (this.closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, connectionTimes.end);
      this.socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      this.socket.end();
    });
    this.close();
  }

  private write(message: Buffer): void {
    if (this.closed) return;
    this.said = true;
    this.socket.write(message);
  }

  private room(): Promise<void> | undefined {
    const { socket } = this;
    if (socket.writableLength <= highWater) return undefined;
    return new Promise((resolve) => {
      const finish = () => {
        socket.off('drain', finish);
        socket.off('close', finish);
        resolve();
      };
      socket.on('drain', finish);
      socket.on('close', finish);
    });
  }

  private take(key: string, frame: Frame): void {
    if (this.open) this.events.frame(this, key, frame);
    else this.close();
  }

  private control(key: string, body: Buffer): void {
    if (key !== noStream) {
      const frame = decodeFrame(body);
      if (frame !== undefined) this.take(key, frame);
    } else if (body.length > 0 && (this.open || !this.events.greeted(this, body.toString()))) this.close();
  }

  private tick(): void {
    const now = performance.now();
    // This process was stopped, or busy: what was said meanwhile may still wait to be read.
    if (now - this.ticked > 2 * connectionTimes.beat) this.heard = now;
    this.ticked = now;
    if (now - this.heard > connectionTimes.dead) {
      this.close();
      return;
    }
    if (this.open && !this.said) this.write(Buffer.alloc(headroom));
    this.said = false;
  }
}

/** One stream's share of a connection. */
export class DirectLink implements Link {
  readonly copies = true;

  constructor(
    readonly connection: Connection,
    private readonly key: Buffer,
  ) {}

  get open(): boolean {
    return this.connection.open;
  }

  say(frame: Frame): void {
    this.connection.send(this.key, encodeFrame(frame, headroom));
  }

  offer(supplier: Supplier): void {
    this.connection.turns.add(supplier, this, (frame) => this.connection.send(this.key, frame));
  }
}
