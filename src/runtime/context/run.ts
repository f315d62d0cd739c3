/** Procedures: operations written once, as generators that yield their system calls, and run blocking or not. */
import type { SyscallFrame } from '../syscalls/codec.js';
import type { Channel } from './channel.js';
import { aborted, systemError, type Where } from './error.js';

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

/** A step's outcome: its value, and the bytes of a read. */
export interface Outcome {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

export type Procedure<T> = Generator<Step | Wait, T, Outcome>;

const none = new Uint8Array(0);

function outcome({ head, bytes }: SyscallFrame, { where }: Step): Outcome {
  const { error, value } = head;
  if (error === undefined) return { value, bytes };
  throw systemError(error.code, where, error.message);
}

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
