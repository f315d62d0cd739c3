/** Procedures: operations written once, as generators that yield their system calls, and run blocking or not. */
import type { SyscallFrame } from '../syscalls/codec.js';
import type { Channel } from './channel.js';
import { aborted, codeOf, systemError, type Where } from './error.js';
import { hostFs } from './host.js';
import type { Sequence } from './sequence.js';

/** One system call. */
export interface Step {
  readonly call: string;
  readonly args: readonly unknown[];
  readonly bytes?: Uint8Array;
  /** For its error. */
  readonly where: Where;
}

/** Something of the program's that may be a promise, such as a filter's answer. */
export interface Wait {
  readonly wait: unknown;
}

/** Bytes to or from a {@link Sequence}'s pipe: a count; 0 at its end, -1 where nobody is at its other end. */
export interface Transfer {
  readonly pipe: Sequence;
  readonly buffer: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** A step's outcome: its value, and the bytes of a read. */
export interface Outcome {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

export type Procedure<T> = Generator<Step | Wait | Transfer, T, Outcome>;

const none = new Uint8Array(0);

function outcome({ head, bytes }: SyscallFrame, { where }: Step): Outcome {
  const { error, value } = head;
  if (error === undefined) return { value, bytes };
  throw systemError(error.code, where, error.message);
}

function transferSync({ pipe, buffer, offset, length }: Transfer): number {
  const fd = pipe.pipe!;
  if (pipe.direction === 'read') return hostFs.readSync(fd, buffer, offset, length, null);
  try {
    return hostFs.writeSync(fd, buffer, offset, length);
  } catch (error) {
    if (codeOf(error) === 'EPIPE') return -1;
    throw error;
  }
}

/** So many reads at a time wait in Node's threads, which others need too. */
const readsMost = 2;
let reading = 0;
const queue: (() => void)[] = [];

async function transfer({ pipe, buffer, offset, length }: Transfer): Promise<number> {
  const fd = pipe.pipe!;
  // A write that waits could not be overtaken by the end of the pipe.
  if (pipe.direction === 'write') return notNow;
  pipe.pending += 1;
  if (reading >= readsMost) await new Promise<void>((resolve) => queue.push(resolve));
  reading += 1;
  try {
    return await new Promise<number>((resolve, reject) => {
      hostFs.read(fd, buffer, offset, length, null, (error, n) => (error === null ? resolve(n) : reject(error)));
    });
  } finally {
    reading -= 1;
    queue.shift()?.();
    pipe.settled();
  }
}

/** A step that has no asynchronous form: an outcome of {@link Transfer}. */
export const notNow = -2;

/** Blocks in the kernel until each step is answered. */
export function runSync<T>(channel: Channel, procedure: Procedure<T>): T {
  let step = procedure.next();
  while (!step.done) {
    const asked = step.value;
    let answer: Outcome;
    try {
      answer =
        'wait' in asked
          ? { value: asked.wait, bytes: none }
          : 'pipe' in asked
            ? { value: transferSync(asked), bytes: none }
            : outcome(channel.callSync(asked.call, asked.args, asked.bytes), asked);
    } catch (error) {
      step = procedure.throw(error);
      continue;
    }
    step = procedure.next(answer);
  }
  return step.value;
}

export async function run<T>(channel: Channel, procedure: Procedure<T>, signal?: AbortSignal): Promise<T> {
  let step = procedure.next();
  while (!step.done) {
    const asked = step.value;
    let answer: Outcome;
    try {
      if (signal?.aborted) throw aborted(signal);
      answer =
        'wait' in asked
          ? { value: await asked.wait, bytes: none }
          : 'pipe' in asked
            ? { value: await transfer(asked), bytes: none }
            : asked.call === 'file.pipe' && asked.args[1] === 'write'
              ? { value: null, bytes: none }
              : outcome(await channel.call(asked.call, asked.args, asked.bytes), asked);
      if (signal?.aborted) throw aborted(signal);
    } catch (error) {
      step = procedure.throw(error);
      continue;
    }
    step = procedure.next(answer);
  }
  return step.value;
}
