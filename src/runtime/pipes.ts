/** A program's kernel pipes joined to streams: the runtime's half of stdio bridging. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { enlargePipe, pipe } from '../host/libc.js';
import type { StreamReader, StreamWriter } from '../stream/stream.js';

/** Our end of a pipe whose other end a program has. */
export interface BridgedPipe {
  /** The program's descriptor, to be closed here once it has been inherited. */
  readonly theirs: number;
  /** Resolves when all that the program will ever say has been handed to the stream; never rejects. */
  readonly ended: Promise<void>;
  /** Resolves when the stream is over for both sides; never rejects. */
  readonly done: Promise<void>;
  /** True when nothing has moved or waited to move for `ms`. */
  quiet(ms: number): boolean;
  /** Ends it from outside: the program sees end of file, or SIGPIPE; the other side that it is broken. */
  break(reason?: Error): void;
}

/** `capacity`: bytes that the pipe takes before its writer waits. What a program writes goes to a stream. A stream whose reader has gone closes the pipe, and the program gets SIGPIPE. */
export function bridgeOutput(writer: StreamWriter, capacity?: number): BridgedPipe {
  const ends = pipe();
  if (capacity !== undefined) enlargePipe(ends.write, capacity);
  const socket = new Socket({ fd: ends.read, readable: true, writable: false });
  socket.on('error', () => {});
  let writing = false;
  let moved = performance.now();
  let markEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    markEnded = resolve;
  });
  void writer.closed.then(() => socket.destroy());
  const done = (async () => {
    try {
      for await (const chunk of socket) {
        writing = true;
        await writer.write(chunk as Buffer);
        writing = false;
        moved = performance.now();
      }
      const end = writer.end();
      markEnded();
      await end;
    } catch (error) {
      writer.abort(error as Error);
      socket.destroy();
    } finally {
      writing = false;
      markEnded();
    }
  })();
  return {
    theirs: ends.write,
    ended,
    done,
    quiet: (ms) => !writing && performance.now() - moved >= ms,
    break: (reason) => {
      writer.abort(reason);
      socket.destroy();
    },
  };
}

/** A stream goes to what a program reads. A program that reads no more cancels the stream. */
export function bridgeInput(reader: StreamReader, capacity?: number): BridgedPipe {
  const ends = pipe();
  if (capacity !== undefined) enlargePipe(ends.write, capacity);
  const bulk = capacity === undefined ? {} : { writableHighWaterMark: capacity };
  const socket = new Socket({ fd: ends.write, readable: false, writable: true, ...bulk });
  socket.on('error', () => {});
  /** What comes in one turn of the event loop is written at once: every write wakes the program. */
  const gather = (): void => {
    if (socket.writableCorked > 0) return;
    socket.cork();
    setImmediate(() => socket.uncork());
  };
  socket.on('close', () => reader.cancel());
  const done = (async () => {
    try {
      for (let chunk = await reader.read(); chunk !== undefined && !socket.destroyed; chunk = await reader.read()) {
        if (capacity !== undefined) gather();
        if (!socket.write(chunk)) await room(socket);
      }
    } catch {
      // The stream broke, or the program reads no more: it sees end of file, its writer EPIPE.
      reader.cancel();
    } finally {
      socket.end();
    }
  })();
  return {
    theirs: ends.read,
    ended: done,
    done,
    quiet: () => true,
    break: () => {
      reader.cancel();
      socket.destroy();
    },
  };
}

/** Resolves once what waits in it has been written. @throws when it never will be */
function room(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const drained = () => {
      socket.off('close', closed);
      resolve();
    };
    const closed = () => {
      socket.off('drain', drained);
      reject(new Error('closed'));
    };
    socket.once('drain', drained);
    socket.once('close', closed);
  });
}

/** Closes a descriptor that a child has inherited; closing twice is no matter. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // closed already
  }
}
