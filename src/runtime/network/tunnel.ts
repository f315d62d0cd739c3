/** A socket of this host joined to a pair of streams, so that what is at the other machine's end is as good as here. */
import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { StreamReader, StreamWriter } from '../../stream/stream.js';

export interface StreamPair {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
}

/** A socket that is being joined. */
export interface Joined {
  /** All that the socket will ever say has been handed to the stream; never rejects. */
  readonly sent: Promise<void>;
  /** True when nothing has moved or waited to move towards the stream for `ms`. */
  quiet(ms: number): boolean;
}

/** Moves bytes both ways until both have ended; either direction may end first. */
export function joinSocket(socket: Socket, { reader, writer }: StreamPair): Joined {
  let writing = false;
  let moved = performance.now();
  socket.on('error', () => {});
  socket.setNoDelay?.(true);
  const out = async (): Promise<void> => {
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        writing = true;
        await writer.write(chunk as Buffer);
        writing = false;
        moved = performance.now();
      }
      writer.end().catch(() => {});
    } catch (error) {
      writer.abort(error as Error);
      reader.cancel();
      socket.destroy();
    } finally {
      writing = false;
    }
  };
  const back = async (): Promise<void> => {
    try {
      for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
        const part = chunk;
        await new Promise<void>((resolve, reject) =>
          socket.write(part, (error) => (error ? reject(error) : resolve())),
        );
      }
      socket.end();
    } catch {
      // As a connection that is reset.
      reader.cancel();
      socket.destroy();
    }
  };
  void back();
  return { sent: out(), quiet: (ms) => !writing && performance.now() - moved >= ms };
}

/** A datagram in a stream: its length in two bytes, then itself. */
function packed(datagram: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(2 + datagram.length);
  frame.writeUInt16BE(datagram.length, 0);
  frame.set(datagram, 2);
  return frame;
}

/** Datagrams that wait for a slow stream; more are lost, as on any network. */
const mostWaiting = 256;

/** Datagrams to a stream: returns what takes one. */
export function datagramSink(writer: StreamWriter): (datagram: Uint8Array) => void {
  let waiting = 0;
  return (datagram) => {
    if (waiting >= mostWaiting) return;
    waiting += 1;
    writer.write(packed(datagram)).then(
      () => {
        waiting -= 1;
      },
      () => {},
    );
  };
}

/** Gives each datagram that comes over a stream to `take`, until it ends. Never rejects. */
export async function readDatagrams(reader: StreamReader, take: (datagram: Buffer) => void): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        take(rest.subarray(2, end));
        rest = rest.subarray(end);
      }
    }
  } catch {
    // It broke: datagrams are not promised to anybody.
  }
}

/** A socket that is connected to its only partner, joined to a pair of streams. */
export async function joinDatagrams(socket: DatagramSocket, { reader, writer }: StreamPair): Promise<void> {
  socket.on('error', () => {});
  socket.on('message', datagramSink(writer));
  await readDatagrams(reader, (datagram) => socket.send(datagram));
  writer.end().catch(() => {});
  socket.close();
}
