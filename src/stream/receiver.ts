/** The receiving end of a stream between machines; the protocol is described in `streams.ts`. */
import { toErrorBody, WireError } from '../wire/errors.js';
import type { Frame } from '../wire/frame.js';
import { type Ear, type Ends, type Link, probesBeforeTimeout } from './link.js';
import { type StreamReader, streamLimits } from './stream.js';

/** Credit is given at once when a quarter of the window or this many frames have accumulated, else after `creditDelayMs`. */
const creditFrames = 16;
const creditDelayMs = 20;
/** Bytes of chunks that waited which one read gives at most. */
const gatherMost = 4 * streamLimits.frame;
/** Milliseconds before the same gap is reported again; doubled every time. */
const gapFirstMs = 100;
/** How long the end is acknowledged again when asked for, in milliseconds; a failure is repeated for `peerTimeoutMs`. */
const lingerMs = 5000;

interface Waiting {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Receivers that are open in this process: together they promise no more than `streamLimits.budget`, or the least each. */
let open = 0;

/** What a stream may have sent and not consumed. */
function windowNow(): number {
  const { window, leastWindow, budget } = streamLimits;
  return Math.min(window, Math.max(leastWindow, Math.floor(budget / Math.max(1, open))));
}

export class Receiver implements StreamReader, Ear {
  private readonly queue: Uint8Array[] = [];
  private waiting: Waiting | undefined;
  private received: number;
  private consumed: number;
  private length: number | undefined;
  private failure: Error | undefined;
  /** What the writer was last told. */
  private toldReceived = 0;
  private toldLimit = 0;
  private window = windowNow();
  private framesSince = 0;
  private creditTimer: NodeJS.Timeout | undefined;
  private gapAt = -1;
  private gapUntil = 0;
  private gapMs = gapFirstMs;
  private lastHeard = performance.now();
  private unanswered = 0;
  private readonly pulse: NodeJS.Timeout;
  private counted = false;
  /** Once set, the answer to everything the writer still says. */
  private last: Frame | undefined;

  constructor(private readonly ends: Ends) {
    const { offset } = ends;
    [this.received, this.consumed] = [offset, offset];
    this.pulse = setInterval(() => this.beat(), ends.peerTimeoutMs / (probesBeforeTimeout + 1));
  }

