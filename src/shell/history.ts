/** The command history of an interactive session (XCU sh, Command History List), kept in a file that sessions share. */
import { appendFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Entries kept where HISTSIZE does not say: the standard wants 128 or more. */
const defaultLimit = 5000;

export interface History {
  /** Oldest first. */
  readonly entries: readonly string[];
  /** Number of the oldest entry: those that the limit pushed out keep theirs. */
  readonly first: number;
  /** How many entries are older than the command under way. */
  readonly before: number;
  /** Enters the command now under way, unless it is blank, starts with a space, or repeats the last. */
  add(command: string): void;
  /** Takes back the entry of the command under way, if it has one. */
  withdraw(): void;
}

const encode = (command: string): string => command.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const decode = (line: string): string => line.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));

/**
 * Opens the history kept in `file`, one command a line, newlines as `\n` escapes; it is appended to, so that sessions do not lose
 * each other's. A file that cannot be read or written, or none, makes a history of the session alone. `size`: the value of HISTSIZE.
 */
export function openHistory(file: string | undefined, size?: string): History {
  const limit = size !== undefined && /^\d+$/.test(size) ? Number(size) : defaultLimit;
  let entries = file === undefined ? [] : load(file, limit);
  let first = 1;
  let current = false;
  /** Length of the file before and behind the command under way. */
  let appended: readonly [from: number, to: number] | undefined;

  const append = (text: string): void => {
    if (file === undefined) return;
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      const line = Buffer.from(`${encode(text)}\n`);
      appendFileSync(file, line, { mode: 0o600 });
      const { size: end } = statSync(file);
      appended = [end - line.length, end];
    } catch {
      // kept for the session
    }
  };

  return {
    get entries() {
      return entries;
    },
    get first() {
      return first;
    },
    get before() {
      return entries.length - (current ? 1 : 0);
    },
    add(command) {
      const text = command.replace(/\n+$/, '');
      current = false;
      appended = undefined;
      if (limit === 0 || text.trim() === '' || text.startsWith(' ') || text === entries.at(-1)) return;
      entries.push(text);
      current = true;
      if (entries.length > limit) {
        first += entries.length - limit;
        entries = entries.slice(-limit);
      }
      append(text);
    },
    withdraw() {
      if (!current) return;
      current = false;
      entries.pop();
      if (file === undefined || appended === undefined) return;
      try {
        const [from, to] = appended;
        // What another session has written behind it stays.
        if (statSync(file).size === to) truncateSync(file, from);
      } catch {
        // it stays in the file
      }
    },
  };
}

function load(file: string, limit: number): string[] {
  try {
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const kept = limit === 0 ? [] : lines.slice(-limit);
    if (lines.length > 2 * defaultLimit)
      writeFileSync(file, `${lines.slice(-defaultLimit).join('\n')}\n`, { mode: 0o600 });
    return kept.map(decode);
  } catch {
    return []; // none yet
  }
}
