/**
 * `path_*`: names, each below an open directory. All of the namespace is open to a program, so no path leads outside, and `..`
 * goes where it goes for any other program.
 */
import { constants } from 'node:fs';
import {
  allRights,
  directoryRights,
  fdflag,
  fileRights,
  filetype,
  oflag,
  readingRights,
  right,
  streamRights,
  symlinkFollow,
  WasiError,
  writingRights,
} from './abi.js';
import { filetypeOf, putStat, toPath } from './descriptors.js';
import type { Calls, Program } from './program.js';
import type { Entry } from './table.js';
import { timesOf } from './times.js';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_APPEND, O_NOFOLLOW, O_DSYNC, O_SYNC } =
  constants;

/** open(2)'s flags. */
function openFlags(base: bigint, oflags: number, fdflags: number, follow: boolean): number {
  const [reads, writes] = [(base & readingRights) !== 0n, (base & writingRights) !== 0n];
  const bits = (given: number, table: readonly (readonly [number, number])[]): number =>
    table.reduce((sum, [flag, bit]) => (given & flag ? sum | bit : sum), 0);
  return (
    (writes ? (reads ? O_RDWR : O_WRONLY) : O_RDONLY) |
    bits(oflags, [
      [oflag.creat, O_CREAT],
      [oflag.excl, O_EXCL],
      [oflag.trunc, O_TRUNC],
      [oflag.directory, O_DIRECTORY],
    ]) |
    bits(fdflags, [
      [fdflag.append, O_APPEND],
      [fdflag.dsync, O_DSYNC],
      [fdflag.sync | fdflag.rsync, O_SYNC],
    ]) |
    (follow ? 0 : O_NOFOLLOW)
  );
}

export function nameCalls(program: Program): Calls {
  const { memory, table, files } = program;

  const pathOf = (directory: Entry, pointer: number, length: number): string => {
    const given = memory.text(pointer, length);
    if (given === '') throw new WasiError('ENOENT');
    if (given.includes('\0')) throw new WasiError('EINVAL');
    // What is preopened need not be a directory.
    if (given === '.') return directory.path;
    if (given.startsWith('/')) {
      if (directory.path !== '/') throw new WasiError('ENOTCAPABLE');
      return given;
    }
    return `${directory.path === '/' ? '' : directory.path}/${given}`;
  };

  const open = (
    fd: number,
    lookup: number,
    pointer: number,
    length: number,
    oflags: number,
    base: bigint,
    inheriting: bigint,
    fdflags: number,
    result: number,
  ): void => {
    const asked = BigInt.asUintN(64, base) & allRights;
    const directory = table.directory(fd, right.pathOpen!);
    if (oflags & oflag.creat) table.get(fd, right.pathCreateFile);
    if (oflags & oflag.trunc) table.get(fd, right.pathFilestatSetSize);
    if ((asked & ~directory.inheriting) !== 0n) throw new WasiError('ENOTCAPABLE');
    const path = pathOf(directory, pointer, length);
    const opened = files.openSync(
      toPath(path),
      openFlags(asked, oflags, fdflags, (lookup & symlinkFollow) !== 0),
      0o666,
    );
    try {
      const type = filetypeOf(files.fstatSync(opened));
      const possible =
        type === filetype.directory ? directoryRights : type === filetype.regularFile ? fileRights : streamRights;
      const entry: Entry = {
        fd: opened,
        filetype: type,
        path,
        appends: (fdflags & fdflag.append) !== 0,
        flags: fdflags & 0x1f,
        base: asked & possible,
        inheriting: type === filetype.directory ? BigInt.asUintN(64, inheriting) & directory.inheriting : 0n,
        position: 0,
      };
      memory.setU32(result, table.add(entry));
    } catch (error) {
      files.closeSync(opened);
      throw error;
    }
  };

  return {
    path_open: open,
    path_create_directory: (fd: number, pointer: number, length: number) => {
      files.mkdirSync(toPath(pathOf(table.directory(fd, right.pathCreateDirectory!), pointer, length)), 0o777);
    },
    path_filestat_get: (fd: number, lookup: number, pointer: number, length: number, result: number) => {
      const path = pathOf(table.directory(fd, right.pathFilestatGet!), pointer, length);
      const stat = lookup & symlinkFollow ? files.statSync : files.lstatSync;
      putStat(program, result, stat(toPath(path), { bigint: true }));
    },
    path_filestat_set_times: (
      fd: number,
      lookup: number,
      pointer: number,
      length: number,
      atim: bigint,
      mtim: bigint,
      flags: number,
    ) => {
      const path = pathOf(table.directory(fd, right.pathFilestatSetTimes!), pointer, length);
      const follow = (lookup & symlinkFollow) !== 0;
      const stat = follow ? files.statSync : files.lstatSync;
      const times = timesOf(atim, mtim, flags, () => stat(toPath(path), { bigint: true }));
      program.setTimes(path, times, follow);
    },
    path_link: (
      fromFd: number,
      lookup: number,
      from: number,
      fromLength: number,
      toFd: number,
      to: number,
      toLength: number,
    ) => {
      const source = toPath(pathOf(table.directory(fromFd, right.pathLinkSource!), from, fromLength));
      const target = toPath(pathOf(table.directory(toFd, right.pathLinkTarget!), to, toLength));
      files.linkSync(lookup & symlinkFollow ? files.realpathSync.native(source) : source, target);
    },
    path_readlink: (fd: number, pointer: number, length: number, buffer: number, size: number, used: number) => {
      const path = pathOf(table.directory(fd, right.pathReadlink!), pointer, length);
      const text = files.readlinkSync(toPath(path), 'buffer').subarray(0, size >>> 0);
      memory.bytes(buffer, text.length).set(text);
      memory.setU32(used, text.length);
    },
    path_remove_directory: (fd: number, pointer: number, length: number) => {
      files.rmdirSync(toPath(pathOf(table.directory(fd, right.pathRemoveDirectory!), pointer, length)));
    },
    path_rename: (fromFd: number, from: number, fromLength: number, toFd: number, to: number, toLength: number) => {
      const source = pathOf(table.directory(fromFd, right.pathRenameSource!), from, fromLength);
      const target = pathOf(table.directory(toFd, right.pathRenameTarget!), to, toLength);
      files.renameSync(toPath(source), toPath(target));
    },
    path_symlink: (text: number, textLength: number, fd: number, pointer: number, length: number) => {
      const path = pathOf(table.directory(fd, right.pathSymlink!), pointer, length);
      const target = memory.bytes(text, textLength);
      if (target.length === 0) throw new WasiError('ENOENT');
      files.symlinkSync(toPath(memory.text(text, textLength)), toPath(path));
    },
    path_unlink_file: (fd: number, pointer: number, length: number) => {
      files.unlinkSync(toPath(pathOf(table.directory(fd, right.pathUnlinkFile!), pointer, length)));
    },
  };
}
