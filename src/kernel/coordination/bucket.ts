/**
 * Coordination in a JetStream key-value bucket. The revision of a key is the sequence number of its last message.
 *
 * A change says which one was the last of the whole bucket. To say which was the last of its key, as is done with such buckets
 * elsewhere, is not enough: servers of version 2.9 that are a cluster look at that before they agree on the order of changes,
 * and let several through that were made from one revision.
 */
import { randomUUID } from 'node:crypto';
import { JetStreamApiError, type JetStreamClient, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { headers } from '@nats-io/transport-node';
import { WireError } from '../../wire/errors.js';
import { type Coordination, checkKey, type Entry } from './coordination.js';
import { Guarded } from './guarded.js';
import { keepTrying, type Trying } from './trying.js';

/** JSStreamWrongLastSequenceErrF: somebody else was quicker. */
const wrongLastSequence = 10_071;
/** JSNoMessageFoundErrF. */
const noMessage = 10_037;

/** Most milliseconds until a change is tried again that another was quicker than: those who try at one time are spread. */
const spreadMs = 20;

/** Header with the name of a change, by which whoever made it knows it again. */
const changeHeader = 'Onesh-Change';

export interface BucketOptions {
  readonly name: string;
  readonly kv: KV;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Who is asked, as errors name it. */
  readonly what: string;
  /** Milliseconds that an operation may take. */
  readonly patienceMs: number;
}

export class Bucket implements Coordination {
  private readonly stream: string;

  constructor(private readonly options: BucketOptions) {
    this.stream = `KV_${options.name}`;
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    return this.read(key);
  }

  /** As {@link get}, of any key of the bucket. */
  async read(key: string, trying = this.trying()): Promise<Entry | undefined> {
    const entry = await keepTrying(trying, () => this.options.kv.get(key.replace('/', '.')));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    try {
      return { key, value: entry.json(), revision: entry.revision };
    } catch (cause) {
      throw new WireError('EBADMSG', `${trying.what}: ${key}: not JSON`, { cause });
    }
  }

  async list(group: string): Promise<readonly Entry[]> {
    const subjects = Object.keys((await this.info(this.trying(), `${this.subject(group)}.>`)).state.subjects ?? {});
    const keys = subjects.map((subject) => `${group}/${subject.slice(this.subject(group).length + 1)}`).sort();
    const entries = await Promise.all(keys.map((key) => this.read(key)));
    return entries.filter((entry) => entry !== undefined);
  }

  async put(key: string, value: unknown, revision: number): Promise<number> {
    checkKey(key);
    return this.compareAndSet(key, revision, (last, trying) => this.write(key, value, last, trying));
  }

  async remove(key: string, revision: number): Promise<void> {
    checkKey(key);
    await this.compareAndSet(key, revision, (last, trying) => this.erase(key, last, trying));
  }

  /** Becomes the only writer of this bucket: see {@link Guarded}. @throws WireError ESTALE when a later epoch has been there */
  claim(epoch: number, lost: () => void): Promise<Guarded> {
    return Guarded.claim(this, epoch, lost);
  }

  /** Sequence number of the last change of any key. */
  async last(trying = this.trying()): Promise<number> {
    return (await this.info(trying)).state.last_seq;
  }

  /** Sets a key if `last` is the last change of any; resolves with the number of this one. @throws WireError ESTALE */
  write(key: string, value: unknown, last: number, trying = this.trying()): Promise<number> {
    return this.publish(key, Buffer.from(JSON.stringify(value)), last, {}, trying);
  }

  /** As {@link write}; the key is then no more. */
  async erase(key: string, last: number, trying = this.trying()): Promise<number> {
    // A mark that it is gone takes its place (nothing of the key is left before it), and then goes itself.
    const gone = { 'KV-Operation': 'PURGE', 'Nats-Rollup': 'sub' };
    const sequence = await this.publish(key, new Uint8Array(), last, gone, trying);
    // One that stays behind says the same.
    await this.options.jsm.streams.deleteMessage(this.stream, sequence, false).catch(() => {});
    return sequence;
  }

  /**
   * Makes a change if the key has `revision` when `last` is the last change of all, and tries again where another key was
   * changed meanwhile. @throws WireError ESTALE
   */
  async compareAndSet(
    key: string,
    revision: number,
    change: (last: number, trying: Trying) => Promise<number>,
  ): Promise<number> {
    const trying = this.trying();
    for (;;) {
      const last = await this.last(trying);
      if (((await this.read(key, trying))?.revision ?? 0) !== revision)
        throw new WireError('ESTALE', `${key} was changed by somebody else`);
      try {
        return await change(last, trying);
      } catch (error) {
        if (!(error instanceof WireError && error.code === 'ESTALE')) throw error;
        if (performance.now() >= trying.deadline)
          throw new WireError('ETIMEDOUT', `${trying.what}: others are always quicker`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, spreadMs * Math.random()));
      }
    }
  }

  private async publish(
    key: string,
    payload: Uint8Array,
    lastSequence: number,
    more: Readonly<Record<string, string>>,
    trying: Trying,
  ): Promise<number> {
    const change = randomUUID();
    const named = headers();
    for (const [name, value] of Object.entries({ ...more, [changeHeader]: change })) named.set(name, value);
    /** An attempt may have been made that nobody told us of. */
    let unanswered = false;
    const attempt = async () => {
      try {
        const settings = { expect: { lastSequence }, retries: 0, headers: named };
        return await this.options.js.publish(this.subject(key), payload, settings);
      } catch (error) {
        if (!isStale(error)) unanswered = true;
        throw error;
      }
    };
    try {
      return (await keepTrying(trying, attempt)).seq;
    } catch (cause) {
      if (!(cause instanceof WireError && isStale(cause.cause))) throw cause;
      const made = unanswered ? await this.find(key, change, trying) : undefined;
      if (made !== undefined) return made;
      throw new WireError('ESTALE', `${key} was changed by somebody else`, { cause });
    }
  }

  /** Number of the change of `key` with this name, if it is the last one. */
  private async find(key: string, change: string, trying: Trying): Promise<number | undefined> {
    const find = () => this.options.jsm.streams.getMessage(this.stream, { last_by_subj: this.subject(key) });
    try {
      const message = await keepTrying(trying, find);
      return message?.header?.get(changeHeader) === change ? message.seq : undefined;
    } catch (error) {
      const { cause } = error as WireError;
      if (cause instanceof JetStreamApiError && cause.code === noMessage) return undefined;
      throw error;
    }
  }

  private info(trying: Trying, filter?: string): Promise<StreamInfo> {
    const { jsm } = this.options;
    return keepTrying(trying, () =>
      jsm.streams.info(this.stream, filter === undefined ? {} : { subjects_filter: filter }),
    );
  }

  private trying(): Trying {
    const { what, patienceMs } = this.options;
    return { what, deadline: performance.now() + patienceMs };
  }

  private subject(key: string): string {
    return `$KV.${this.options.name}.${key.replace('/', '.')}`;
  }
}

const isStale = (error: unknown): boolean => error instanceof JetStreamApiError && error.code === wrongLastSequence;
