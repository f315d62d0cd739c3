/** The numbers of WASI preview 1 (`wasi_snapshot_preview1.witx`): errors, kinds of files, flags, rights. */

/** errno by the C library's name for it, without its E; its place is its number. */
const errnoNames =
  'SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD CONNABORTED CONNREFUSED CONNRESET DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR NOTEMPTY NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY XDEV NOTCAPABLE'.split(
    ' ',
  );
const errnos = new Map(errnoNames.map((name, number) => [`E${name}`, number]));
/** Names that WASI has under another, or has none for. */
const others: Readonly<Record<string, string>> = {
  EOPNOTSUPP: 'ENOTSUP',
  EWOULDBLOCK: 'EAGAIN',
  EHOSTDOWN: 'EHOSTUNREACH',
  EREMOTEIO: 'EIO',
};

/** A call that fails; `code` is the errno's name. */
export class WasiError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** What a program is told of an error: its errno. @throws `error` when it is a bug or the end of the program */
export function errnoOf(error: unknown): number {
  const { code } = error as { code?: unknown };
  // A pointer beyond the program's memory.
  if (error instanceof RangeError && code === undefined) return errnos.get('EFAULT')!;
  if (typeof code !== 'string') throw error;
  const known = errnos.get(others[code] ?? code);
  if (known !== undefined) return known;
  // Node's own check of an argument, such as a NUL in a path; an errno of the host that WASI has no name for.
  if (code.startsWith('ERR_')) return errnos.get('EINVAL')!;
  if (/^E[A-Z0-9]+$/.test(code)) return errnos.get('EIO')!;
  throw error;
}

export const filetype = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  socketDgram: 5,
  socketStream: 6,
  symbolicLink: 7,
} as const;
export type Filetype = (typeof filetype)[keyof typeof filetype];

export const fdflag = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
export const oflag = { creat: 1, directory: 2, excl: 4, trunc: 8 } as const;
export const fstflag = { atim: 1, atimNow: 2, mtim: 4, mtimNow: 8 } as const;
/** Flag of a look-up: the last component is followed when it is a symbolic link. */
export const symlinkFollow = 1;

const rightNames =
  'fdDatasync fdRead fdSeek fdFdstatSetFlags fdSync fdTell fdWrite fdAdvise fdAllocate pathCreateDirectory pathCreateFile pathLinkSource pathLinkTarget pathOpen fdReaddir pathReadlink pathRenameSource pathRenameTarget pathFilestatGet pathFilestatSetSize pathFilestatSetTimes fdFilestatGet fdFilestatSetSize fdFilestatSetTimes pathSymlink pathRemoveDirectory pathUnlinkFile pollFdReadwrite sockShutdown sockAccept'.split(
    ' ',
  );
/** Rights by name, each a bit. */
export const right = Object.fromEntries(rightNames.map((name, bit) => [name, 1n << BigInt(bit)])) as Readonly<
  Record<string, bigint>
>;
const of = (pattern: RegExp): bigint =>
  rightNames.reduce((sum, name) => (pattern.test(name) ? sum | right[name]! : sum), 0n);

/** What can be done to each kind of file at all. */
export const allRights = (1n << BigInt(rightNames.length)) - 1n;
export const fileRights = of(/^fd(?!Readdir)|^poll/);
export const directoryRights = of(/^path|^fd(Fdstat|Sync|Advise|Readdir|Filestat(Get|SetTimes))/);
/** A terminal, and what else has no position: that a program may not seek is how it knows a terminal. */
export const streamRights = of(/^fd(Read|Write|FdstatSetFlags|FilestatGet)$|^poll/);

/** What a descriptor opened for reading, for writing is asked for. */
export const readingRights = right.fdRead! | right.fdReaddir!;
export const writingRights = right.fdWrite! | right.fdDatasync! | right.fdAllocate! | right.fdFilestatSetSize!;

/** Signals by number. */
export const signals: readonly (NodeJS.Signals | undefined)[] = [
  undefined,
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
];
