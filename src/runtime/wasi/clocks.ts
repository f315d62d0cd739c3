/** The clocks of WASI. */
import { WasiError } from './abi.js';

/** Nanoseconds since the epoch: to the microsecond, as long as nobody sets the clock. */
function realtime(): bigint {
  const fine = performance.timeOrigin + performance.now();
  const coarse = Date.now();
  return Math.abs(fine - coarse) < 5 ? BigInt(Math.round(fine * 1000)) * 1000n : BigInt(coarse) * 1_000_000n;
}

function processorTime(): bigint {
  const { user, system } = process.cpuUsage();
  return BigInt(user + system) * 1000n;
}

/** 0 real time, 1 monotonic, 2 and 3 processor time of the process and of its only thread. @throws WasiError EINVAL */
export function nanoseconds(clock: number): bigint {
  switch (clock) {
    case 0:
      return realtime();
    case 1:
      return process.hrtime.bigint();
    case 2:
    case 3:
      return processorTime();
    default:
      throw new WasiError('EINVAL');
  }
}

/** Nanoseconds between two readings that differ. @throws WasiError EINVAL */
export function resolution(clock: number): bigint {
  nanoseconds(clock);
  return clock === 1 ? 1n : 1000n;
}
