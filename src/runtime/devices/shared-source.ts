/**
 * One open source, many readers: a device is read once however many agents read it. A reader starts with what comes next; the
 * last one to go stops the source. A reader that falls behind holds the source back (policy `block`) or loses its oldest
 * readings (`drop-oldest`); both bound the memory it costs.
 */
import type { StreamReader } from '../../stream/stream.js';
import { WireError } from '../../wire/errors.js';

/** Where readings come from. */
export interface Source {
  /** Begins; `push` gives a reading, `end` says that there will be no more. */
  start(push: (chunk: Uint8Array) => void, end: (error?: Error) => void): void;
  /** What a new reader is told first: the state as it is. */
  greet?(): Uint8Array | undefined;
  /** Holds back or goes on; absent where the world does not wait. */
  hold?(on: boolean): void;
  stop(): void;
}

export type Policy = 'block' | 'drop-oldest';

/**
 * Bytes a reader may lag behind before the source is held or readings are dropped; `free` where the source cannot be held.
 * A queued reading counts for `overhead` more: many are a few bytes long.
 */
const lagLimit = { block: 64 << 10, 'drop-oldest': 64 << 10, free: 4 << 20 } as const;
const overhead = 64;

class SharedReader implements StreamReader {
  private queue: Uint8Array[] = [];
  private waiting: { resolve: (chunk: Uint8Array | undefined) => void; reject: (error: Error) => void } | undefined;
  private ended = false;
  private error: Error | undefined;
  lag = 0;

  constructor(private readonly owner: SharedSource) {}

  push(chunk: Uint8Array): void {
    if (this.waiting !== undefined) {
      this.waiting.resolve(chunk);
      this.waiting = undefined;
      return;
    }
    this.queue.push(chunk);
    this.lag += chunk.length + overhead;
  }

  drop(limit: number): void {
    while (this.lag > limit) this.lag -= this.queue.shift()!.length + overhead;
  }

  finish(error: Error | undefined): void {
    this.ended = true;
    this.error = error;
    if (this.waiting === undefined) return;
    if (error !== undefined) this.waiting.reject(error);
    else this.waiting.resolve(undefined);
    this.waiting = undefined;
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.queue.shift();
    if (chunk !== undefined) {
      this.lag -= chunk.length + overhead;
      this.owner.relieved();
      return Promise.resolve(chunk);
    }
    if (this.ended) return this.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.error);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  cancel(): void {
    this.finish(undefined);
    this.queue = [];
    this.lag = 0;
    this.owner.leave(this);
  }
}

export class SharedSource {
  private readonly readers = new Set<SharedReader>();
  private source: Source | undefined;
  private held = false;

  constructor(
    private readonly make: () => Source,
    private readonly policy: Policy,
  ) {}

  /** @throws what `make` or the source's `start` throws */
  open(): StreamReader {
    const reader = new SharedReader(this);
    if (this.source === undefined) this.begin();
    this.readers.add(reader);
    const greeting = this.source?.greet?.();
    if (greeting !== undefined) reader.push(greeting);
    return reader;
  }

  private begin(): void {
    const source = this.make();
    this.held = false;
    source.start(
      (chunk) => {
        if (this.source === source) this.deliver(chunk);
      },
      (error) => {
        if (this.source !== source) return;
        this.source = undefined;
        for (const each of [...this.readers]) each.finish(error);
        this.readers.clear();
      },
    );
    this.source = source;
  }

  private get blocks(): boolean {
    return this.policy === 'block' && this.source?.hold !== undefined;
  }

  private deliver(chunk: Uint8Array): void {
    const { blocks } = this;
    for (const reader of this.readers) {
      reader.push(chunk);
      if (!blocks) reader.drop(this.policy === 'block' ? lagLimit.free : lagLimit['drop-oldest']);
    }
    if (blocks && !this.held && [...this.readers].some((r) => r.lag > lagLimit.block)) {
      this.held = true;
      this.source?.hold?.(true);
    }
  }

  /** A reader has caught up a little. */
  relieved(): void {
    if (!this.held || [...this.readers].some((r) => r.lag > lagLimit.block / 2)) return;
    this.held = false;
    this.source?.hold?.(false);
  }

  leave(reader: SharedReader): void {
    if (!this.readers.delete(reader)) return;
    if (this.readers.size > 0) {
      this.relieved();
      return;
    }
    this.source?.stop();
    this.source = undefined;
  }

  /** Ends every reader: the runtime stops. */
  close(): void {
    for (const reader of [...this.readers]) reader.finish(new WireError('ENODEV', 'the runtime stopped'));
    this.readers.clear();
    this.source?.stop();
    this.source = undefined;
  }
}
