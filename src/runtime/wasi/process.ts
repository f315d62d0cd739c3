/** `args_*`, `environ_*`, `clock_*`, `random_get`, `proc_*`, `sched_yield`, and sockets, of which a program is given none. */
import { randomFillSync } from 'node:crypto';
import { encodeBytes } from '../../wire/bytes.js';
import { filetype, signals, WasiError } from './abi.js';
import { nanoseconds, resolution } from './clocks.js';
import type { Calls, Program } from './program.js';

/** The end of the program, thrown through it. */
export class Exit {
  constructor(readonly status: number) {}
}

export function processCalls(program: Program): Calls {
  const { memory, table } = program;

  /** Strings as C has them, and pointers to each. */
  const put = (strings: readonly string[], pointers: number, buffer: number): void => {
    let at = buffer;
    strings.forEach((text, i) => {
      const bytes = Buffer.concat([encodeBytes(text), Buffer.of(0)]);
      memory.setU32(pointers + 4 * i, at);
      memory.bytes(at, bytes.length).set(bytes);
      at += bytes.length;
    });
  };
  const putSizes = (strings: readonly string[], count: number, size: number): void => {
    memory.setU32(count, strings.length);
    memory.setU32(
      size,
      strings.reduce((sum, text) => sum + encodeBytes(text).length + 1, 0),
    );
  };
  const noSocket = (fd: number): void => {
    const { filetype: type } = table.get(fd);
    throw new WasiError(type === filetype.socketStream || type === filetype.socketDgram ? 'ENOTSUP' : 'ENOTSOCK');
  };

  return {
    args_get: (pointers: number, buffer: number) => put(program.argv, pointers, buffer),
    args_sizes_get: (count: number, size: number) => putSizes(program.argv, count, size),
    environ_get: (pointers: number, buffer: number) => put(program.environment, pointers, buffer),
    environ_sizes_get: (count: number, size: number) => putSizes(program.environment, count, size),
    clock_res_get: (clock: number, result: number) => memory.setU64(result, resolution(clock)),
    clock_time_get: (clock: number, _precision: bigint, result: number) => memory.setU64(result, nanoseconds(clock)),
    random_get: (pointer: number, length: number) => {
      randomFillSync(memory.bytes(pointer, length));
    },
    proc_exit: (status: number) => {
      throw new Exit(status & 0xff);
    },
    proc_raise: (number: number) => {
      const signal = signals[number];
      if (signal !== undefined) process.kill(process.pid, signal);
      else if (number !== 0) throw new WasiError('EINVAL');
    },
    sched_yield: () => {},
    sock_accept: noSocket,
    sock_recv: noSocket,
    sock_send: noSocket,
    sock_shutdown: noSocket,
  };
}
