/**
 * The C library, as far as a shell needs more of it than Node gives: pipes, posix_spawn with file actions and process
 * groups, waitpid with WUNTRACED, terminal process groups, signal dispositions. All calls are synchronous. Loaded on
 * first use: `onesh -c :` never gets here.
 */
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { encodeBytes } from '../wire/bytes.js';
import { loadModule } from './modules.js';

type Pointer = bigint | Uint8Array | null;
type Call = (...args: (number | bigint | string | Uint8Array | null)[]) => number;

interface Koffi {
  load(path: string | null): { func(definition: string): Call & { async: (...args: unknown[]) => void } };
  alloc(type: string, length: number): unknown;
  address(pointer: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
  errno(): number;
}

interface Libc {
  readonly koffi: Koffi;
  readonly posixSpawn: Call;
  readonly actionsInit: Call;
  readonly actionsDestroy: Call;
  readonly actionsDup2: Call;
  readonly actionsChdir: Call | undefined;
  readonly actionsForeground: Call | undefined;
  readonly attrInit: Call;
  readonly attrFlags: Call;
  readonly attrGroup: Call;
  readonly attrDefault: Call;
  readonly attrMask: Call;
  readonly waitpid: Call;
  readonly pipe: Call;
  readonly execve: Call;
  readonly exit: Call;
  readonly tcsetpgrp: Call;
  readonly tcgetpgrp: Call;
  readonly tcgetattr: Call;
  readonly tcsetattr: Call;
  readonly getpgrp: Call;
  readonly setpgid: Call;
  readonly signal: Call;
  readonly sigaction: Call;
  readonly sigmask: Call;
  readonly lseek: Call;
  readonly dup2: Call;
  readonly fcntl: Call;
  readonly poll: Call & { async: (...args: unknown[]) => void };
  readonly getrlimit: Call;
  readonly getrusage: Call;
  readonly ioctl: Call;
  readonly utimensat: Call | undefined;
  readonly futimens: Call | undefined;
}

const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETPIPE_SZ = 1031;
const O_NONBLOCK = 0o4000;

let loaded: Libc | undefined;

/** For the other files of this folder. */
export function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const koffi = loadModule<Koffi>('koffi');
  const library = koffi.load(null);
  const optional = (definition: string) => {
    try {
      return library.func(definition);
    } catch {
      return undefined; // an older libc
    }
  };
  loaded = {
    koffi,
    posixSpawn: library.func('int posix_spawn(void*, void*, void*, void*, void*, void*)'),
    actionsInit: library.func('int posix_spawn_file_actions_init(void*)'),
    actionsDestroy: library.func('int posix_spawn_file_actions_destroy(void*)'),
    actionsDup2: library.func('int posix_spawn_file_actions_adddup2(void*, int, int)'),
    actionsChdir:
      optional('int posix_spawn_file_actions_addchdir_np(void*, void*)') ??
      optional('int posix_spawn_file_actions_addchdir(void*, void*)'),
    actionsForeground: optional('int posix_spawn_file_actions_addtcsetpgrp_np(void*, int)'),
    attrInit: library.func('int posix_spawnattr_init(void*)'),
    attrFlags: library.func('int posix_spawnattr_setflags(void*, int16_t)'),
    attrGroup: library.func('int posix_spawnattr_setpgroup(void*, int)'),
    attrDefault: library.func('int posix_spawnattr_setsigdefault(void*, void*)'),
    attrMask: library.func('int posix_spawnattr_setsigmask(void*, void*)'),
    waitpid: library.func('int waitpid(int, void*, int)'),
    pipe: library.func('int pipe2(void*, int)'),
    execve: library.func('int execve(void*, void*, void*)'),
    exit: library.func('void _exit(int)'),
    tcsetpgrp: library.func('int tcsetpgrp(int, int)'),
    tcgetpgrp: library.func('int tcgetpgrp(int)'),
    tcgetattr: library.func('int tcgetattr(int, void*)'),
    tcsetattr: library.func('int tcsetattr(int, int, void*)'),
    getpgrp: library.func('int getpgrp()'),
    setpgid: library.func('int setpgid(int, int)'),
    signal: library.func('intptr_t signal(int, intptr_t)'),
    sigaction: library.func('int sigaction(int, void*, void*)'),
    sigmask: library.func('int pthread_sigmask(int, void*, void*)'),
    lseek: library.func('int64_t lseek(int, int64_t, int)'),
    dup2: library.func('int dup2(int, int)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    poll: library.func('int poll(void*, ulong, int)'),
    getrlimit: library.func('int getrlimit(int, void*)'),
    getrusage: library.func('int getrusage(int, void*)'),
    ioctl: library.func('int ioctl(int, ulong, void*)'),
    utimensat: optional('int utimensat(int, void*, void*, int)'),
    futimens: optional('int futimens(int, void*)'),
  };
  // Node marks what it was started with close-on-exec; programs are to have the standard three.
  for (const fd of [0, 1, 2]) loaded.fcntl(fd, F_SETFD, 0);
  return loaded;
}

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** A failed C library call: `code` is the errno's name. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  constructor(
    readonly code: string,
    readonly call: string,
  ) {
    super(`${call}: ${code}`);
  }
}

