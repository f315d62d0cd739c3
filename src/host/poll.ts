/** poll(2): which descriptors would not block, now, at once for several, or without a thread for each. */
import { readSync, writeSync } from 'node:fs';
import { libc, pipe } from './libc.js';

const POLLIN = 1;
const POLLOUT = 4;
const POLLERR = 8;
const POLLHUP = 16;
const FIONREAD = 0x541b;
const pollSet = new Uint8Array(8);
const pollView = new DataView(pollSet.buffer);

/** True when a read (write) on `fd` would not block, or would fail at once. */
export function ready(fd: number, direction: 'read' | 'write'): boolean {
  pollView.setInt32(0, fd, true);
  pollView.setInt32(4, direction === 'read' ? POLLIN : POLLOUT, true);
  for (;;) {
    const found = libc().poll(pollSet, 1, 0);
    // A signal that is pending ends even a poll that does not wait.
    if (found >= 0) return found > 0;
  }
}

/** True when nobody can read any more what is written to this end of a pipe. */
export function isDeserted(fd: number): boolean {
  pollView.setInt32(0, fd, true);
  pollView.setInt32(4, 0, true);
  for (;;) {
    const found = libc().poll(pollSet, 1, 0);
    if (found >= 0) return found > 0 && (pollView.getInt16(6, true) & POLLERR) !== 0;
  }
}

/** What poll(2) says of a descriptor. */
export interface Polled {
  readonly ready: boolean;
  /** The other end is closed. */
  readonly hangup: boolean;
}

/** Waits until one of `asked` would not block, or would fail at once; `timeoutMs` -1: however long it takes. */
export function pollAll(
  asked: readonly { readonly fd: number; readonly direction: 'read' | 'write' }[],
  timeoutMs: number,
): Polled[] {
  const set = new Uint8Array(8 * asked.length);
  const view = new DataView(set.buffer);
  const end = performance.now() + timeoutMs;
  for (let left = timeoutMs; ; left = timeoutMs < 0 ? timeoutMs : Math.max(0, end - performance.now())) {
    asked.forEach(({ fd, direction }, i) => {
      view.setInt32(8 * i, fd, true);
      view.setInt32(8 * i + 4, direction === 'read' ? POLLIN : POLLOUT, true);
    });
    // A signal ends a poll.
    if (libc().poll(set, asked.length, Math.min(Math.ceil(left), 0x7fffffff)) >= 0) break;
  }
  return asked.map((_, i) => {
    const events = view.getInt16(8 * i + 6, true);
    return { ready: events !== 0, hangup: (events & POLLHUP) !== 0 };
  });
}

const int = new Int32Array(1);
const intBytes = new Uint8Array(int.buffer);

/** How many bytes a read would give now; 0 where the descriptor does not say. */
export function readableBytes(fd: number): number {
  return libc().ioctl(fd, FIONREAD, intBytes) < 0 ? 0 : int[0]!;
}

/** Waits on descriptors without a thread each: one poll(2) at a time in a worker thread, woken through a pipe. */
class Poller {
  private waiting: { fd: number; events: number; resolve: () => void }[] = [];
  private wake: { read: number; write: number } | undefined;
  private running = false;
  /** pollfd structures outside the JavaScript heap: a worker thread reads and writes them. */
  private set = { address: 0n, view: new DataView(new ArrayBuffer(0)) };

  wait(fd: number, direction: 'read' | 'write', signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const abort = (): void => {
        this.waiting = this.waiting.filter((e) => e !== entry);
        if (this.running) writeSync(this.wake!.write, '!');
        resolve();
      };
      const done = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const entry = { fd, events: direction === 'read' ? POLLIN : POLLOUT, resolve: done };
      this.waiting.push(entry);
      signal?.addEventListener('abort', abort, { once: true });
      if (this.running) writeSync(this.wake!.write, '!');
      else this.run();
    });
  }

  private run(): void {
    const c = libc();
    this.wake ??= pipe();
    const wake = this.wake;
    this.running = true;
    const asked = [...this.waiting];
    if (this.set.view.byteLength < 8 * (asked.length + 1)) {
      const length = 16 * (asked.length + 8);
      const memory = c.koffi.alloc('uint8_t', length);
      this.set = { address: c.koffi.address(memory), view: new DataView(c.koffi.view(memory, length)) };
    }
    const { view, address } = this.set;
    const put = (slot: number, fd: number, events: number) => {
      view.setInt32(8 * slot, fd, true);
      view.setInt16(8 * slot + 4, events, true);
      // A poll that a signal interrupts leaves the results as they were.
      view.setInt16(8 * slot + 6, 0, true);
    };
    put(0, wake.read, POLLIN);
    asked.forEach((entry, i) => {
      put(i + 1, entry.fd, entry.events);
    });
    c.poll.async(address, asked.length + 1, -1, () => {
      this.running = false;
      if (view.getInt16(6, true) !== 0) readSync(wake.read, Buffer.alloc(64));
      asked.forEach((entry, i) => {
        if (view.getInt16(8 * (i + 1) + 6, true) !== 0) {
          this.waiting = this.waiting.filter((e) => e !== entry);
          entry.resolve();
        }
      });
      if (this.waiting.length > 0) this.run();
    });
  }
}

const poller = new Poller();

/** Resolves when a read (write) on `fd` would not block, or `signal` aborts. The event loop stays alive until then. */
export const whenReady = (fd: number, direction: 'read' | 'write', signal?: AbortSignal): Promise<void> =>
  poller.wait(fd, direction, signal);
