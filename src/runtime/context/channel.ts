/** The program's side of the system-call channel. */

import type { Socket } from 'node:net';
import {
  type ContextDescription,
  decodeSyscall,
  encodeSyscall,
  FrameSplitter,
  type SyscallFrame,
} from '../syscalls/codec.js';
import { readSync, writeSync } from './host.js';
import type { Line } from './line.js';
import { beforeCall } from './sequence.js';

type Listener = (event: unknown) => void;

/**
 * Threads share the blocking pair, one call at a time. Only the main thread has the other channel: an asynchronous call of a
 * worker blocks that worker.
 */
export class Channel {
  private next = 1;
  private readonly waiting = new Map<number, (frame: SyscallFrame) => void>();
  private readonly listeners = new Set<Listener>();
  private opened: Socket | undefined;
  private users = 0;
  readonly description: ContextDescription;
  readonly isMain: boolean;
  private readonly lock: Int32Array;

  constructor(private readonly line: Line) {
    this.description = line.description;
    this.isMain = line.isMain;
    this.lock = line.lock;
  }

  private get socket(): Socket | undefined {
    if (this.opened !== undefined || !this.isMain) return this.opened;
    const splitter = new FrameSplitter();
    this.opened = this.line.socket();
    this.opened?.on('data', (chunk: Buffer) => {
      for (const frame of splitter.add(chunk)) this.received(frame);
    });
    return this.opened;
  }

  private received(frame: SyscallFrame): void {
    if (frame.head.event !== undefined) {
      for (const listener of this.listeners) listener(frame.head.event);
      return;
    }
    const resolve = this.waiting.get(frame.head.id);
    this.waiting.delete(frame.head.id);
    this.unhold();
    resolve?.(frame);
  }

  /** A call that blocks this thread in the kernel until it is answered. */
  callSync(call: string, args: readonly unknown[], bytes?: Uint8Array): SyscallFrame {
    beforeCall(call, args);
    while (Atomics.compareExchange(this.lock, 0, 0, 1) !== 0) Atomics.wait(this.lock, 0, 1);
    try {
      return this.exchange(call, args, bytes);
    } finally {
      Atomics.store(this.lock, 0, 0);
      Atomics.notify(this.lock, 0, 1);
    }
  }

  private exchange(call: string, args: readonly unknown[], bytes: Uint8Array | undefined): SyscallFrame {
    const frame = encodeSyscall({ id: this.next++, call, args }, bytes);
    for (let at = 0; at < frame.length; ) at += writeSync(this.description.syncRequest, frame, at);
    const length = this.readExactly(4).readUInt32BE(0);
    return decodeSyscall(this.readExactly(length));
  }

  private readExactly(length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const got = readSync(this.description.syncReply, buffer, at, length - at, null);
      if (got === 0) process.exit(1); // the runtime is gone
      at += got;
    }
    return buffer;
  }

  /** A call that keeps the process alive until it is answered. */
  call(call: string, args: readonly unknown[], bytes?: Uint8Array): Promise<SyscallFrame> {
    const { socket } = this;
    if (socket === undefined) return new Promise((resolve) => resolve(this.callSync(call, args, bytes)));
    beforeCall(call, args);
    const id = this.next++;
    this.hold();
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      socket.write(encodeSyscall({ id, call, args }, bytes));
    });
  }

  listen(listener: Listener): void {
    this.listeners.add(listener);
  }

  /** Keeps the process alive while something is awaited. */
  hold(): void {
    this.users += 1;
    if (this.users === 1) this.socket?.ref();
  }
  unhold(): void {
    this.users -= 1;
    if (this.users === 0) this.socket?.unref();
  }
}

/** Gives a promise's result to a callback in a turn of its own: what the callback throws is an uncaught exception. */
export function deliver<T>(promise: Promise<T>, give: (error: Error | null, value?: T) => void): void {
  promise.then(
    (value) => process.nextTick(give, null, value),
    (error: Error) => process.nextTick(give, error),
  );
}