function failed(call: string, errno = libc().koffi.errno()): SystemError {
  return new SystemError(errnoNames.get(errno) ?? `E${errno}`, call);
}

function check(result: number, call: string): number {
  if (result < 0) throw failed(call);
  return result;
}

const O_CLOEXEC = 0o2000000;
const twoInts = new Int32Array(2);
const twoIntsBytes = new Uint8Array(twoInts.buffer);

/** A kernel pipe; both descriptors are close-on-exec. @throws SystemError EMFILE … */
export function pipe(): { readonly read: number; readonly write: number } {
  check(libc().pipe(twoIntsBytes, O_CLOEXEC), 'pipe');
  return { read: twoInts[0]!, write: twoInts[1]! };
}

/** Memory outside the JavaScript heap for NUL-terminated strings and the pointer tables over them. */
class StringTable {
  private capacity = 0;
  private base = 0n;
  private bytes: Buffer = Buffer.alloc(0);

  /** Writes `strings` and a NULL-terminated table of pointers; returns the table's address. Valid until the next call. */
  write(strings: readonly string[]): bigint {
    let need = 8 * (strings.length + 1);
    for (const text of strings) need += text.length * 3 + 1;
    if (need > this.capacity) {
      const { koffi } = libc();
      this.capacity = Math.max(need * 2, 8192);
      const memory = koffi.alloc('uint8_t', this.capacity);
      this.base = koffi.address(memory);
      this.bytes = Buffer.from(koffi.view(memory, this.capacity));
    }
    let at = 8 * (strings.length + 1);
    for (let i = 0; i < strings.length; i++) {
      this.bytes.writeBigUInt64LE(this.base + BigInt(at), 8 * i);
      const text = strings[i]!;
      at += text.isWellFormed() ? this.bytes.write(text, at) : encodeBytes(text).copy(this.bytes, at);
      this.bytes[at++] = 0;
    }
    this.bytes.writeBigUInt64LE(0n, 8 * strings.length);
    return this.base;
  }
}

const argvTable = new StringTable();
const envTable = new StringTable();
let envWritten: readonly string[] | undefined;
let envAddress = 0n;

function cString(text: string): Buffer {
  return Buffer.concat([encodeBytes(text), Buffer.from([0])]);
}

/** A set of signals as the C library lays it out: 1024 bits. */
function signalSet(signals: readonly number[]): Uint8Array {
  const set = new Uint8Array(128);
  for (const signal of signals) set[(signal - 1) >> 3]! |= 1 << ((signal - 1) & 7);
  return set;
}

const SETPGROUP = 2;
const SETSIGDEF = 4;
const SETSIGMASK = 8;
/** posix_spawnattr_t by process group (-1: none); few, so kept. */
const attributes = new Map<string, Uint8Array>();

/** Node ignores SIGPIPE for itself; job-control signals are ignored by an interactive shell (XCU 2.11). */
function spawnAttributes(group: number | undefined, defaults: readonly number[]): Uint8Array {
  const key = `${group === undefined ? -1 : group === 0 ? 0 : 'n'} ${defaults.join()}`;
  const c = libc();
  let attr = attributes.get(key);
  if (attr === undefined) {
    attr = new Uint8Array(1024);
    c.attrInit(attr);
    c.attrFlags(attr, SETSIGDEF | SETSIGMASK | (group === undefined ? 0 : SETPGROUP));
    c.attrDefault(attr, signalSet(defaults));
    c.attrMask(attr, signalSet([]));
    attributes.set(key, attr);
  }
  if (group !== undefined) c.attrGroup(attr, group);
  return attr;
}

