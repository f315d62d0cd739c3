/**
 * Which kernel runtime a kernel agent runs on: a lease, kept by the coordination. Its holder renews it; when it has not changed
 * for as long as it is good, as others see it, one of them takes it. No two clocks are compared: the holder counts from before
 * it asks, the others from after they have heard. Whatever else the holder writes goes by the lease's epoch (`guarded.ts`), so
 * that a holder which has not noticed that it is one no more is refused.
 */
import { randomUUID } from 'node:crypto';
import { WireError } from '../wire/errors.js';
import type { RuntimeName } from '../wire/ids.js';
import type { Coordination, Entry } from './coordination/coordination.js';

export interface LeaseOptions {
  /** Keeps the lease; its operations fail within less than `ttlMs`. */
  readonly coordination: Coordination;
  readonly key: string;
  readonly self: RuntimeName;
  /** Milliseconds that the lease is good for after it was renewed. */
  readonly ttlMs: number;
  /**
   * Milliseconds that the holder stays in office while the coordination answers nothing, which then tells nobody that the lease
   * is free: nats-servers that lost their leader choose another in 4 to 9 s.
   */
  readonly doubtMs: number;
  /** Milliseconds that only grow, also while this process is stopped. Default `performance.now`. */
  readonly now?: () => number;
}

interface Value {
  readonly holder: RuntimeName;
  /** The process that holds it: one that is started anew is another. */
  readonly process: string;
}

interface Term {
  /** The lease's revision when it was taken: greater than that of any term before. */
  readonly epoch: number;
  revision: number;
  /** When it runs out, by our clock. */
  until: number;
  /** When the coordination last answered. */
  heard: number;
}

export class Lease {
  private readonly process = randomUUID();
  private readonly now: () => number;
  private term: Term | undefined;
  private seen: { readonly revision: number; readonly at: number } | undefined;
  private last: RuntimeName | undefined;

  constructor(private readonly options: LeaseOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  /** Of our term of office; undefined while it is another's, or nobody's. */
  get epoch(): number | undefined {
    return this.term !== undefined && this.now() < this.term.until ? this.term.epoch : undefined;
  }

  /** Who holds it, as far as was last seen. */
  get holder(): RuntimeName | undefined {
    return this.epoch === undefined ? this.last : this.options.self;
  }

  /** Renews it, or takes it when it is free: to be called several times in `ttlMs`. Never throws. */
  async step(): Promise<void> {
    if (this.term !== undefined && this.now() >= this.term.until) this.resign();
    const asked = this.now();
    try {
      await (this.term === undefined ? this.look() : this.renew(this.term));
    } catch (error) {
      this.unanswered(error, asked);
    }
  }

  /** Is in office no more; the lease is left to run out. */
  resign(): void {
    this.term = undefined;
    this.seen = undefined;
  }

  /** Gives it back, so that another can take it at once. */
  async release(): Promise<void> {
    const { term } = this;
    this.resign();
    if (term !== undefined) await this.options.coordination.remove(this.options.key, term.revision).catch(() => {});
  }

  private async renew(term: Term): Promise<void> {
    const asked = this.now();
    try {
      term.revision = await this.put(term.revision);
    } catch (error) {
      if (!isStale(error)) throw error;
      // Ours all the same if it was the answer to the last renewal that was lost.
      const entry = await this.options.coordination.get(this.options.key).catch(() => 'unknown' as const);
      // The next step asks again, if the term lasts so long.
      if (entry === 'unknown') return;
      if (entry !== undefined && this.isOurs(entry)) term.revision = entry.revision;
      else {
        this.resign();
        this.observe(entry);
      }
      return;
    }
    term.heard = this.now();
    term.until = asked + this.options.ttlMs;
  }

  private async look(): Promise<void> {
    const entry = await this.options.coordination.get(this.options.key);
    if (!this.observe(entry)) return;
    const asked = this.now();
    try {
      const revision = await this.put(entry?.revision ?? 0);
      this.term = { epoch: revision, revision, until: asked + this.options.ttlMs, heard: this.now() };
    } catch (error) {
      if (!isStale(error)) throw error; // somebody else was quicker
    }
  }

  /** True when it may be taken. */
  private observe(entry: Entry | undefined): boolean {
    if (entry === undefined) {
      this.last = undefined;
      return true;
    }
    this.last = (entry.value as Value).holder;
    if (this.isOurs(entry)) return true;
    if (this.seen?.revision !== entry.revision) this.seen = { revision: entry.revision, at: this.now() };
    return this.now() - this.seen.at >= this.options.ttlMs;
  }

  /** The coordination did not answer what it was asked at `asked`. */
  private unanswered(error: unknown, asked: number): void {
    if (!(error instanceof WireError)) throw error;
    // What was not looked at meanwhile may have changed meanwhile.
    this.seen = undefined;
    const { term } = this;
    const now = this.now();
    // One that has slept through the end of its term is not in doubt, it is out.
    if (term === undefined || now >= term.until || now - term.heard > this.options.doubtMs) this.term = undefined;
    else term.until = asked + this.options.ttlMs;
  }

  private put(revision: number): Promise<number> {
    const value: Value = { holder: this.options.self, process: this.process };
    return this.options.coordination.put(this.options.key, value, revision);
  }

  private isOurs = ({ value }: Entry): boolean => (value as Value).process === this.process;
}

const isStale = (error: unknown): boolean => error instanceof WireError && error.code === 'ESTALE';
