/** What a program has open, by its own descriptor numbers. */
import type * as nodeFs from 'node:fs';
import { type Filetype, filetype, WasiError } from './abi.js';

/** The calls of `fs` that WASI is made of: the host's own, or a context's. */
export type Files = Pick<
  typeof nodeFs,
  | 'openSync'
  | 'closeSync'
  | 'readSync'
  | 'readvSync'
  | 'writevSync'
  | 'fstatSync'
  | 'fsyncSync'
  | 'fdatasyncSync'
  | 'ftruncateSync'
  | 'futimesSync'
  | 'statSync'
  | 'lstatSync'
  | 'utimesSync'
  | 'lutimesSync'
  | 'readdirSync'
  | 'mkdirSync'
  | 'rmdirSync'
  | 'unlinkSync'
  | 'renameSync'
  | 'linkSync'
  | 'symlinkSync'
  | 'readlinkSync'
  | 'realpathSync'
>;

/** One entry of a directory. */
export interface Listed {
  readonly name: Buffer;
  readonly inode: bigint;
  readonly filetype: Filetype;
}

/** An open file, directory or stream. */
export interface Entry {
  /** Its descriptor in {@link Files}; a preopened directory has none. */
  readonly fd: number | undefined;
  readonly filetype: Filetype;
  /** Where it was opened. */
  readonly path: string;
  /** What a preopened directory is called. */
  readonly preopened?: string;
  /** Standard streams: their position is the kernel's, shared with whoever else has them. */
  readonly inherited?: boolean;
  /** The system itself writes at its end. */
  readonly appends?: boolean;
  /** `fdflag`s. */
  flags: number;
  base: bigint;
  inheriting: bigint;
  position: number;
  /** A directory as it was when its reading began: what a cookie counts in. */
  listing?: readonly Listed[];
}

/** It has a position of its own. */
export const isSeekable = ({ filetype: type, inherited }: Entry): boolean =>
  type === filetype.regularFile && inherited !== true;

export class Table {
  private readonly entries = new Map<number, Entry>();
  private lowest = 0;

  /** Takes the lowest number that is free. */
  add(entry: Entry): number {
    while (this.entries.has(this.lowest)) this.lowest += 1;
    this.entries.set(this.lowest, entry);
    return this.lowest;
  }

  find(number: number): Entry | undefined {
    return this.entries.get(number);
  }

  /** @throws WasiError EBADF, ENOTCAPABLE without one of `rights` */
  get(number: number, rights = 0n): Entry {
    const entry = this.entries.get(number);
    if (entry === undefined) throw new WasiError('EBADF');
    if ((entry.base & rights) !== rights) throw new WasiError('ENOTCAPABLE');
    return entry;
  }

  /** @throws WasiError EBADF, ENOTDIR, ENOTCAPABLE */
  directory(number: number, rights: bigint): Entry {
    const entry = this.get(number);
    if (entry.filetype !== filetype.directory) throw new WasiError('ENOTDIR');
    return this.get(number, rights) && entry;
  }

  remove(number: number): Entry {
    const entry = this.get(number);
    this.entries.delete(number);
    this.lowest = Math.min(this.lowest, number);
    return entry;
  }

  /** Gives `from`'s entry the number `to`, whose own is returned. @throws WasiError EBADF */
  move(from: number, to: number): Entry {
    const replaced = this.get(to);
    const entry = this.remove(from);
    this.entries.set(to, entry);
    return replaced;
  }
}
