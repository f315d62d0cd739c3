/** Serves one program's system calls on its two channels: blocking pipes, and a socket for the rest and for events. */
import type { Socket } from 'node:net';
import { FrameSplitter } from './codec.js';
import type { Dispatcher } from './dispatch.js';

export interface CallChannels {
  /** Asynchronous calls, their answers, and events. */
  readonly channel: Socket;
  /** Synchronous calls and their answers. */
  readonly requests: Socket;
  readonly replies: Socket;
}

/** `make` is given what sends an event; it returns false when the program does not keep up. */
export function serveCalls(channels: CallChannels, make: (emit: (frame: Buffer) => boolean) => Dispatcher): Dispatcher {
  const { channel, requests, replies } = channels;
  const dispatcher = make((frame) => channel.writable && channel.write(frame));
  channel.on('drain', () => dispatcher.resume());
  const serve = (from: Socket, to: Socket) => {
    const splitter = new FrameSplitter();
    from.on('error', () => {});
    to.on('error', () => {});
    from.on('data', (chunk: Buffer) => {
      for (const frame of splitter.add(chunk))
        void dispatcher.answer(frame).then((answer) => to.writable && to.write(answer));
    });
  };
  serve(channel, channel);
  serve(requests, replies);
  return dispatcher;
}
