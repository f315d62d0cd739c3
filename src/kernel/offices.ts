/**
 * The kernel agents that this kernel runtime holds the leases of, of those that it stands for. It starts one when it gets its
 * lease and stops it when it has it no more.
 */
import { WireError } from '../wire/errors.js';
import type { RuntimeName } from '../wire/ids.js';
import type { Service } from '../wire/topics.js';
import type { Coordination } from './coordination/coordination.js';
import { Lease } from './lease.js';

/** A term of office. */
export interface Term {
  readonly epoch: number;
  /** False as soon as it is over: nothing is to be said or done for it any more. */
  isOpen(): boolean;
  /** Ends it: somebody else turns out to be in office. */
  resign(): void;
}

export interface Office {
  readonly service: Service;
  /** Starts the kernel agent. Rejecting gives the lease back. */
  start(term: Term): Promise<{ close(): Promise<void> }>;
}

export interface OfficesOptions {
  readonly leases: Coordination;
  readonly self: RuntimeName;
  readonly offices: readonly Office[];
  /** False while nobody could hear what a kernel agent says here: another machine may be luckier. */
  readonly isReachable: () => boolean;
  /** Called with what keeps a kernel agent from starting. */
  readonly report: (message: string) => void;
}

export interface Offices {
  /** Who holds which, as far as is known here. */
  holders(): Partial<Record<Service, RuntimeName>>;
  /** Stops what runs here and gives the leases back. */
  close(): Promise<void>;
}

/**
 * Milliseconds a lease is good for, between two renewals, and that a holder goes on while the engine answers nothing, and while
 * nobody can reach it.
 */
const timing = { ttlMs: 1500, stepMs: 300, doubtMs: 15_000, unheardMs: 2000 } as const;

export function holdOffices(options: OfficesOptions): Offices {
  const posts = options.offices.map((office) => new Post(office, options));
  return {
    holders: () =>
      Object.fromEntries(
        posts.flatMap(({ lease, office }) => (lease.holder === undefined ? [] : [[office.service, lease.holder]])),
      ),
    close: async () => {
      await Promise.all(posts.map((post) => post.close()));
    },
  };
}

class Post {
  readonly lease: Lease;
  private running:
    | { readonly epoch: number; readonly agent: Promise<{ close(): Promise<void> } | undefined> }
    | undefined;
  private closed = false;
  private wake: () => void = () => {};
  private readonly ended: Promise<void>;
  /** Somebody else may have more luck: no attempt before this. */
  private notBefore = 0;
  /** When this machine was last known to be reachable. */
  private heard = performance.now();

  constructor(
    readonly office: Office,
    private readonly options: OfficesOptions,
  ) {
    const { leases, self } = options;
    const { ttlMs, doubtMs } = timing;
    this.lease = new Lease({ coordination: leases, key: `leases/${office.service}`, self, ttlMs, doubtMs });
    this.ended = this.run();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
    await this.ended;
    await this.stop();
    await this.lease.release();
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      await this.step();
      const { epoch } = this.lease;
      // What runs ends by itself: the lease is renewed, or taken again, meanwhile.
      if (this.running !== undefined && this.running.epoch !== epoch) void this.stop();
      if (this.running === undefined && epoch !== undefined && !this.closed)
        this.running = { epoch, agent: this.start(epoch) };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timing.stepMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  private async step(): Promise<void> {
    const now = performance.now();
    if (this.options.isReachable()) this.heard = now;
    if (now - this.heard > timing.unheardMs) await this.lease.release();
    else if (now >= this.notBefore) await this.lease.step();
  }

  private async start(epoch: number): Promise<{ close(): Promise<void> } | undefined> {
    const isOpen = () => !this.closed && this.lease.epoch === epoch;
    try {
      return await this.office.start({
        epoch,
        isOpen,
        resign: () => {
          if (this.lease.epoch === epoch) this.lease.resign();
          this.wake();
        },
      });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (!this.closed) this.options.report(`the ${this.office.service} did not start here: ${error.message}`);
      this.notBefore = performance.now() + 2 * timing.ttlMs;
      if (this.lease.epoch === epoch) await this.lease.release();
      return undefined;
    }
  }

  private async stop(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    await (await running?.agent)?.close();
  }
}