export interface SpawnOptions {
  /** Path of the executable file. */
  readonly file: string;
  readonly argv: readonly string[];
  /** `NAME=value`; the same array again costs nothing. */
  readonly env: readonly string[];
  /** Child descriptor -> our descriptor. All others are closed on exec. */
  readonly fds: readonly (readonly [child: number, ours: number])[];
  readonly cwd?: string | undefined;
  readonly umask?: number | undefined;
  /** Process group to join; 0 makes a new one. */
  readonly group?: number | undefined;
  /** A terminal whose foreground group the child's becomes before it runs. */
  readonly terminal?: number | undefined;
  /** Signals set to ignore in the child besides those this process ignores (by number). */
  readonly ignore?: readonly number[] | undefined;
  /** Signals this process ignores but the child must not; SIGPIPE unless a trap ignores it. */
  readonly defaults: readonly number[];
}

const actions = new Uint8Array(512);
const pidOut = new Int32Array(2);
const pidBytes = new Uint8Array(pidOut.buffer);

/** Starts a program; returns its process id. @throws SystemError ENOENT, EACCES, ENOEXEC, E2BIG, EAGAIN … */
export function spawn(options: SpawnOptions): number {
  const c = libc();
  if (envWritten !== options.env) {
    envAddress = envTable.write(options.env);
    envWritten = options.env;
  }
  let fileActions: Pointer = null;
  const plain =
    options.cwd === undefined &&
    options.fds.length === 3 &&
    options.fds.every(([child, ours]) => child === ours && child <= 2);
  if (!plain) {
    fileActions = actions;
    c.actionsInit(actions);
    if (options.cwd !== undefined) {
      if (c.actionsChdir === undefined) throw new SystemError('ENOSYS', 'posix_spawn_file_actions_addchdir');
      c.actionsChdir(actions, cString(options.cwd));
    }
    // Without it (glibc before 2.35) the parent gives the terminal, and continues a child that was too fast for it.
    if (options.terminal !== undefined) c.actionsForeground?.(actions, options.terminal);
    addDescriptors(c, options.fds);
  }
  const restore = (options.ignore ?? []).map((signal) => ignoreSignal(signal));
  const oldMask = options.umask === undefined ? undefined : process.umask(options.umask);
  try {
    const error = c.posixSpawn(
      pidBytes,
      cString(options.file),
      fileActions,
      spawnAttributes(options.group, options.defaults),
      argvTable.write(options.argv),
      envAddress,
    );
    if (error !== 0) throw failed('posix_spawn', error);
    return pidOut[0]!;
  } finally {
    if (oldMask !== undefined) process.umask(oldMask);
    for (const undo of restore) undo();
    if (fileActions !== null) c.actionsDestroy(actions);
  }
}

/**
 * The dup2 list for a descriptor map. A source that is also some other entry's target would be overwritten before it is
 * read, so such sources are first moved out of the way. Targets 0-2 that are not mapped are closed in the child.
 */
function addDescriptors(c: Libc, fds: SpawnOptions['fds']): void {
  const targets = new Set(fds.map(([child]) => child));
  let spare = 200;
  for (const [, ours] of fds) spare = Math.max(spare, ours + 1);
  const moved = new Map<number, number>();
  for (const [child, ours] of fds) {
    if (child !== ours && targets.has(ours) && !moved.has(ours)) {
      c.actionsDup2(actions, ours, spare);
      moved.set(ours, spare);
      spare += 1;
    }
  }
  for (const [child, ours] of fds) c.actionsDup2(actions, moved.get(ours) ?? ours, child);
  const close = closeAction();
  for (const at of moved.values()) close(actions, at);
  for (const fd of [0, 1, 2]) if (!targets.has(fd)) close(actions, fd);
}

let closeCall: Call | undefined;
function closeAction(): Call {
  closeCall ??= libc().koffi.load(null).func('int posix_spawn_file_actions_addclose(void*, int)');
  return closeCall;
}

