/**
 * Files of another machine that a program reads in sequence, without blocking: the next part is asked for while the program is busy
 * with the last. The position is kept here meanwhile; whatever else needs it hands it back first.
 */
import type { Range } from './descriptors.js';
import type { Procedure } from './run.js';
import * as s from './steps.js';

/** After so many bytes in sequence. */
const from = 512 << 10;

interface Part {
  readonly at: number;
  /** {@link s.changesMade} when it was asked for. */
  readonly changes: number;
  readonly bytes: Promise<Uint8Array>;
}

interface Sequence {
  /** One read at a time. */
  last: Promise<unknown>;
  /** How many bytes have been read, and are being read. */
  run: number;
  pending: number;
  /** Where the next byte is from; the runtime's affair while it is not set. */
  position: number | undefined;
  part: Part | undefined;
  /** A part was asked for in vain: the program does something else besides. */
  stopped: boolean;
}

export class SequentialReads {
  private readonly sequences = new Map<number, Sequence>();

  constructor(private readonly later: <T>(procedure: Procedure<T>) => Promise<T>) {}

  /** As read(2), from where the descriptor stands. */
  read(fd: number, file: s.OpenRemote, range: Range): Promise<number> {
    let sequence = this.sequences.get(fd);
    if (sequence === undefined) {
      sequence = { last: Promise.resolve(), run: 0, pending: 0, position: undefined, part: undefined, stopped: false };
      this.sequences.set(fd, sequence);
    }
    const known = sequence;
    known.pending += range.length;
    const mine = known.last.then(() => this.fill(known, file, range));
    const over = () => {
      known.pending -= range.length;
    };
    known.last = mine.then(over, over);
    return mine;
  }

  /** Gives the position back to the runtime. */
  *handBack(fd: number, file: s.OpenRemote): Procedure<void> {
    const { position, pending } = this.sequences.get(fd) ?? {};
    this.sequences.delete(fd);
    // Reads that are under way come first, as if each gave all that it asks for.
    if (position !== undefined) yield* s.seek(file, position + (pending ?? 0), 'set');
  }

  forget(fd: number): void {
    this.sequences.delete(fd);
  }

  private async fill(sequence: Sequence, file: s.OpenRemote, range: Range): Promise<number> {
    const { buffer, offset, length } = range;
    let filled = 0;
    while (filled < length) {
      const bytes = await this.take(sequence, file, length - filled);
      buffer.set(bytes, offset + filled);
      filled += bytes.length;
      if (bytes.length === 0) break;
    }
    sequence.run += filled;
    if (filled === length && sequence.run >= from && !sequence.stopped) await this.ask(sequence, file, length);
    return filled;
  }

  /** Up to `most` bytes, from the part that was asked for where it is the right one. */
  private async take(sequence: Sequence, file: s.OpenRemote, most: number): Promise<Uint8Array> {
    const { position, part } = sequence;
    if (position === undefined) return this.later(s.read(file, most));
    sequence.part = undefined;
    let bytes: Uint8Array;
    if (part !== undefined && part.at === position && part.changes === s.changesMade()) {
      bytes = await part.bytes;
      if (bytes.length > most) {
        const rest = Promise.resolve(bytes.subarray(most));
        sequence.part = { ...part, at: position + most, bytes: rest };
        bytes = bytes.subarray(0, most);
      }
    } else {
      if (part !== undefined) sequence.stopped = true;
      bytes = await this.later(s.read(file, most, position));
    }
    sequence.position = position + bytes.length;
    return bytes;
  }

  private async ask(sequence: Sequence, file: s.OpenRemote, length: number): Promise<void> {
    try {
      sequence.position ??= await this.later(s.seek(file, 0, 'current'));
    } catch {
      sequence.stopped = true; // it has no position
      return;
    }
    if (sequence.part !== undefined) return;
    const bytes = this.later(s.read(file, length, sequence.position));
    // Whoever takes it hears of what went wrong.
    bytes.catch(() => {});
    sequence.part = { at: sequence.position, changes: s.changesMade(), bytes };
  }
}
