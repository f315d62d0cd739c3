/** A host's `Stats` as the wire has them. */
import type { BigIntStats } from 'node:fs';
import { type FileStat, kindOf } from '../../wire/files.js';

/** @param s with `bigint`: nanoseconds and wide numbers */
export function toFileStat(s: BigIntStats): FileStat {
  return {
    kind: kindOf(s),
    size: Number(s.size),
    mode: Number(s.mode & 0o7777n),
    uid: Number(s.uid),
    gid: Number(s.gid),
    nlink: Number(s.nlink),
    dev: String(s.dev),
    ino: String(s.ino),
    rdev: String(s.rdev),
    blksize: Number(s.blksize),
    blocks: Number(s.blocks),
    mtimeMs: Number(s.mtimeMs),
    atimeNs: String(s.atimeNs),
    mtimeNs: String(s.mtimeNs),
    ctimeNs: String(s.ctimeNs),
    birthtimeNs: String(s.birthtimeNs),
  };
}
