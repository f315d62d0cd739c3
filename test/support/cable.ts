/** A cable that can be pulled: a TCP relay which then forwards nothing, and says nothing about it, until it is plugged in again. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Cable {
  readonly port: number;
  /** Bytes carried so far. */
  readonly carried: number;
  pull(): void;
  plug(): void;
  close(): Promise<void>;
}

export async function makeCable(target: number): Promise<Cable> {
  const sockets = new Set<Socket>();
  let pulled = false;
  let carried = 0;
  const forward = (from: Socket, to: Socket) => {
    sockets.add(from);
    if (pulled) from.pause();
    from.on('data', (data) => {
      carried += data.length;
      if (to.write(data)) return;
      from.pause();
      to.once('drain', () => pulled || from.resume());
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((socket) => {
    const other = connect(target, '127.0.0.1');
    forward(socket, other);
    forward(other, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    get carried() {
      return carried;
    },
    pull: () => {
      pulled = true;
      for (const socket of sockets) socket.pause();
    },
    plug: () => {
      pulled = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
