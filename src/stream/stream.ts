/**
 * Bytes between agents: one ordered, flow-controlled byte channel with end of stream and broken pipe, whatever carries it
 * (kernel pipe, topics, direct TLS). One contract suite runs over every carrier.
 */

/** The sending end. */
export interface StreamWriter {
  /**
   * Sends `chunk` after everything sent before; resolves when the stream can take more (credit), so that a slow reader
   * slows the writer. `chunk` must not be changed afterwards.
   * @throws WireError EPIPE when the reader has gone, EHOSTDOWN when its runtime is lost.
   */
  write(chunk: Uint8Array): Promise<void>;
  /** End of stream; resolves when the reader has everything. */
  end(): Promise<void>;
  /** Drops the stream: the reader sees `reason` (default EIO) instead of an end of stream. */
  abort(reason?: Error): void;
  /** Resolves (never rejects) once no byte can be sent any more: undefined after `end`, else why. EPIPE: reader gone. */
  readonly closed: Promise<Error | undefined>;
}

/** The receiving end. */
export interface StreamReader {
  /** The next chunk, undefined at end of stream. One call at a time. @throws WireError when the stream broke. */
  read(): Promise<Uint8Array | undefined>;
  /** The reader goes: the writer gets EPIPE. Idempotent. */
  cancel(): void;
}

/** Sizes in bytes. */
export const streamLimits = {
  /** Credit window: at most this much is sent and not yet consumed. Bounds the memory of a stream at both ends. */
  window: 1 << 22,
  /** What all streams into one process may promise together, unless that leaves a stream less than `leastWindow`. */
  budget: 64 << 20,
  leastWindow: 128 << 10,
  /** A chunk is cut to this; small enough for any broker's default limits, large enough to amortise a frame. */
  frame: 64 << 10,
} as const;

/** Pumps until end of stream; returns bytes moved. When either side breaks the other is told, and the error is thrown. */
export async function pump(reader: StreamReader, writer: StreamWriter): Promise<number> {
  let moved = 0;
  let open = true;
  void writer.closed.then(() => {
    if (open) reader.cancel();
  });
  try {
    for (;;) {
      const chunk = await reader.read();
      if (chunk === undefined) break;
      moved += chunk.length;
      await writer.write(chunk);
    }
    await writer.end();
    open = false;
    return moved;
  } catch (error) {
    open = false;
    reader.cancel();
    writer.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}
