/** The sending end of a stream between machines; the protocol is described in `streams.ts`. */
import { toErrorBody, WireError } from '../wire/errors.js';
import { type Frame, frameHeader, writeDataHeader } from '../wire/frame.js';
import { type Ear, type Ends, fullSize, headroom, type Link, probesBeforeTimeout } from './link.js';
import { type StreamWriter, streamLimits } from './stream.js';

/** A DATA frame behind its headroom, kept until its bytes are received. */
interface Kept {
  readonly offset: number;
  readonly end: number;
  readonly buffer: Buffer;
  /** How often it was handed to the connection. */
  sends: number;
}

/** Frame buffers to use again, per stream: a fresh 64 KiB for every frame costs more in garbage collection than the copy. */
const poolMost = 64;

/** Beyond this many frames not received yet, small writes are gathered into full frames: latency first, then throughput. */
const crowd = 32;
/** Bytes of a frame's buffer before its payload. */
const before = headroom + frameHeader;
/** Milliseconds without progress before the first probe; doubled up to `probeMostMs`. */
const probeFirstMs = 100;
const probeMostMs = 4000;

export class Sender implements StreamWriter, Ear {
  readonly closed: Promise<Error | undefined>;
  private settle!: (error: Error | undefined) => void;
  private over = false;
  private failure: Error | undefined;
  private ended = false;
  /** Bytes accepted, sent at least once, and known to be received; what the reader allows. */
  private written: number;
  private sent: number;
  private received: number;
  /** One frame goes out before the reader's first word: a short stream then needs no round trip. */
  private limit: number;
  private readonly kept: Kept[] = [];
  private next = 0;
  private readonly pool: Buffer[] = [];
  /** Small writes being gathered, behind room for the header. */
  private gathering: Buffer | undefined;
  private gathered = 0;
  private readonly waiting: (() => void)[] = [];
  private probe: NodeJS.Timeout | undefined;
  private probeMs = probeFirstMs;
  private progressAtProbe = -1;
  private unanswered = 0;
  private lastHeard = performance.now();
  /** The last word of a broken stream, said again to whoever does not know it. */
  private last: Frame | undefined;

  constructor(private readonly ends: Ends) {
    const { offset } = ends;
    [this.written, this.sent, this.received] = [offset, offset, offset];
    this.limit = offset + streamLimits.frame;
    this.closed = new Promise((resolve) => {
      this.settle = resolve;
    });
    ends.route.start(this).then(
      () => {
        if (!this.over) this.ask();
      },
      (error: Error) => this.finish(error),
    );
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (this.ended || this.over) throw new WireError('EBADF', 'write after the end of the stream');
    this.accept(chunk);
    this.transmit();
    while (this.written > this.limit && !this.over) await this.wait();
    if (this.failure !== undefined) throw this.failure;
  }

  async end(): Promise<void> {
    if (!this.ended) {
      this.ended = true;
      this.sealGathered();
      this.transmit();
    }
    const error = await this.closed;
    if (error !== undefined) throw error;
  }

  abort(reason: Error = new WireError('EIO', 'the writer of the stream failed')): void {
    if (this.over) return;
    const { code, message } = toErrorBody(reason);
    this.last = { kind: 'reset', code, message };
    this.ends.route.link.say(this.last, true);
    this.finish(reason);
  }

  /** Cuts `chunk` into frames, or gathers it while many frames are under way. */
  private accept(chunk: Uint8Array): void {
    const { frame } = streamLimits;
    for (let at = 0; at < chunk.length; ) {
      const left = chunk.length - at;
      if (this.gathering === undefined && (left >= frame || this.kept.length < crowd)) {
        const payload = chunk.subarray(at, at + frame);
        const buffer = this.buffer(before + payload.length);
        buffer.set(payload, before);
        writeDataHeader(buffer, this.written, headroom);
        this.keep(buffer, this.written);
        this.written += payload.length;
        at += payload.length;
        continue;
      }
      this.gathering ??= this.buffer(fullSize);
      const n = Math.min(frame - this.gathered, left);
      this.gathering.set(chunk.subarray(at, at + n), before + this.gathered);
      this.gathered += n;
      this.written += n;
      at += n;
      if (this.gathered === frame) this.sealGathered();
    }
  }

  private buffer(size: number): Buffer {
    return size === fullSize ? (this.pool.pop() ?? Buffer.allocUnsafeSlow(size)) : Buffer.allocUnsafe(size);
  }

  /** A received frame's buffer can be used again, unless a copy of it may still wait in the connection or at a receiver. */
  private recycle({ buffer, sends }: Kept): void {
    if (sends === 1 && this.pool.length < poolMost && this.ends.route.link.copies && buffer.length === fullSize) {
      this.pool.push(buffer);
    }
  }

  private sealGathered(): void {
    if (this.gathering === undefined) return;
    const buffer = this.gathering.subarray(0, before + this.gathered);
    const offset = this.written - this.gathered;
    writeDataHeader(buffer, offset, headroom);
    this.gathering = undefined;
    this.gathered = 0;
    this.keep(buffer, offset);
  }

  private keep(buffer: Buffer, offset: number): void {
    this.kept.push({ buffer, offset, end: offset + buffer.length - before, sends: 0 });
  }

