/** Setting a file's times, which WASI counts in nanoseconds. */
import type { BigIntStats } from 'node:fs';
import { setTimes } from '../../host/libc.js';
import { fstflag, WasiError } from './abi.js';
import { nanoseconds } from './clocks.js';
import type { Files } from './table.js';

/** Nanoseconds since the epoch. */
export interface FileTimes {
  readonly atime: bigint;
  readonly mtime: bigint;
}

/** In the seconds of `fs`: exact to a fraction of a microsecond. */
export const inSeconds = ({ atime, mtime }: FileTimes): readonly [atime: number, mtime: number] => [
  Number(atime) / 1e9,
  Number(mtime) / 1e9,
];

/** What a call asks for; what is not to change is what `now` tells. @throws WasiError EINVAL */
export function timesOf(atim: bigint, mtim: bigint, flags: number, now: () => BigIntStats): FileTimes {
  const { atim: setA, atimNow, mtim: setM, mtimNow } = fstflag;
  if ((flags & setA && flags & atimNow) || (flags & setM && flags & mtimNow)) throw new WasiError('EINVAL');
  const clock = nanoseconds(0);
  const kept = (flags & (setA | atimNow)) === 0 || (flags & (setM | mtimNow)) === 0 ? now() : undefined;
  const pick = (set: number, toNow: number, given: bigint, old: bigint | undefined): bigint =>
    flags & set ? given : flags & toNow ? clock : (old ?? 0n);
  return {
    atime: pick(setA, atimNow, atim, kept?.atimeNs),
    mtime: pick(setM, mtimNow, mtim, kept?.mtimeNs),
  };
}

/** Sets the times of an open file or of a path of this host. `fs` tells what is wrong, the C library is exact. */
export function setHostTimes(files: Files, target: number | string | Buffer, times: FileTimes, follow: boolean): void {
  if (typeof target === 'number') files.futimesSync(target, ...inSeconds(times));
  else (follow ? files.utimesSync : files.lutimesSync)(target, ...inSeconds(times));
  setTimes(target, times.atime, times.mtime, follow);
}
