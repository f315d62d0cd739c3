/** A program's memory as its calls name it: pointers, lists of buffers, text. Whatever lies outside throws a RangeError. */
import { decodeBytes } from '../../wire/bytes.js';
import type { WasmMemory } from './engine.js';

export class GuestMemory {
  private seen: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));

  constructor(private readonly memory: () => WasmMemory) {}

  /** Memory that grows is another buffer. */
  get view(): DataView<ArrayBufferLike> {
    const { buffer } = this.memory();
    if (this.seen.buffer !== buffer) this.seen = new DataView(buffer);
    return this.seen;
  }

  /** The bytes themselves, not a copy. */
  bytes(pointer: number, length: number): Uint8Array {
    return new Uint8Array(this.memory().buffer, pointer >>> 0, length >>> 0);
  }

  /** A path, or other text. */
  text(pointer: number, length: number): string {
    return decodeBytes(this.bytes(pointer, length));
  }

  /** A list of `iovec` or `ciovec`. */
  buffers(pointer: number, count: number): Uint8Array[] {
    return Array.from({ length: count >>> 0 }, (_, i) =>
      this.bytes(this.u32(pointer + 8 * i), this.u32(pointer + 8 * i + 4)),
    );
  }

  u32(pointer: number): number {
    return this.view.getUint32(pointer >>> 0, true);
  }
  u64(pointer: number): bigint {
    return this.view.getBigUint64(pointer >>> 0, true);
  }
  setU8(pointer: number, value: number): void {
    this.view.setUint8(pointer >>> 0, value);
  }
  setU16(pointer: number, value: number): void {
    this.view.setUint16(pointer >>> 0, value, true);
  }
  setU32(pointer: number, value: number): void {
    this.view.setUint32(pointer >>> 0, value, true);
  }
  setU64(pointer: number, value: bigint): void {
    this.view.setBigUint64(pointer >>> 0, value, true);
  }
}
