/**
 * Coordination in a JetStream key-value bucket. The revision of a key is the sequence number of its last message, and a change
 * says which one it was made from (compare and set). Each change has an id of its own, so that one that is sent again because
 * its answer was lost is made once.
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

export interface BucketOptions {
  readonly name: string;
  readonly kv: KV;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly trying: Trying;
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
  async read(key: string): Promise<Entry | undefined> {
    const entry = await keepTrying(this.options.trying, () => this.options.kv.get(key.replace('/', '.')));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { key, value: entry.json(), revision: entry.revision };
  }

  async list(group: string): Promise<readonly Entry[]> {
    const subjects = Object.keys((await this.info(`${this.subject(group)}.>`)).state.subjects ?? {});
    const keys = subjects.map((subject) => `${group}/${subject.slice(this.subject(group).length + 1)}`).sort();
    const entries = await Promise.all(keys.map((key) => this.read(key)));
    return entries.filter((entry) => entry !== undefined);
  }

  async put(key: string, value: unknown, revision: number): Promise<number> {
    checkKey(key);
    return this.write(key, value, { lastSubjectSequence: revision });
  }

  async remove(key: string, revision: number): Promise<void> {
    checkKey(key);
    await this.erase(key, { lastSubjectSequence: revision });
  }

  /** Becomes the only writer of this bucket: see {@link Guarded}. @throws WireError ESTALE when a later epoch has been there */
  claim(epoch: number, lost: () => void): Promise<Guarded> {
    return Guarded.claim(this, epoch, lost);
  }

  /** Sequence number of the last change of any key. */
  async last(): Promise<number> {
    return (await this.info()).state.last_seq;
  }

  /** Makes a change if all that is expected holds; resolves with its sequence number. @throws WireError ESTALE */
  write(key: string, value: unknown, expect: Expected): Promise<number> {
    return this.publish(key, Buffer.from(JSON.stringify(value)), expect);
  }

  /** As {@link write}; the key is then no more. */
  async erase(key: string, expect: Expected): Promise<number> {
    // A mark that it is gone takes its place (nothing of the key is left before it), and then goes itself.
    const gone = headers();
    gone.set('KV-Operation', 'PURGE');
    gone.set('Nats-Rollup', 'sub');
    const sequence = await this.publish(key, new Uint8Array(), expect, gone);
    // One that stays behind says the same.
    await this.options.jsm.streams.deleteMessage(this.stream, sequence, false).catch(() => {});
    return sequence;
  }

  private async publish(key: string, payload: Uint8Array, expect: Expected, more?: ReturnType<typeof headers>) {
    const { js, trying } = this.options;
    const msgID = randomUUID();
    try {
      const subject = this.subject(key);
      // The answer to one that was made already says so, with the number it has.
      const settings = { msgID, expect, retries: 0, ...(more === undefined ? {} : { headers: more }) };
      return (await keepTrying(trying, () => js.publish(subject, payload, settings))).seq;
    } catch (cause) {
      if (!(cause instanceof JetStreamApiError)) throw cause;
      if (cause.code === wrongLastSequence)
        throw new WireError('ESTALE', `${key} was changed by somebody else`, { cause });
      throw new WireError('EIO', `${trying.what}: ${cause.message}`, { cause });
    }
  }

  private info(filter?: string): Promise<StreamInfo> {
    const { jsm, trying } = this.options;
    return keepTrying(trying, () =>
      jsm.streams.info(this.stream, filter === undefined ? {} : { subjects_filter: filter }),
    );
  }

  private subject(key: string): string {
    return `$KV.${this.options.name}.${key.replace('/', '.')}`;
  }
}

/** What must still be so when a change is made. */
export interface Expected {
  /** The last change of the key; 0: there is none. */
  readonly lastSubjectSequence: number;
  /** The last change of any key. */
  readonly lastSequence?: number;
}