export type WaitResult =
  | { readonly kind: 'exited'; readonly pid: number; readonly status: number }
  | { readonly kind: 'signaled'; readonly pid: number; readonly signal: number; readonly core: boolean }
  | { readonly kind: 'stopped'; readonly pid: number; readonly signal: number }
  | { readonly kind: 'continued'; readonly pid: number };

const WNOHANG = 1;
const WUNTRACED = 2;
const WCONTINUED = 8;
const statusOut = new Int32Array(2);
const statusBytes = new Uint8Array(statusOut.buffer);

/**
 * waitpid(2) for one child. `block`: waits (a signal does not end the wait); else returns undefined when nothing changed.
 * `stops`: reports stopped and continued children too. @throws SystemError ECHILD
 */
export function waitpid(
  pid: number,
  options: { readonly block: boolean; readonly stops: boolean },
): WaitResult | undefined {
  const c = libc();
  const flags = (options.block ? 0 : WNOHANG) | (options.stops ? WUNTRACED | WCONTINUED : 0);
  for (;;) {
    const got = c.waitpid(pid, statusBytes, flags);
    if (got === 0) return undefined;
    if (got < 0) {
      const error = failed('waitpid');
      if (error.code === 'EINTR') continue;
      throw error;
    }
    const status = statusOut[0]!;
    if ((status & 0x7f) === 0) return { kind: 'exited', pid: got, status: (status >> 8) & 0xff };
    if ((status & 0xffff) === 0xffff) return { kind: 'continued', pid: got };
    if ((status & 0xff) === 0x7f) return { kind: 'stopped', pid: got, signal: (status >> 8) & 0xff };
    return { kind: 'signaled', pid: got, signal: status & 0x7f, core: (status & 0x80) !== 0 };
  }
}

const SIG_DFL = 0;
const SIG_IGN = 1;

/** Ignores `signal` in this process until the returned function restores what was before. */
export function ignoreSignal(signal: number): () => void {
  const c = libc();
  const old = new Uint8Array(256);
  c.sigaction(signal, null, old);
  c.signal(signal, SIG_IGN);
  return () => {
    c.sigaction(signal, old, null);
  };
}

/** Sets a signal's disposition to ignore or default, for this process and what it starts. */
export function setDisposition(signal: number, to: 'ignore' | 'default'): void {
  libc().signal(signal, to === 'ignore' ? SIG_IGN : SIG_DFL);
}

/** Replaces this process by a program. Returns only by throwing. @throws SystemError */
export function execve(file: string, argv: readonly string[], env: readonly string[]): never {
  const c = libc();
  c.execve(cString(file), argvTable.write(argv), envTable.write(env));
  envWritten = undefined;
  throw failed('execve');
}

/** dup2 without close-on-exec, for a descriptor that an `execve` hands on. */
export function dup2(ours: number, target: number): void {
  const c = libc();
  if (ours === target) check(c.fcntl(ours, F_SETFD, 0), 'fcntl');
  else check(c.dup2(ours, target), 'dup2');
}

const FD_CLOEXEC = 1;

/** Marks every descriptor but 0, 1 and 2 close-on-exec: what this process was started with is none of its programs' business. */
export function keepDescriptors(): void {
  const c = libc();
  let names: string[] = [];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    // no /proc: Node has marked what it opened itself
  }
  for (const name of names) if (Number(name) > 2) c.fcntl(Number(name), F_SETFD, FD_CLOEXEC);
}

/** Makes a pipe take `bytes` before its writer has to wait, where the system lets us. */
export function enlargePipe(fd: number, bytes: number): void {
  libc().fcntl(fd, F_SETPIPE_SZ, bytes);
}

