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
    // Two, in turns: fresh ones would keep the garbage collector busy. What a stream is given it copies at once.
    const buffers = [Buffer.allocUnsafeSlow(chunk), Buffer.allocUnsafeSlow(chunk)] as const;
    let turn = 0;
    const readAt = (at: number) => {
      turn = 1 - turn;
      const read = file.read(buffers[turn]!, 0, chunk, at);
      read.catch(() => {});
      return read;
    };
    // The next part is read while the last is sent.
    for (let at = offset, next = readAt(at); ; ) {
      const { bytesRead, buffer } = await next;
      if (bytesRead === 0) break;
      at += bytesRead;
      next = readAt(at);
      await writer.write(buffer.subarray(0, bytesRead));
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
    const writeAll = async (part: Uint8Array): Promise<void> => {
      for (let done = 0; done < part.length; ) {
        const { bytesWritten } = await file.write(part, done, part.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
    };
    // The next part comes while the last is written.
    let writing = Promise.resolve();
    for (let part = await reader.read(); part !== undefined; part = await reader.read()) {
      await writing;
      writing = writeAll(part);
      writing.catch(() => {});
    }
    await writing;
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
