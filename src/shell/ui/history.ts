/** The history file: one command a line, newlines as `\n` escapes; appended to, so that sessions do not lose each other's. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Entries kept in memory and, after a start finds more, in the file. */
const limit = 5000;

export interface History {
  /** Oldest first. */
  readonly entries: readonly string[];
  /** Adds a command unless it is blank, starts with a space, or repeats the last. */
  add(command: string): void;
}

const encode = (command: string): string => command.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const decode = (line: string): string => line.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));

/** Opens the history kept in `file`; a file that cannot be read or written makes a history of this session alone. */
export function openHistory(file: string): History {
  let entries: string[] = [];
  try {
    entries = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(decode);
    if (entries.length > 2 * limit) {
      entries = entries.slice(-limit);
      writeFileSync(file, `${entries.map(encode).join('\n')}\n`, { mode: 0o600 });
    }
  } catch {
    // none yet
  }
  return {
    get entries() {
      return entries;
    },
    add(command) {
      const text = command.replace(/\n+$/, '');
      if (text.trim() === '' || text.startsWith(' ') || text === entries.at(-1)) return;
      entries.push(text);
      if (entries.length > limit) entries = entries.slice(-limit);
      try {
        mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
        appendFileSync(file, `${encode(text)}\n`, { mode: 0o600 });
      } catch {
        // kept for this session
      }
    },
  };
}
