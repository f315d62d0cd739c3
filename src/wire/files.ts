/**
 * Files between runtimes, and between a program and its runtime: POSIX's calls as requests to the machine that has the file.
 *
 * The bytes of a read or a write are not part of the JSON where the carrier can take them beside it (the system-call channel);
 * in a control message they are base64 in `data`. Between runtimes a path is an absolute path of the recipient's host; between a
 * program and its runtime it is a namespace path. File names that are not UTF-8 are text as in `bytes.ts`.
 *
 * A handle is an open file description of the recipient: it keeps its file when that is unlinked or renamed. It belongs to an
 * agent and is closed when the agent or its session ends or the machine that asked is lost.
 */
import type { AgentId, SessionId } from './ids.js';
import type { RoutedEdge } from './messages.js';

/** A file as `stat` gives it. What may need more than 53 bits is decimal text; `…Ns` are nanoseconds since the epoch. */
export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket';
  readonly size: number;
  /** Permission bits, with set-user-id, set-group-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly dev: string;
  readonly ino: string;
  readonly rdev: string;
  readonly blksize: number;
  readonly blocks: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
  readonly atimeNs: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly birthtimeNs: string;
}

/** One entry of a directory; `ino` where it was asked for, decimal. */
export interface FileEntry {
  readonly name: string;
  readonly kind: FileStat['kind'];
  readonly ino?: string;
}

/** Names of `<fcntl.h>`: their numbers are each machine's own. One of the first three, O_RDONLY when none is there. */
export const openFlags = [
  'O_RDONLY',
  'O_WRONLY',
  'O_RDWR',
  'O_APPEND',
  'O_CREAT',
  'O_DIRECTORY',
  'O_DSYNC',
  'O_EXCL',
  'O_NOATIME',
  'O_NOFOLLOW',
  'O_SYNC',
  'O_TRUNC',
] as const;
export type OpenFlag = (typeof openFlags)[number];

/** The agent that a handle is opened for. A runtime fills it in for its programs. */
export interface FileOwner {
  readonly session: SessionId;
  readonly agent: AgentId;
}

/** What has a path or, already open, a handle. */
export type FileTarget =
  | { readonly path: string; readonly handle?: never }
  | { readonly handle: number; readonly path?: never };

/** `session`: for whom; a runtime fills it in for its programs, and a session that asks for itself need not. */
export type FileRequest = FileCall & { readonly session?: SessionId };

/** Modes are as they are to be: whoever asks has applied its file creation mask. */
type FileCall =
  // open files
  | {
      readonly type: 'file.open';
      readonly path: string;
      readonly flags: readonly OpenFlag[];
      readonly mode: number;
      readonly owner?: FileOwner;
    }
  | { readonly type: 'file.close'; readonly handle: number }
  /** With a path: opened for this alone. Without `offset`: where the handle stands. No bytes: the end of the file. */
  | ({ readonly type: 'file.read'; readonly offset?: number; readonly length: number } & FileTarget)
  /** Without `offset`: where the handle stands, or the end of the file with O_APPEND. */
  | { readonly type: 'file.write'; readonly handle: number; readonly offset?: number; readonly data?: string }
  /** Between a program and its runtime alone. */
  | {
      readonly type: 'file.seek';
      readonly handle: number;
      readonly offset: number;
      readonly whence: 'set' | 'current' | 'end';
    }
  | { readonly type: 'file.sync'; readonly handle: number; readonly dataOnly: boolean }
  /** Opens, writes all bytes and closes. */
  | {
      readonly type: 'file.save';
      readonly path: string;
      readonly flags: readonly OpenFlag[];
      readonly mode: number;
      readonly data?: string;
    }
  // what is known of a file, and its change
  | ({ readonly type: 'file.stat'; readonly follow: boolean } & FileTarget)
  /** `mode`: the sum of R_OK 4, W_OK 2, X_OK 1; 0: that it is there. */
  | { readonly type: 'file.access'; readonly path: string; readonly mode: number }
  | ({ readonly type: 'file.chmod'; readonly mode: number; readonly follow: boolean } & FileTarget)
  /** -1 leaves an id as it is. */
  | ({ readonly type: 'file.chown'; readonly uid: number; readonly gid: number; readonly follow: boolean } & FileTarget)
  /** Seconds since the epoch. */
  | ({
      readonly type: 'file.utimes';
      readonly atime: number;
      readonly mtime: number;
      /** The same to the nanosecond, as decimal text, where whoever asks knows. */
      readonly exact?: readonly [atimeNs: string, mtimeNs: string];
      readonly follow: boolean;
    } & FileTarget)
  | ({ readonly type: 'file.truncate'; readonly size: number } & FileTarget)
  | { readonly type: 'file.statfs'; readonly path: string }
  // names
  /** `inodes`: with each entry's serial number. */
  | { readonly type: 'file.list'; readonly path: string; readonly inodes?: boolean }
  /** Recursive: makes what is missing of the path, and answers with the first directory made, if any. */
  | { readonly type: 'file.mkdir'; readonly path: string; readonly mode: number; readonly recursive: boolean }
  /** Makes a directory of a new name that begins with `path`, and answers with it. */
  | { readonly type: 'file.mkdtemp'; readonly path: string }
  /** `recursive`: whatever it is, with all that is below it. */
  | { readonly type: 'file.remove'; readonly path: string; readonly directory: boolean; readonly recursive: boolean }
  | { readonly type: 'file.rename'; readonly path: string; readonly to: string }
  | { readonly type: 'file.link'; readonly path: string; readonly to: string }
  | { readonly type: 'file.symlink'; readonly path: string; readonly target: string }
  | { readonly type: 'file.readlink'; readonly path: string }
  | { readonly type: 'file.realpath'; readonly path: string }
  /** Content and mode of a regular file, copied where it is. */
  | { readonly type: 'file.copy'; readonly path: string; readonly to: string; readonly exclusive: boolean }
  // changes, as they happen
  /** Answers with a handle; until it is closed, `file.event`s come. */
  | { readonly type: 'file.watch'; readonly path: string; readonly recursive: boolean; readonly owner?: FileOwner }
  // large files, in sequence
  /** Sends the file from `offset` on over `edge`, or writes there what comes over it. */
  | {
      readonly type: 'file.stream';
      readonly handle: number;
      readonly offset: number;
      readonly direction: 'read' | 'write';
      readonly edge: RoutedEdge;
    }
  /**
   * A JavaScript module as it is loaded elsewhere, made once where it is: answered with a handle of it. `key` says which text, and
   * for which Node.js; ENOENT when that is another's, or the module needs no change.
   */
  | {
      readonly type: 'file.module';
      readonly path: string;
      readonly extension: string;
      readonly declared?: 'commonjs' | 'module';
      readonly key: string;
      readonly owner?: FileOwner;
    }
  /** Answers once all that came over the handle's stream is written. */
  | { readonly type: 'file.settle'; readonly handle: number }
  /** Closes all handles of an agent that has ended. */
  | { readonly type: 'file.release'; readonly owner: FileOwner };

