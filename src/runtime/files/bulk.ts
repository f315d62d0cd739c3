/** The provider's side of large sequential transfers: an open file and a stream, joined. */
import type { FileHandle } from 'node:fs/promises';
import type { Streams } from '../../stream/streams.js';
import { WireError } from '../../wire/errors.js';
import type { RoutedEdge } from '../../wire/messages.js';

/** Bytes read at once. */
const chunk = 256 << 10;

/** Sends a file from `offset` to its end. */
export async function sendFile(file: FileHandle, offset: number, streams: Streams, edge: RoutedEdge): Promise<void> {
  const writer = streams.openWriter(edge);
  try {
    for (let at = offset; ; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunk), 0, chunk, at);
      if (bytesRead === 0) break;
      await writer.write(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    await writer.end();
  } catch (error) {
    // The asker reads no more, or the file cannot be read: then it asks again and is told.
    writer.abort(error as Error);
  }
}

/** Writes what comes from `offset` on. @throws what the writer's `fsync` or `close` has to tell */
export async function receiveFile(file: FileHandle, offset: number, streams: Streams, edge: RoutedEdge): Promise<void> {
  const reader = await streams.openReader(edge);
  try {
    let at = offset;
    for (let part = await reader.read(); part !== undefined; part = await reader.read()) {
      for (let done = 0; done < part.length; ) {
        const { bytesWritten } = await file.write(part, done, part.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
    }
  } catch (error) {
    reader.cancel();
    throw error;
  }
}

/** What was written behind and is not settled yet, by handle. */
export class Settling {
  private readonly running = new Map<number, Promise<void>>();

  add(handle: number, written: Promise<void>): void {
    if (this.running.has(handle)) throw new WireError('EBUSY', 'the file is being written');
    written.catch(() => {});
    this.running.set(handle, written);
  }

  /** Resolves once all is written. @throws why it could not be */
  async settle(handle: number): Promise<void> {
    const written = this.running.get(handle);
    this.running.delete(handle);
    await written;
  }
}
