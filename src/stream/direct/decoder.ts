/**
 * What comes over a direct connection, taken apart. Each message is a length (4 bytes), a key (12 bytes) that says which
 * direction of which stream it belongs to, and a frame. A DATA frame is passed on in pieces as they arrive, without a copy:
 * its bytes are numbered, so every piece is a frame of its own.
 */
import { WireError } from '../../wire/errors.js';
import { frameHeader, readDataHeader } from '../../wire/frame.js';
import { headroom } from '../link.js';
import { streamLimits } from '../stream.js';

/** Bytes of a key. */
export const keySize = headroom - 4;
/** Longest frame that is not DATA. */
const controlMost = 4096;

export interface Sink {
  data(key: string, offset: number, payload: Buffer): void;
  /** Any other frame; of length 0: a sign of life. `body` is only good during the call. */
  control(key: string, body: Buffer): void;
}

export class Decoder {
  /** The header, and all of a frame that is not DATA. */
  private readonly head = Buffer.allocUnsafe(headroom + controlMost);
  private have = 0;
  private need: number = headroom;
  /** Of the DATA frame whose bytes are coming. */
  private key = '';
  private offset = 0;
  private left = 0;

  constructor(private readonly sink: Sink) {}

  /** @throws WireError EPROTO: nothing after this can be understood */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.left > 0) {
        const n = Math.min(this.left, chunk.length - at);
        const { offset } = this;
        this.offset += n;
        this.left -= n;
        this.sink.data(this.key, offset, chunk.subarray(at, at + n));
        at += n;
        continue;
      }
      const n = Math.min(this.need - this.have, chunk.length - at);
      chunk.copy(this.head, this.have, at, at + n);
      this.have += n;
      at += n;
      if (this.have === this.need) this.step();
    }
  }

  /** What was needed is there: the next need, or a message. */
  private step(): void {
    const { head, need } = this;
    const length = head.readUInt32BE(0);
    if (need === headroom && length > 0) {
      if (length < frameHeader || length > frameHeader + streamLimits.frame)
        throw new WireError('EPROTO', `a frame of ${length} bytes`);
      this.need = headroom + frameHeader;
      return;
    }
    if (need === headroom + frameHeader) {
      const offset = readDataHeader(head, headroom);
      if (offset !== undefined) {
        if (!Number.isSafeInteger(offset)) throw new WireError('EPROTO', 'an offset beyond all streams');
        this.key = head.toString('latin1', 4, headroom);
        this.offset = offset;
        this.left = length - frameHeader;
        this.restart();
        return;
      }
      if (length > controlMost) throw new WireError('EPROTO', `a control frame of ${length} bytes`);
      if (length > frameHeader) {
        this.need = headroom + length;
        return;
      }
    }
    this.restart();
    this.sink.control(head.toString('latin1', 4, headroom), head.subarray(headroom, need));
  }

  private restart(): void {
    this.have = 0;
    this.need = headroom;
  }
}
