/** Serves one program's system calls on its two channels: blocking pipes, and a socket for the rest and for events. */
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { enlargePipe, pipe } from '../../host/libc.js';
import { fileChunk } from '../../wire/files.js';
import { closeQuietly } from '../pipes.js';
import { type CallEnds, FrameSplitter } from './codec.js';
import type { Dispatcher } from './dispatch.js';

export interface CallChannels {
  /** Asynchronous calls, their answers, and events. */
  readonly channel: Socket;
  /** Synchronous calls and their answers. */
  readonly requests: Socket;
  readonly replies: Socket;
  close(): void;
}

/** The channels of a program that is to be started. */
export interface OpenedCalls {
  /** Where it finds its ends. */
  readonly ends: CallEnds;
  /** Of its descriptors, those from `ends.syncRequest` on. */
  readonly stdio: readonly [number, number, 'pipe'];
  /** Its ends have been inherited, or will never be. */
  inherited(): void;
  /** It has been started. */
  joined(child: ChildProcess): CallChannels;
  close(): void;
}

/** `first`: its lowest descriptor that is free. @throws SystemError EMFILE … */
export function openCalls(first: number): OpenedCalls {
  const request = pipe();
  const reply = pipe();
  // A part of a file goes through at once, without a turn for each 64 KiB.
  for (const { write } of [request, reply]) enlargePipe(write, 2 * fileChunk);
  const ends = { syncRequest: first, syncReply: first + 1, channel: first + 2 };
  const requests = new Socket({ fd: request.read, readable: true, writable: false });
  const replies = new Socket({ fd: reply.write, readable: false, writable: true });
  const close = (): void => {
    requests.destroy();
    replies.destroy();
  };
  return {
    ends,
    stdio: [request.write, reply.read, 'pipe'],
    inherited: () => {
      for (const fd of [request.write, reply.read]) closeQuietly(fd);
    },
    joined: (child) => ({ channel: child.stdio[ends.channel] as Socket, requests, replies, close }),
    close,
  };
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
    from.resume();
  };
  serve(channel, channel);
  serve(requests, replies);
  return dispatcher;
}