  /** Starts listening. @throws WireError EACCES, ENOTCONN */
  async open(): Promise<void> {
    open += 1;
    this.counted = true;
    try {
      await this.ends.route.start(this);
    } catch (error) {
      this.leave();
      throw error;
    }
    if (this.last === undefined) this.hello();
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.next();
    if (chunk !== undefined) {
      this.consume(chunk);
      return Promise.resolve(chunk);
    }
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.length !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  /** What waits, small chunks in one: a reader that is slower than the network has most of its cost by the chunk. */
  private next(): Uint8Array | undefined {
    const { queue } = this;
    const first = queue[0];
    if (first === undefined || queue.length === 1 || first.length >= streamLimits.frame) return queue.shift();
    let count = 1;
    let length = first.length;
    while (count < queue.length && length + queue[count]!.length <= gatherMost) length += queue[count++]!.length;
    return Buffer.concat(queue.splice(0, count), length);
  }

  cancel(): void {
    if (this.last !== undefined) {
      this.queue.length = 0;
      return;
    }
    this.queue.length = 0;
    this.fail(new WireError('ECANCELED', 'the stream was cancelled'), {
      kind: 'reset',
      code: 'EPIPE',
      message: 'the reader has gone',
    });
  }

  /** Another link: the writer learns of it by this word, and asks for what is missing. */
  changed(): void {
    if (this.last === undefined) this.credit(0);
  }

  hear(frame: Frame, link: Link): void {
    if (this.last !== undefined) {
      if (frame.kind !== 'reset') link.say(this.last);
      return;
    }
    this.lastHeard = performance.now();
    this.unanswered = 0;
    switch (frame.kind) {
      case 'data':
        this.take(frame.offset, frame.payload);
        return;
      case 'end':
        if (frame.offset > this.received) this.gap();
        else if (frame.offset === this.received) this.complete();
        return;
      case 'ping':
        this.credit(frame.offset);
        return;
      case 'pong':
        if (frame.offset > this.received) this.gap();
        return;
      case 'reset':
        this.fail(new WireError(frame.code, frame.message), undefined);
        return;
      default:
        return;
    }
  }

  private take(offset: number, payload: Uint8Array): void {
    if (offset > this.received) {
      this.gap();
      return;
    }
    const end = offset + payload.length;
    if (end <= this.received) {
      // Sent again: the writer does not know that it is here.
      this.toldReceived = Math.min(this.toldReceived, end - 1);
      this.scheduleCredit();
      return;
    }
    // More than was granted: a writer that does not keep to the protocol, or somebody else. Memory stays bounded.
    if (end > Math.max(this.toldLimit, this.ends.offset + streamLimits.frame) + streamLimits.frame) return;
    const chunk = offset === this.received ? payload : payload.subarray(this.received - offset);
    // The first bytes are answered at once: until then the writer may not send more than one frame.
    if (this.received === this.ends.offset) this.framesSince = creditFrames;
    this.received = end;
    this.framesSince += 1;
    if (this.waiting !== undefined) {
      const { resolve } = this.waiting;
      this.waiting = undefined;
      this.consume(chunk);
      resolve(chunk);
    } else {
      this.queue.push(chunk);
      this.scheduleCredit();
    }
  }

  private consume(chunk: Uint8Array): void {
    this.consumed += chunk.length;
    this.scheduleCredit();
  }

  private scheduleCredit(): void {
    if (this.last !== undefined) return;
    if (this.consumed + this.window - this.toldLimit >= this.window / 4 || this.framesSince >= creditFrames) {
      this.credit(0);
      return;
    }
    this.creditTimer ??= setTimeout(() => {
      this.creditTimer = undefined;
      const news = this.received > this.toldReceived || this.consumed + this.window > this.toldLimit;
      if (news) this.credit(0);
    }, creditDelayMs);
  }

  private credit(echo: number): void {
    if (this.last !== undefined) return;
    const limit = this.told();
    this.say({ kind: 'credit', received: this.received, limit, echo });
  }

  private hello(): void {
    this.say({ kind: 'hello', received: this.received, limit: this.told() });
  }

  private told(): number {
    clearTimeout(this.creditTimer);
    this.creditTimer = undefined;
    this.framesSince = 0;
    this.toldReceived = this.received;
    this.window = windowNow();
    // What was promised stays promised, also when there are more streams now.
    this.toldLimit = Math.max(this.toldLimit, this.consumed + this.window);
    return this.toldLimit;
  }

  /** Something between is missing: ask for it, but not for every frame behind the gap. */
  private gap(): void {
    const now = performance.now();
    if (this.gapAt === this.received) {
      if (now < this.gapUntil) return;
      this.gapMs *= 2;
    } else {
      this.gapAt = this.received;
      this.gapMs = gapFirstMs;
    }
    this.gapUntil = now + this.gapMs;
    this.hello();
  }

  private complete(): void {
    this.length = this.received;
    this.last = { kind: 'end', offset: this.received };
    this.say(this.last);
    this.leave();
    this.waiting?.resolve(undefined);
    this.waiting = undefined;
  }

  /** `answer` is what the writer is told; undefined when it knows. Chunks that are here already can still be read. */
  private fail(error: Error, answer: Frame | undefined): void {
    if (this.last !== undefined) return;
    this.failure = error;
    this.last = answer ?? { kind: 'reset', code: 'EPIPE', message: 'the reader has gone' };
    if (answer !== undefined) this.ends.route.link.say(answer, true);
    this.leave();
    this.waiting?.reject(error);
    this.waiting = undefined;
  }

  /** Nothing more to receive; for a while the last word is repeated to a writer that missed it. */
  private leave(): void {
    clearInterval(this.pulse);
    clearTimeout(this.creditTimer);
    if (this.counted) open -= 1;
    this.counted = false;
    const { route, peerTimeoutMs } = this.ends;
    setTimeout(() => route.close(), this.failure === undefined ? lingerMs : peerTimeoutMs).unref();
  }

  private say(frame: Frame): void {
    this.ends.route.link.say(frame);
  }

  /** An idle writer answers; a dead one does not. */
  private beat(): void {
    const { peerTimeoutMs } = this.ends;
    const silence = performance.now() - this.lastHeard;
    if (silence < peerTimeoutMs / (probesBeforeTimeout + 2)) return;
    if (this.unanswered >= probesBeforeTimeout && silence >= peerTimeoutMs * 0.95) {
      const error = new WireError('ETIMEDOUT', `no word from the stream's writer for ${peerTimeoutMs / 1000} s`);
      const { code, message } = toErrorBody(error);
      this.fail(error, { kind: 'reset', code, message });
      return;
    }
    this.unanswered += 1;
    this.say({ kind: 'ping', offset: this.received });
  }
}
