/** Files of this host as streams: regular files, and what else can be read or written in sequence (FIFOs, terminals). */
import { constants, createReadStream, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { StreamReader, StreamWriter } from '../stream/stream.js';
import { WireError } from '../wire/errors.js';

const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Opening a FIFO must not wait for its other end: there are few threads to wait in. */
async function openNow(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags | O_NONBLOCK, 0o666);
  } catch (error) {
    // XSH open: ENXIO, a FIFO that nobody reads.
    if ((error as { code?: string }).code === 'ENXIO')
      throw new WireError('EPIPE', `${path}: nobody reads it`, { path });
    throw error;
  }
}

/** Reads a host file to its end. @throws the system's error, WireError EISDIR */
export async function openHostReader(path: string): Promise<StreamReader> {
  const file = await openNow(path, O_RDONLY);
  const found = await file.stat();
  if (found.isDirectory()) {
    await file.close();
    throw new WireError('EISDIR', `${path}: Is a directory`, { path });
  }
  if (found.isFIFO()) {
    // Opened again as `cat` would: it waits for a writer. Until then this one says which it is.
    const stream = createReadStream(process.platform === 'linux' ? `/proc/self/fd/${file.fd}` : path, {
      highWaterMark: 65536,
    });
    const release = () => void file.close().catch(() => {});
    stream.once('open', release).once('error', release).once('close', release);
    return streamReader(stream);
  }
  return handleReader(file);
}

function handleReader(file: FileHandle): StreamReader {
  let over = false;
  const close = async () => {
    if (over) return;
    over = true;
    await file.close();
  };
  let reading: Promise<unknown> = Promise.resolve();
  return {
    read: () => {
      const next = (async () => {
        if (over) return undefined;
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(65536), 0, 65536, null);
        if (bytesRead > 0) return buffer.subarray(0, bytesRead);
        await close();
        return undefined;
      })();
      reading = next.catch(() => close());
      return next;
    },
    cancel: () => void reading.then(close, close).catch(() => {}),
  };
}

/** A Node stream as a reader. */
export function streamReader(stream: AsyncIterable<Buffer> & { destroy(): unknown }): StreamReader {
  const iterator = stream[Symbol.asyncIterator]();
  return {
    read: async () => {
      const next = await iterator.next();
      return next.done ? undefined : next.value;
    },
    cancel: () => void stream.destroy(),
  };
}

/** Writes a host file, made when it is not there. @throws the system's error */
export async function openHostWriter(path: string, mode: 'write' | 'append', noFollow = false): Promise<StreamWriter> {
  const flags = O_WRONLY | O_CREAT | (mode === 'append' ? O_APPEND : O_TRUNC) | (noFollow ? O_NOFOLLOW : 0);
  const file = await openNow(path, flags);
  if ((await file.stat()).isFIFO()) {
    const pipe = new Socket({ fd: openSync(path, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
    pipe.on('error', () => {});
    await file.close();
    return makeWriter(
      (chunk) => new Promise((resolve, reject) => pipe.write(chunk, (e) => (e ? reject(e) : resolve()))),
      () => new Promise((resolve) => pipe.end(resolve)),
    );
  }
  return makeWriter(
    async (chunk) => {
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    },
    () => file.close(),
  );
}

/** A writer from two functions: what takes a chunk, and what ends. */
export function makeWriter(
  write: (chunk: Uint8Array) => void | Promise<void>,
  end: () => void | Promise<void>,
): StreamWriter {
  let settle: (error: Error | undefined) => void = () => {};
  const closed = new Promise<Error | undefined>((resolve) => {
    settle = resolve;
  });
  let over = false;
  let last: Promise<unknown> = Promise.resolve();
  const finish = async (reason: Error | undefined) => {
    over = true;
    try {
      await last;
      await end();
      settle(reason);
    } catch (error) {
      settle(error as Error);
      throw error;
    }
  };
  return {
    closed,
    write: async (chunk) => {
      if (over) throw new WireError('EPIPE', 'the stream is closed');
      const done = (async () => write(chunk))();
      last = done.catch(() => {});
      try {
        await done;
      } catch (error) {
        if (!over) await finish(error as Error).catch(() => {});
        throw error;
      }
    },
    end: async () => {
      if (!over) await finish(undefined);
    },
    abort: (reason = new WireError('EIO', 'the writer of the stream failed')) => {
      if (!over) finish(reason).catch(() => {});
    },
  };
}
