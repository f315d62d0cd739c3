/** A text as a sequence of complete commands (XCU 2.10.2 complete_command), each parsed when the one before it has run. */
import type { ListItem, Program, Span, Word } from './ast.js';
import { parseTokens } from './parser.js';
import { type Aliases, Scanner } from './scanner.js';
import type { ShellToken } from './tokens.js';

export type { Aliases };

export interface ParseOptions {
  readonly aliases?: Aliases;
  /** Number of the first line; 1 by default. */
  readonly line?: number;
  /** More text may follow: a here-document without its delimiter and a line continuation at the end are then incomplete. */
  readonly partial?: boolean;
}

export interface Reader {
  /** The next complete command; undefined at the end of the text. @throws ShellSyntaxError */
  next(): Program | undefined;
  /** UTF-16 offset behind the last command read. */
  readonly offset: number;
  /** The 1-based line there. */
  readonly line: number;
}

/** NUL is no character of a program, and is left out, as dash and others do. */
const scannerOf = (text: string, options: ParseOptions): Scanner =>
  new Scanner(
    text.includes('\0') ? text.replaceAll('\0', '') : text,
    parseTokens,
    options.aliases,
    options.line ?? 1,
    options.partial ?? false,
  );

/** Reads `text` from its start, each character once. */
export function createReader(text: string, options: ParseOptions = {}): Reader {
  const scanner = scannerOf(text, options);
  return {
    next: () => scanner.nextProgram(),
    get offset() {
      return scanner.offset;
    },
    get line() {
      return scanner.line;
    },
  };
}

/** Parses a whole text. @throws ShellSyntaxError */
export function parse(source: string, options: ParseOptions = {}): Program {
  const scanner = scannerOf(source, options);
  const items: ListItem[] = [];
  for (let part = scanner.nextProgram(); part !== undefined; part = scanner.nextProgram())
    for (const item of part.body.items) items.push(item);
  const span: Span = { start: 0, end: source.length, line: options.line ?? 1 };
  return { kind: 'program', body: { kind: 'list', items, span }, span };
}

/** A text in which there are only expansions, as a prompt is. @throws ShellSyntaxError */
export const parseText = (text: string): Word => scannerOf(text, {}).text();

/** Splits a text into the tokens of its complete commands. @throws ShellSyntaxError */
export function scan(text: string, options: ParseOptions = {}): ShellToken[] {
  const scanner = scannerOf(text, options);
  const tokens: ShellToken[] = [];
  for (let part = scanner.nextTokens(); part !== undefined; part = scanner.nextTokens())
    for (const token of part) tokens.push(token);
  return tokens;
}
