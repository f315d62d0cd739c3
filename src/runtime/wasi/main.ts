/**
 * Runs a WebAssembly command (WASI preview 1):
 *
 *     node wasm.cjs FILE NAME [ARGUMENT …]
 *
 * as an agent in the context that its runtime describes, on its own on the host. Its calls are made of `fs`, the context's or
 * the host's: each blocks the program until it is answered.
 */
import * as nodeFs from 'node:fs';
import { setModuleRoot } from '../../host/modules.js';
import { Channel } from '../context/channel.js';
import { contextFiles } from '../context/files.js';
import { lineOfProcess } from '../context/line.js';
import { Near } from '../context/near.js';
import { Paths } from '../context/paths.js';
import { runSync } from '../context/run.js';
import * as steps from '../context/steps.js';
import { allRights, directoryRights, errnoOf, fileRights, filetype, streamRights } from './abi.js';
import { descriptorCalls, filetypeOf, listWith, toPath } from './descriptors.js';
import { engine, type WasmMemory } from './engine.js';
import { GuestMemory } from './memory.js';
import { nameCalls } from './names.js';
import { pollCalls } from './poll.js';
import { preopensOf } from './preopens.js';
import { Exit, processCalls } from './process.js';
import type { Calls, Program } from './program.js';
import { type Files, type Listed, Table } from './table.js';
import { inSeconds, setHostTimes } from './times.js';

/** Where a program's files are. */
interface World extends Pick<Program, 'files' | 'list' | 'setTimes' | 'isDevice' | 'waitForDevices'> {
  readonly cwd: string;
}

function hostWorld(): World {
  const files: Files = nodeFs;
  return {
    files,
    cwd: process.cwd(),
    list: (path) => listWith({ files }, path),
    setTimes: (target, times, follow) =>
      setHostTimes(files, typeof target === 'number' ? target : toPath(target), times, follow),
    isDevice: () => false,
    waitForDevices: () => [],
  };
}

function contextWorld(channel: Channel): World {
  // It loads nothing from its agent's directory, and is to have nothing of the host.
  const paths = new Paths({ ...channel.description, directory: '/dev/null' }, new Near(channel.description));
  const { calls, descriptors } = contextFiles(channel, paths);
  const files = calls as unknown as Files;
  const list = (path: string): Listed[] => {
    const place = paths.locate(path);
    if (place.host !== undefined) return listWith({ files }, path);
    return runSync(channel, steps.list(place, 'scandir', true)).map(({ name, kind, ino }) => ({
      name: toBuffer(toPath(name)),
      inode: BigInt(ino ?? 0),
      filetype: kinds[kind],
    }));
  };
  const setTimes: World['setTimes'] = (target, times, follow) => {
    const seconds = inSeconds(times);
    const exact = [String(times.atime), String(times.mtime)] as const;
    if (typeof target === 'number') {
      if (descriptors.isOurs(target)) runSync(channel, descriptors.setTimes(target, ...seconds, exact));
      else setHostTimes(nodeFs, target, times, follow);
      return;
    }
    const place = paths.locate(target);
    if (place.host !== undefined) setHostTimes(nodeFs, place.host, times, follow);
    else runSync(channel, steps.utimes(place, ...seconds, follow, exact));
  };
  return {
    files,
    cwd: paths.cwd,
    list,
    setTimes,
    isDevice: (fd) => descriptors.deviceHandle(fd) !== undefined,
    waitForDevices: (fds, timeoutMs) => {
      const handles = fds.map((fd) => descriptors.deviceHandle(fd));
      const { value } = channel.callSync('device.wait', [handles, Number.isFinite(timeoutMs) ? timeoutMs : null]).head;
      return value as boolean[];
    },
  };
}

const kinds = {
  file: filetype.regularFile,
  directory: filetype.directory,
  symlink: filetype.symbolicLink,
  character: filetype.characterDevice,
  block: filetype.blockDevice,
  fifo: filetype.socketStream,
  socket: filetype.socketStream,
} as const;

const toBuffer = (name: string | Buffer): Buffer => Buffer.from(name as string);

/** The standard streams as they are, then the preopened directories. */
function makeTable({ files, cwd, list }: World, argv: readonly string[]): Table {
  const table = new Table();
  for (const fd of [0, 1, 2]) {
    const type = filetypeOf(nodeFs.fstatSync(fd));
    const base = type === filetype.regularFile ? fileRights : streamRights;
    table.add({ fd, filetype: type, path: '', inherited: true, flags: 0, base, inheriting: 0n, position: 0 });
  }
  const exists = (path: string): boolean => files.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  const isDirectory = ({ name, filetype: type }: Listed): boolean =>
    type === filetype.directory ||
    (type === filetype.symbolicLink && (files.statSync(`/${name}`, { throwIfNoEntry: false })?.isDirectory() ?? false));
  const root = cwd === '/' ? [] : list('/').filter(isDirectory);
  for (const { name, path } of preopensOf(
    cwd,
    argv,
    root.map((entry) => String(entry.name)),
    exists,
  )) {
    table.add({
      fd: undefined,
      filetype: filetype.directory,
      path,
      preopened: name,
      flags: 0,
      base: directoryRights,
      inheriting: allRights,
      position: 0,
    });
  }
  return table;
}

/** A call's errno. What ends the program goes through it. */
const asImport =
  (call: Calls[string]) =>
  (...args: unknown[]): number => {
    try {
      call(...args);
      return 0;
    } catch (error) {
      if (error instanceof Exit) throw error;
      return errnoOf(error);
    }
  };

function say(name: string, text: string): void {
  nodeFs.writeSync(2, `${name}: ${text}\n`);
}

/** Status of a program that cannot be run (XCU 2.8.2), and of one that ended itself by a trap, as by SIGABRT. */
const notRunnable = 126;
const trapped = 134;

function run(world: World, file: string, argv: readonly string[]): number {
  const name = argv[0] ?? file;
  const memory: { of?: WasmMemory } = {};
  const program: Program = {
    ...world,
    memory: new GuestMemory(() => memory.of!),
    table: makeTable(world, argv.slice(1)),
    argv,
    environment: Object.entries(process.env).map(([variable, value]) => `${variable}=${value}`),
  };
  const calls = { ...descriptorCalls(program), ...nameCalls(program), ...pollCalls(program), ...processCalls(program) };
  const imports = Object.fromEntries(Object.entries(calls).map(([call, body]) => [call, asImport(body)]));
  let start: () => void;
  try {
    const made = new engine.Module(nodeFs.readFileSync(file));
    const { exports } = new engine.Instance(made, { wasi_snapshot_preview1: imports });
    if (typeof exports._start !== 'function' || !(exports.memory instanceof engine.Memory))
      throw new Error('not a WASI command');
    memory.of = exports.memory;
    start = exports._start as () => void;
  } catch (error) {
    say(name, (error as Error).message);
    return notRunnable;
  }
  try {
    start();
    return 0;
  } catch (error) {
    if (error instanceof Exit) return error.status;
    // `unreachable`, a wild pointer, no stack left.
    if (!(error instanceof engine.RuntimeError || error instanceof RangeError)) throw error;
    say(name, error.message);
    return trapped;
  }
}

const [file, ...argv] = process.argv.slice(2);
setModuleRoot(__dirname);
const line = lineOfProcess();
const channel = line === undefined ? undefined : new Channel(line);
// Nothing of it is waited for: what a program writes is written when the call returns.
process.exit(run(channel === undefined ? hostWorld() : contextWorld(channel), file!, argv));
