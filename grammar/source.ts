/** A text with a reading position: characters, line numbers, line continuations, errors. The word and token scanners read from it. */
import { ShellSyntaxError, type Span } from './ast.js';

export const isNameStart = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 95;
export const isDigit = (c: number): boolean => c >= 48 && c <= 57;
export const isNamePart = (c: number): boolean => isNameStart(c) || isDigit(c);

/** By character code, of ASCII: whether it is one of these. */
export const characterTable = (characters: string): readonly boolean[] =>
  Array.from({ length: 128 }, (_, c) => characters.includes(String.fromCharCode(c)));

const namePart: readonly boolean[] = Array.from({ length: 128 }, (_, c) => isNamePart(c));

/** A name (XBD 3.216). */
export const isName = (text: string): boolean => {
  if (!isNameStart(text.charCodeAt(0))) return false;
  for (let i = 1; i < text.length; i++) if (namePart[text.charCodeAt(i)] !== true) return false;
  return true;
};

const wordEnd = characterTable(' \t\n|&;<>()');
/** Characters that end an unquoted word: blanks, newline, operators (XCU 2.3). */
export const endsWord = (c: number): boolean => c < 128 && wordEnd[c] === true;

export class SourceReader {
  protected pos = 0;
  /** The newlines before `lineFrom` have been counted; `newline` is the first one not before it. */
  private lineFrom = 0;
  private newline: number;

  constructor(
    protected source: string,
    private lineNumber: number,
  ) {
    this.newline = this.newlineFrom(0);
  }

  private newlineFrom(offset: number): number {
    const at = this.source.indexOf('\n', offset);
    return at < 0 ? Number.POSITIVE_INFINITY : at;
  }

  /** The 1-based line of an offset. Offsets ascend, but for errors and closing constructs. */
  protected lineAt(offset: number): number {
    while (this.newline < offset) {
      this.lineNumber += 1;
      this.newline = this.newlineFrom(this.newline + 1);
    }
    for (let i = this.lineFrom - 1; i >= offset; i--)
      if (this.source.charCodeAt(i) === 10) {
        this.lineNumber -= 1;
        this.newline = i;
      }
    this.lineFrom = offset;
    return this.lineNumber;
  }

  /** Puts another text in place of `[from, pos)` and reads on at its start; lines go on being those of the text around it. */
  protected splice(from: number, text: string): void {
    this.lineAt(from);
    this.source = this.source.slice(0, from) + text + this.source.slice(this.pos);
    this.pos = from;
    this.newline = this.newlineFrom(from);
  }
  /** Takes back the lines of a spliced text that has been read. */
  protected forgetLines(count: number): void {
    this.lineAt(this.pos);
    this.lineNumber -= count;
  }

  /** All that reading on changes, for a second attempt from here. */
  protected mark(): () => void {
    const { source, pos, lineFrom, newline, lineNumber } = this;
    return () => {
      this.source = source;
      this.pos = pos;
      this.lineFrom = lineFrom;
      this.newline = newline;
      this.lineNumber = lineNumber;
    };
  }

  protected span(start: number, line: number): Span {
    return { start, end: this.pos, line };
  }

  protected fail(message: string, at = this.pos): never {
    throw new ShellSyntaxError(message, this.lineAt(Math.min(at, this.source.length)), at, false);
  }
  /** More text could mend it. */
  protected incomplete(message: string, delimiter?: string): never {
    throw new ShellSyntaxError(message, this.lineAt(this.source.length), this.source.length, true, delimiter);
  }

  /** Skips backslash-newline pairs: they are no characters at all (XCU 2.2.1). */
  protected skipContinuations(): void {
    while (this.source.charCodeAt(this.pos) === 92 && this.source.charCodeAt(this.pos + 1) === 10) this.pos += 2;
  }
  /** The character at the current position, past line continuations; NaN at the end. */
  protected current(): number {
    const c = this.source.charCodeAt(this.pos);
    if (c !== 92) return c;
    this.skipContinuations();
    return this.source.charCodeAt(this.pos);
  }
  /** The character after the current one, past line continuations. */
  protected following(): number {
    const { pos } = this;
    this.pos += 1;
    const c = this.current();
    this.pos = pos;
    return c;
  }
  /** Skips blanks and line continuations. */
  protected skipInline(): void {
    for (;;) {
      const c = this.source.charCodeAt(this.pos);
      if (c === 32 || c === 9) this.pos += 1;
      else if (c === 92 && this.source.charCodeAt(this.pos + 1) === 10) this.pos += 2;
      else return;
    }
  }
}