  /** Sends what there is, in turns with the others of the connection. */
  private transmit(): void {
    this.ends.route.link.offer(this.supply);
    if (!this.over) this.watch();
  }

  /** The next frame that credit allows; END follows the last. */
  private readonly supply = (link: Link): Buffer | undefined => {
    if (this.over || link !== this.ends.route.link || !link.open) return undefined;
    const frame = this.kept[this.next];
    if (frame === undefined) {
      if (this.ended && this.gathering === undefined) link.say({ kind: 'end', offset: this.written });
      return undefined;
    }
    if (frame.end > this.limit) return undefined;
    this.next += 1;
    frame.sends += 1;
    if (frame.end > this.sent) this.sent = frame.end;
    return frame.buffer;
  };

  changed(): void {
    if (!this.over) this.ask();
  }

  hear(frame: Frame, link: Link): void {
    if (this.over) {
      if (this.last !== undefined && frame.kind !== 'reset') link.say(this.last);
      return;
    }
    this.lastHeard = performance.now();
    this.unanswered = 0;
    switch (frame.kind) {
      case 'hello':
        this.acknowledge(frame.received, frame.limit);
        this.rewind();
        break;
      case 'credit':
        this.acknowledge(frame.received, frame.limit);
        // Sent before the PING this answers, and not there: lost.
        if (this.received < frame.echo) this.rewind();
        break;
      case 'end':
        if (this.ended && frame.offset === this.written) this.finish(undefined);
        return;
      case 'reset':
        this.finish(new WireError('EPIPE', frame.code === 'EPIPE' ? 'the reader has gone' : frame.message));
        return;
      case 'ping':
        link.say({ kind: 'pong', offset: this.position() });
        return;
      default:
        return;
    }
    if (this.kept.length < crowd) this.sealGathered();
    // An END follows its data only; an acknowledgement of all data with the END lost is the probe's business.
    if (this.next < this.kept.length) this.transmit();
    this.wake();
  }

  private acknowledge(received: number, limit: number): void {
    if (limit > this.limit) this.limit = limit;
    if (received <= this.received || received > this.sent) return;
    this.received = received;
    let n = 0;
    while (n < this.kept.length && this.kept[n]!.end <= received) this.recycle(this.kept[n++]!);
    this.kept.splice(0, n);
    this.next = Math.max(0, this.next - n);
  }

  /** Everything not received goes out again. The reader ignores what it has of the first frame. */
  private rewind(): void {
    this.next = 0;
  }

  /** Where sending is: behind `sent` while lost bytes go out again. */
  private position(): number {
    return this.kept[this.next - 1]?.end ?? this.received;
  }

  private say(frame: Frame): void {
    this.ends.route.link.say(frame);
  }

  /** Finds out what the reader has. */
  private ask(): void {
    this.probeMs = Math.min(probeFirstMs, this.ends.peerTimeoutMs / 8);
    const allSent = this.next === this.kept.length && this.gathering === undefined;
    // While END is outstanding it is the better question: its answer is the last we need.
    if (this.ended && allSent) this.say({ kind: 'end', offset: this.written });
    else this.say({ kind: 'ping', offset: this.position() });
    this.watch();
  }

  /** True while this side waits for a word of the other. */
  private expecting(): boolean {
    return this.written > this.received || this.ended;
  }

  /** Keeps the probe timer running while something is expected. */
  private watch(): void {
    if (this.probe !== undefined || this.over || !this.expecting()) return;
    this.lastHeard = performance.now();
    this.unanswered = 0;
    this.probeMs = Math.min(probeFirstMs, this.ends.peerTimeoutMs / 8);
    this.progressAtProbe = this.received;
    this.probe = setTimeout(() => this.tick(), this.probeMs);
  }

  private tick(): void {
    this.probe = undefined;
    if (this.over || !this.expecting()) return;
    const { peerTimeoutMs } = this.ends;
    if (this.unanswered >= probesBeforeTimeout && performance.now() - this.lastHeard >= peerTimeoutMs) {
      this.abort(new WireError('ETIMEDOUT', `no word from the stream's reader for ${peerTimeoutMs / 1000} s`));
      return;
    }
    if (this.received !== this.progressAtProbe) this.probeMs = Math.min(probeFirstMs, peerTimeoutMs / 8);
    else {
      this.probeMs = Math.min(this.probeMs * 2, probeMostMs, peerTimeoutMs / 4);
      this.unanswered += 1;
      const allSent = this.next === this.kept.length && this.gathering === undefined;
      this.say(
        this.ended && allSent ? { kind: 'end', offset: this.written } : { kind: 'ping', offset: this.position() },
      );
    }
    this.progressAtProbe = this.received;
    this.probe = setTimeout(() => this.tick(), this.probeMs);
  }

  private wait(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    if (this.over || this.written <= this.limit) for (const resume of this.waiting.splice(0)) resume();
  }

  private finish(error: Error | undefined): void {
    if (this.over) return;
    this.over = true;
    this.failure = error;
    clearTimeout(this.probe);
    this.kept.length = 0;
    this.gathering = undefined;
    this.pool.length = 0;
    this.settle(error);
    this.wake();
    const { route, peerTimeoutMs } = this.ends;
    // After an abort somebody is told for a while: the first RESET may find the reader disconnected.
    if (this.last === undefined) route.close();
    else setTimeout(() => route.close(), peerTimeoutMs).unref();
  }
}
