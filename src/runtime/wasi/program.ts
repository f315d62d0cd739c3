/** What the calls of one program share. */
import type { GuestMemory } from './memory.js';
import type { Files, Listed, Table } from './table.js';
import type { FileTimes } from './times.js';

export interface Program {
  readonly memory: GuestMemory;
  readonly table: Table;
  readonly files: Files;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  /** The entries of a directory, without `.` and `..`. */
  list(path: string): readonly Listed[];
  /** Sets the times of a descriptor of {@link Files} or of a path, to the nanosecond. */
  setTimes(target: number | string, times: FileTimes, follow: boolean): void;
  /** Of these descriptors of {@link Files}, devices of the cluster; the others are the host's. */
  isDevice(fd: number): boolean;
  /** Which of some devices can be read without waiting, at the latest after `timeoutMs`. */
  waitForDevices(fds: readonly number[], timeoutMs: number): readonly boolean[];
}

// biome-ignore lint/suspicious/noExplicitAny: the engine converts each argument as the module declares it
export type Call = (...args: any[]) => void;
/** Imports by name; each is a success unless it throws what {@link errnoOf} knows. */
export type Calls = Readonly<Record<string, Call>>;
