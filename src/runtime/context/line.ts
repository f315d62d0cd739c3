/** What a program is told at its start, and its ends of the channels to its runtime. */

import type * as net from 'node:net';
import type { Socket } from 'node:net';
import type * as workers from 'node:worker_threads';
import { type ContextDescription, contextVariable } from '../syscalls/codec.js';

export interface Line {
  readonly description: ContextDescription;
  /** 1 while some thread is in a synchronous call. */
  readonly lock: Int32Array;
  /** True in the program's main thread. */
  readonly isMain: boolean;
  /** The channel of asynchronous calls and of events; undefined in a thread. */
  socket(): Socket | undefined;
}

type Shared = Pick<Line, 'description' | 'lock'>;

const builtin = process.getBuiltinModule.bind(process) as <T>(name: string) => T;
/** Where a worker thread finds what its process was told. */
const sharedKey = 'onesh.context';

/** What the runtime left in the environment, and is removed from there; a worker has its process's. */
export function lineOfProcess(): Line | undefined {
  const text = process.env[contextVariable];
  if (text !== undefined) {
    delete process.env[contextVariable];
    return lineOf(JSON.parse(text) as ContextDescription);
  }
  const { isMainThread, getEnvironmentData } = builtin<typeof workers>('node:worker_threads');
  const known = isMainThread ? undefined : (getEnvironmentData(sharedKey) as Shared | undefined);
  return known === undefined ? undefined : { ...known, isMain: false, socket: () => undefined };
}

/** Of a program's main thread. */
export function lineOf(description: ContextDescription): Line {
  const lock = new Int32Array(new SharedArrayBuffer(4));
  let socket: Socket | undefined;
  const opened = () => {
    socket ??= open(description.channel);
    return socket;
  };
  return { description, lock, isMain: true, socket: opened };
}

/** Lets threads that are made from now on have it, too. */
export function shareLine({ description, lock }: Shared): void {
  builtin<typeof workers>('node:worker_threads').setEnvironmentData(sharedKey, { description, lock } as never);
}

function open(fd: number): Socket {
  const { Socket } = builtin<typeof net>('node:net');
  const socket = new Socket({ fd, readable: true, writable: true });
  // The runtime is gone: a program must not outlive it unseen.
  socket.on('close', () => process.exit(1));
  socket.on('error', () => process.exit(1));
  socket.resume();
  socket.unref();
  return socket;
}
