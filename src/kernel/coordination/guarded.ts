/**
 * A bucket with one writer, who holds a lease. It says at each change which one was the last of all, as far as it knows; whoever
 * holds the lease after it begins with a change of its own (the claim, which carries the epoch of its lease). So a former
 * holder that was stopped and wakes up is refused whatever it writes, also keys that nobody has written before.
 */
import { WireError } from '../../wire/errors.js';
import type { Bucket } from './bucket.js';
import { type Coordination, checkKey, type Entry } from './coordination.js';

/** Where the only writer of a bucket says that it is; no key that {@link Coordination.put} takes. */
const claimKey = '_claim';

interface Claim {
  readonly epoch: number;
}

export class Guarded implements Coordination {
  /** Changes are made one after the other: each says the number of the one before. */
  private under: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly bucket: Bucket,
    private last: number,
    private readonly lost: () => void,
  ) {}

  /** @param lost called when somebody else turns out to be the writer now */
  static async claim(bucket: Bucket, epoch: number, lost: () => void): Promise<Guarded> {
    const before = await bucket.read(claimKey);
    const claim: Claim = { epoch };
    if (((before?.value as Claim | undefined)?.epoch ?? 0) >= epoch)
      throw new WireError('ESTALE', 'somebody else has taken over');
    const last = await bucket.compareAndSet(claimKey, before?.revision ?? 0, (before, trying) =>
      bucket.write(claimKey, claim, before, trying),
    );
    return new Guarded(bucket, last, lost);
  }

  get(key: string): Promise<Entry | undefined> {
    return this.bucket.get(key);
  }

  list(group: string): Promise<readonly Entry[]> {
    return this.bucket.list(group);
  }

  put(key: string, value: unknown, revision: number): Promise<number> {
    return this.change(key, revision, (last) => this.bucket.write(key, value, last));
  }

  async remove(key: string, revision: number): Promise<void> {
    await this.change(key, revision, (last) => this.bucket.erase(key, last));
  }

  private change(key: string, revision: number, make: (last: number) => Promise<number>): Promise<number> {
    const step = this.under.then(async () => {
      checkKey(key);
      // What the only writer reads is so until it writes, or it is not the only writer: then the change is refused.
      if (((await this.bucket.read(key))?.revision ?? 0) !== revision)
        throw new WireError('ESTALE', `${key} was changed by somebody else`);
      try {
        this.last = await make(this.last);
      } catch (error) {
        if (error instanceof WireError && error.code === 'ESTALE') this.lost();
        throw error;
      }
      return this.last;
    });
    this.under = step.catch(() => undefined);
    return step;
  }
}
