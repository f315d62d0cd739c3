/**
 * Frames of a stream between machines: one kind byte, one 8-byte big-endian offset into the stream, then what the kind needs.
 *
 *     towards the reader      DATA offset, bytes · END length · PING sent so far · PONG sent so far · RESET why
 *     towards the writer      HELLO received, limit · CREDIT received, limit, echo · END length (all received) · PING · RESET
 */
import type { ErrorCode } from './errors.js';

export type Frame =
  | { readonly kind: 'data'; readonly offset: number; readonly payload: Uint8Array }
  /** From the writer: the stream ends at `offset`. From the reader: it has everything up to there. */
  | { readonly kind: 'end'; readonly offset: number }
  /** The reader has all before `received` and takes up to `limit`; `echo` is the offset of the PING it answers, else 0. */
  | { readonly kind: 'credit'; readonly received: number; readonly limit: number; readonly echo: number }
  /** The reader is there: (re)send from `received` on. */
  | { readonly kind: 'hello'; readonly received: number; readonly limit: number }
  /** The stream is broken; no more will come. */
  | { readonly kind: 'reset'; readonly code: ErrorCode; readonly message: string }
  /** Are you there? The answer is CREDIT from a reader, PONG from a writer. */
  | { readonly kind: 'ping'; readonly offset: number }
  | { readonly kind: 'pong'; readonly offset: number };

const kinds = { data: 1, end: 2, credit: 3, hello: 4, reset: 5, ping: 6, pong: 7 } as const;

/** Bytes before a DATA frame's payload. */
export const frameHeader = 9;

function writeOffset(buffer: Buffer, offset: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(offset / 0x1_0000_0000), at);
  buffer.writeUInt32BE(offset % 0x1_0000_0000, at + 4);
}

function readOffset(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

/** Writes a DATA header of {@link frameHeader} bytes at `at` in `buffer`, before a payload that is there already. */
export function writeDataHeader(buffer: Buffer, offset: number, at: number): void {
  buffer[at] = kinds.data;
  writeOffset(buffer, offset, at + 1);
}

/** The offset of the DATA frame that starts at `at`; undefined when another frame does. */
export function readDataHeader(buffer: Buffer, at: number): number | undefined {
  return buffer[at] === kinds.data ? readOffset(buffer, at + 1) : undefined;
}

/** The frame's bytes, behind `room` bytes for whoever carries them. */
export function encodeFrame(frame: Frame, room = 0): Buffer {
  const head = (extra: number, offset: number): Buffer => {
    const buffer = Buffer.allocUnsafe(room + frameHeader + extra);
    buffer[room] = kinds[frame.kind];
    writeOffset(buffer, offset, room + 1);
    return buffer;
  };
  switch (frame.kind) {
    case 'data': {
      const buffer = head(frame.payload.length, frame.offset);
      buffer.set(frame.payload, room + frameHeader);
      return buffer;
    }
    case 'end':
    case 'ping':
    case 'pong':
      return head(0, frame.offset);
    case 'hello': {
      const buffer = head(8, frame.received);
      writeOffset(buffer, frame.limit, room + 9);
      return buffer;
    }
    case 'credit': {
      const buffer = head(16, frame.received);
      writeOffset(buffer, frame.limit, room + 9);
      writeOffset(buffer, frame.echo, room + 17);
      return buffer;
    }
    case 'reset':
      return Buffer.concat([head(0, 0), Buffer.from(`${frame.code} ${frame.message.slice(0, 1000)}`)]);
    default:
      return frame satisfies never;
  }
}

/** The frame in `bytes`, its payload a view of them; undefined when it is none. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < frameHeader) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offset = readOffset(buffer, 1);
  if (!Number.isSafeInteger(offset)) return undefined;
  switch (buffer[0]) {
    case kinds.data:
      return { kind: 'data', offset, payload: buffer.subarray(frameHeader) };
    case kinds.end:
      return { kind: 'end', offset };
    case kinds.ping:
      return { kind: 'ping', offset };
    case kinds.pong:
      return { kind: 'pong', offset };
    case kinds.hello:
      return buffer.length < 17 ? undefined : { kind: 'hello', received: offset, limit: readOffset(buffer, 9) };
    case kinds.credit:
      if (buffer.length < 25) return undefined;
      return { kind: 'credit', received: offset, limit: readOffset(buffer, 9), echo: readOffset(buffer, 17) };
    case kinds.reset: {
      const match = /^(E[A-Z0-9]+) (.*)$/s.exec(buffer.toString('utf8', frameHeader));
      return match === null ? undefined : { kind: 'reset', code: match[1] as ErrorCode, message: match[2]! };
    }
    default:
      return undefined;
  }
}