export type FileReply =
  | { readonly type: 'ok' }
  | {
      readonly type: 'file.opened';
      readonly handle: number;
      readonly kind: FileStat['kind'];
      /** The same for every handle of one file. */
      readonly file?: string;
    }
  | { readonly type: 'file.data'; readonly data?: string; readonly eof: boolean }
  /** `size`: bytes written. `position`: where they end, when that was the handle's affair. */
  | { readonly type: 'file.written'; readonly size: number; readonly position?: number }
  | { readonly type: 'file.position'; readonly position: number }
  | { readonly type: 'file.stat.reply'; readonly stat: FileStat }
  | {
      readonly type: 'file.statfs.reply';
      /** Numbers of `statvfs`, as decimal text. */
      readonly statfs: Readonly<Record<'type' | 'bsize' | 'blocks' | 'bfree' | 'bavail' | 'files' | 'ffree', string>>;
    }
  | {
      readonly type: 'file.entries';
      readonly entries: readonly FileEntry[];
    }
  /** A path, or the text of a symbolic link; absent when a recursive mkdir made nothing. */
  | { readonly type: 'file.path'; readonly path?: string };

/** Something under a watched path has changed. From the provider to the runtime that asked, and from that to the program. */
export interface FileEvent {
  readonly type: 'file.event';
  readonly handle: number;
  readonly owner: FileOwner;
  readonly event: 'rename' | 'change' | 'error';
  /** Below the watched path; absent when the watched path itself is meant. */
  readonly name?: string;
  /** With `error`: errno's name. */
  readonly code?: string;
}

/** Bytes of one read or write, at most: in base64 it must fit every broker's limits. */
export const fileChunk = 256 << 10;

const requestTypes: ReadonlySet<string> = new Set<FileRequest['type']>([
  'file.open',
  'file.close',
  'file.read',
  'file.write',
  'file.seek',
  'file.sync',
  'file.save',
  'file.stat',
  'file.access',
  'file.chmod',
  'file.chown',
  'file.utimes',
  'file.truncate',
  'file.statfs',
  'file.list',
  'file.mkdir',
  'file.mkdtemp',
  'file.remove',
  'file.rename',
  'file.link',
  'file.symlink',
  'file.readlink',
  'file.realpath',
  'file.copy',
  'file.watch',
  'file.stream',
  'file.module',
  'file.settle',
  'file.release',
]);

/** True for what a file service answers. */
export const isFileRequest = (body: { readonly type: string }): body is FileRequest => requestTypes.has(body.type);

/** What Node's `Stats` and `Dirent` have in common. */
interface Typed {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isCharacterDevice(): boolean;
  isBlockDevice(): boolean;
  isFIFO(): boolean;
}

/** What a file of the host is. */
export function kindOf(s: Typed): FileStat['kind'] {
  if (s.isFile()) return 'file';
  if (s.isDirectory()) return 'directory';
  if (s.isSymbolicLink()) return 'symlink';
  if (s.isCharacterDevice()) return 'character';
  if (s.isBlockDevice()) return 'block';
  return s.isFIFO() ? 'fifo' : 'socket';
}