/** Where `struct timespec` is two numbers of 64 bits. */
const has64BitTimes = ['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch);
const [AT_FDCWD, AT_SYMLINK_NOFOLLOW] = [-100, 0x100];

/**
 * Sets the times of a file to the nanosecond; those are since the epoch. Does nothing where this C library's form of them is not
 * known, or what `utimes` has done cannot be done again.
 */
export function setTimes(file: number | string | Uint8Array, atimeNs: bigint, mtimeNs: bigint, follow: boolean): void {
  if (!has64BitTimes) return;
  const times = new BigInt64Array(4);
  [atimeNs, mtimeNs].forEach((ns, i) => {
    const rest = ((ns % billion) + billion) % billion;
    times[2 * i] = (ns - rest) / billion;
    times[2 * i + 1] = rest;
  });
  const spec = new Uint8Array(times.buffer);
  if (typeof file === 'number') libc().futimens?.(file, spec);
  else libc().utimensat?.(AT_FDCWD, cPath(file), spec, follow ? 0 : AT_SYMLINK_NOFOLLOW);
}
const billion = 1_000_000_000n;
const cPath = (path: string | Uint8Array): Buffer =>
  typeof path === 'string' ? cString(path) : Buffer.concat([path, Buffer.alloc(1)]);

/** Clears O_NONBLOCK. */
export function setBlocking(fd: number): void {
  const c = libc();
  const flags = c.fcntl(fd, F_GETFL, 0);
  if (flags >= 0) c.fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/** _exit(2): no destructor waits for a blocked thread. */
export function exitNow(status: number): never {
  libc().exit(status);
  throw new Error('unreachable');
}

/** True once some call has loaded the C library. */
export const libcLoaded = (): boolean => loaded !== undefined;

const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/** Gives the terminal to a process group (XCU 2.11), from the background too. */
export function giveTerminal(fd: number, group: number): void {
  const c = libc();
  const old = new Uint8Array(128);
  c.sigmask(SIG_BLOCK, signalSet([constants.signals.SIGTTOU]), old);
  try {
    check(c.tcsetpgrp(fd, group), 'tcsetpgrp');
  } catch (error) {
    // A terminal that has gone cannot be given: SIGHUP is on its way, and deals with it.
    if (!['EIO', 'ENXIO', 'ENOTTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    c.sigmask(SIG_SETMASK, old, null);
  }
}

/** The terminal's foreground process group. */
export const terminalGroup = (fd: number): number => check(libc().tcgetpgrp(fd), 'tcgetpgrp');
export const ownGroup = (): number => libc().getpgrp();
export const setGroup = (pid: number, group: number): void => {
  check(libc().setpgid(pid, group), 'setpgid');
};

/** Terminal modes, opaque. */
export function saveTerminal(fd: number): Uint8Array | undefined {
  const modes = new Uint8Array(256);
  return libc().tcgetattr(fd, modes) < 0 ? undefined : modes;
}

/** Restores modes after output has drained (TCSADRAIN). */
export function restoreTerminal(fd: number, modes: Uint8Array): void {
  const c = libc();
  const old = new Uint8Array(128);
  c.sigmask(SIG_BLOCK, signalSet([constants.signals.SIGTTOU]), old);
  c.tcsetattr(fd, 1, modes);
  c.sigmask(SIG_SETMASK, old, null);
}

/** Moves a file's offset back by `bytes`; false when the file cannot seek. */
export function unread(fd: number, bytes: number): boolean {
  return libc().lseek(fd, BigInt(-bytes), 1) >= 0;
}

/** lseek(2): `whence` 0 from the beginning, 1 from where it is, 2 from the end. @throws SystemError ESPIPE, EINVAL … */
export function seek(fd: number, offset: bigint, whence: 0 | 1 | 2): bigint {
  return BigInt(check(libc().lseek(fd, offset, whence), 'lseek'));
}

/** Resource limit `resource` (RLIMIT_* number): [soft, hard], -1n for none. */
export function getLimit(resource: number): [bigint, bigint] {
  const out = new BigInt64Array(2);
  check(libc().getrlimit(resource, new Uint8Array(out.buffer)), 'getrlimit');
  return [out[0]!, out[1]!];
}

const RUSAGE_CHILDREN = -1;

/** User and system time, in microseconds, of the children that were waited for, and of theirs. */
export function childrenTimes(): [user: number, system: number] {
  // Without the C library no child was started.
  if (loaded === undefined) return [0, 0];
  // struct rusage: two struct timeval, then 14 longs.
  const out = new BigInt64Array(18);
  check(loaded.getrusage(RUSAGE_CHILDREN, new Uint8Array(out.buffer)), 'getrusage');
  return [Number(out[0]! * 1_000_000n + out[1]!), Number(out[2]! * 1_000_000n + out[3]!)];
}

/** Sends a signal to a whole process group; false when there is none any more. */
export function killGroup(group: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}
