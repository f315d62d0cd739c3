/**
 * Turns on one connection: each stream with something to send gives one frame, then the next stream does, while the connection
 * has room. So no stream starves another, and what waits in the connection stays bounded however many there are.
 */
import type { Link, Supplier } from './link.js';

interface Waiting {
  readonly supplier: Supplier;
  readonly link: Link;
  readonly send: (frame: Buffer) => void;
}

export class Turns {
  private readonly queue: Waiting[] = [];
  private readonly waiting = new Set<Supplier>();
  private running = false;
  private full = false;

  /** `room` is undefined while the connection takes more, else resolves when it does. */
  constructor(private readonly room: () => Promise<void> | undefined) {}

  /** Gives `supplier` turns until it has nothing for `link`. */
  add(supplier: Supplier, link: Link, send: (frame: Buffer) => void): void {
    if (this.waiting.has(supplier)) return;
    this.waiting.add(supplier);
    this.queue.push({ supplier, link, send });
    this.run();
  }

  private run(): void {
    if (this.running || this.full) return;
    this.running = true;
    try {
      for (let next = this.queue[0]; next !== undefined; next = this.queue[0]) {
        const room = this.room();
        if (room !== undefined) {
          this.full = true;
          void room.then(() => {
            this.full = false;
            this.run();
          });
          return;
        }
        this.queue.shift();
        const frame = next.supplier(next.link);
        if (frame === undefined) this.waiting.delete(next.supplier);
        else {
          next.send(frame);
          this.queue.push(next);
        }
      }
    } finally {
      this.running = false;
    }
  }
}
