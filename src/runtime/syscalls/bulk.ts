/**
 * A program that reads or writes a file in sequence does not wait for each part: what comes next is on its way already
 * (read-ahead), and what was written is sent behind (write-behind), its errors told by the next call that waits.
 */
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import { fileChunk } from '../../wire/files.js';
import type { RuntimeName } from '../../wire/ids.js';
import type { RoutedEdge } from '../../wire/messages.js';
import type { BridgedPipe } from '../pipes.js';

/** Opens one end of a stream between this runtime and a provider. */
export interface BulkStreams {
  edge(provider: RuntimeName, path: string, mode: 'read' | 'write'): RoutedEdge;
  openReader(edge: RoutedEdge): Promise<StreamReader>;
  openWriter(edge: RoutedEdge): StreamWriter;
}

/** After so many bytes in sequence a stream is opened. */
export const bulkFrom = 512 << 10;
/** Bytes that a pipe of a large file takes. */
export const pipeCapacity = 1 << 20;

export class ReadAhead {
  private rest: Uint8Array = new Uint8Array(0);
  private over = false;

  constructor(
    private readonly reader: StreamReader,
    /** Where the next byte is from. */
    public at: number,
  ) {}

  /** Up to `length` bytes, fewer only at the end; none where the stream ends. */
  async read(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let size = 0;
    const wanted = Math.min(length, fileChunk);
    while (size < wanted) {
      if (this.rest.length === 0) {
        const next = this.over ? undefined : await this.reader.read();
        if (next === undefined) {
          this.over = true;
          break;
        }
        this.rest = next;
      }
      const part = this.rest.subarray(0, wanted - size);
      this.rest = this.rest.subarray(part.length);
      parts.push(part);
      size += part.length;
    }
    this.at += size;
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  cancel(): void {
    this.reader.cancel();
  }
}

/** A pipe that a program writes into. */
export class PipedWrites {
  /** No call writes behind it: the position is the program's affair. */
  readonly at = Number.NaN;

  constructor(readonly pipe: BridgedPipe) {}

  async write(): Promise<void> {}

  /** Resolves once the program has closed it and the provider has everything. */
  end(): Promise<void> {
    return this.pipe.done;
  }

  abort(reason: Error): void {
    this.pipe.break(reason);
  }
}

export class WriteBehind {
  constructor(
    private readonly writer: StreamWriter,
    /** Where the next byte goes. */
    public at: number,
  ) {}

  async write(bytes: Uint8Array): Promise<void> {
    await this.writer.write(bytes);
    this.at += bytes.length;
  }

  /** Resolves once the provider has everything; whether it is written, the provider is asked. */
  end(): Promise<void> {
    return this.writer.end();
  }

  abort(reason: Error): void {
    this.writer.abort(reason);
  }
}
