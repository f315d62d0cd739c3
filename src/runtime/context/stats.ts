/** What `fs` says of a file of another machine, in Node's own classes: `Stats`, `BigIntStats`, `StatFs`, `Dirent`. */
import type { BigIntStats, BigIntStatsFs, Dirent, Stats, StatsFs } from 'node:fs';
import type { FileReply, FileStat } from '../../wire/files.js';
import { nameIn, type Options } from './arguments.js';
import { hostFs } from './host.js';

const types: Readonly<Record<FileStat['kind'], number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
};

/** Not in Node's types. */
const constants = hostFs.constants as unknown as Readonly<Record<`UV_DIRENT_${string}`, number>>;
const direntTypes: Readonly<Record<FileStat['kind'], number>> = {
  file: constants.UV_DIRENT_FILE!,
  directory: constants.UV_DIRENT_DIR!,
  symlink: constants.UV_DIRENT_LINK!,
  character: constants.UV_DIRENT_CHAR!,
  block: constants.UV_DIRENT_BLOCK!,
  fifo: constants.UV_DIRENT_FIFO!,
  socket: constants.UV_DIRENT_SOCKET!,
};

/** An object of the same class as one of the host's. */
const likeOf = <T extends object>(sample: T, fields: object): T =>
  Object.assign(Object.create(Object.getPrototypeOf(sample) as object) as T, fields);

const timeNames = ['atime', 'mtime', 'ctime', 'birthtime'] as const;
const samples = {
  get number(): Stats {
    return hostFs.statSync('/dev/null');
  },
  get bigint(): BigIntStats {
    return hostFs.statSync('/dev/null', { bigint: true });
  },
};

export function toStats(s: FileStat, bigint = false): Stats | BigIntStats {
  const mode = s.mode | types[s.kind];
  const nanos = timeNames.map((name) => BigInt(s[`${name}Ns`]));
  // As Node computes it: whole seconds and the rest apart.
  const millis = nanos.map((ns) => Number(ns / 1_000_000_000n) * 1000 + Number(ns % 1_000_000_000n) / 1e6);
  const dates = Object.fromEntries(timeNames.map((name, i) => [name, new Date(Math.round(millis[i]!))]));
  const named = <T>(suffix: string, values: readonly T[]) =>
    Object.fromEntries(timeNames.map((n, i) => [n + suffix, values[i]]));
  const { nlink, uid, gid, size, blksize, blocks } = s;
  const sample = bigint ? samples.bigint : samples.number;
  const own = Object.hasOwn(sample, 'atime') ? dates : {};
  if (!bigint)
    return likeOf(sample, {
      dev: Number(s.dev),
      mode,
      nlink,
      uid,
      gid,
      rdev: Number(s.rdev),
      blksize,
      ino: Number(s.ino),
      size,
      blocks,
      ...named('Ms', millis),
      ...own,
    });
  return likeOf(sample, {
    dev: BigInt(s.dev),
    mode: BigInt(mode),
    nlink: BigInt(nlink),
    uid: BigInt(uid),
    gid: BigInt(gid),
    rdev: BigInt(s.rdev),
    blksize: BigInt(blksize),
    ino: BigInt(s.ino),
    size: BigInt(size),
    blocks: BigInt(blocks),
    ...named(
      'Ms',
      nanos.map((ns) => ns / 1_000_000n),
    ),
    ...named('Ns', nanos),
    ...own,
  });
}

export function toStatFs(
  told: Extract<FileReply, { type: 'file.statfs.reply' }>['statfs'],
  bigint: boolean,
): StatsFs | BigIntStatsFs {
  const sample = hostFs.statfsSync('/dev/null');
  const convert = bigint ? BigInt : Number;
  // What this Node.js has; a fragment is a block where nothing is told of it.
  const names = Object.keys(sample) as (keyof typeof told)[];
  return likeOf(sample, Object.fromEntries(names.map((name) => [name, convert(told[name] ?? told.bsize)])));
}

type DirentClass = new (name: string | Buffer, type: number, parent: string | Buffer) => Dirent;

export function toDirent(name: string, kind: FileStat['kind'], parent: string, encoding: Options['encoding']): Dirent {
  const Made = hostFs.Dirent as unknown as DirentClass;
  return new Made(nameIn(name, encoding), direntTypes[kind], parent);
}
