/**
 * Words (XCU 2.2 quoting, 2.6 expansions): source text to word parts. The token scanner extends this; a command
 * substitution's text is tokens again, so it is read by `commandSubstitution`, which the token scanner provides.
 */
import { type ParameterOperator, type Program, ShellSyntaxError, type Word, type WordPart } from './ast.js';
import { readDollarQuoted } from './dollar-quote.js';
import { characterTable, endsWord, isDigit, isNamePart, isNameStart, SourceReader } from './source.js';

/** Where a word ends and what `'` and `"` mean inside it. */
type Mode =
  /** An ordinary word: ends at a blank, newline or operator character. */
  | 'word'
  /** Inside `"…"`. */
  | 'double'
  /** Inside `${x-…}` outside double quotes: ends at `}`. */
  | 'braces'
  /** Inside `${x-…}` within double quotes: `'` is an ordinary character (XCU 2.2.3). */
  | 'braces-double'
  /** A here-document body: `"` and `'` are ordinary characters (XCU 2.7.4). */
  | 'here';

/** Characters a run of plain text stops at in each mode. */
const stops: Readonly<Record<Mode, readonly boolean[]>> = {
  word: characterTable(' \t\n|&;<>()\\\'"$`'),
  double: characterTable('\\"$`'),
  braces: characterTable('\\\'"$`}'),
  'braces-double': characterTable('\\"$`}'),
  here: characterTable('\\$`'),
};
const assignedStop = characterTable(' \t\n|&;<>()\\\'"$`:');
/** What a backslash quotes where it does not quote everything (XCU 2.2.3, 2.7.4). */
const quotable: Readonly<Record<'double' | 'braces-double' | 'here', string>> = {
  double: '$`"\\',
  'braces-double': '$`"\\}',
  here: '$`\\',
};

const specialParameters = '@*#?-$!';

/** Collects parts, merging neighbouring literals. */
class PartList {
  readonly parts: WordPart[] = [];
  private text = '';

  literal(text: string): void {
    this.text = this.text === '' ? text : this.text + text;
  }
  push(part: WordPart): void {
    this.flush();
    this.parts.push(part);
  }
  private flush(): void {
    if (this.text === '') return;
    this.parts.push({ kind: 'literal', text: this.text });
    this.text = '';
  }
  finish(): WordPart[] {
    this.flush();
    return this.parts;
  }
}

export abstract class WordScanner extends SourceReader {
  /** Reads the tokens of `$(…)` up to its `)`, which it consumes. */
  protected abstract commandSubstitution(): Program;
  /** The program inside backquotes, its own backslashes removed. */
  protected abstract backquoted(text: string, line: number): Program;

  /** Reads a word. */
  protected word(): Word {
    const start = this.pos;
    const text = this.run(stops.word);
    const c = this.source.charCodeAt(this.pos);
    // Most words are plain text from end to end.
    if (text !== '' && (Number.isNaN(c) || endsWord(c)) && text.charCodeAt(0) !== 126)
      return { kind: 'word', parts: [{ kind: 'literal', text }], span: this.span(start, this.lineAt(start)) };
    this.pos = start;
    return this.wordFrom(start, new PartList(), false);
  }

  /** The text up to the next character of a table, consumed. */
  private run(stop: readonly boolean[]): string {
    const { source, pos } = this;
    let at = pos;
    let c = source.charCodeAt(at);
    while (c < 128 ? stop[c] !== true : !Number.isNaN(c)) c = source.charCodeAt(++at);
    this.pos = at;
    return at === pos ? '' : source.slice(pos, at);
  }
  /** Reads an assignment's value: a tilde-prefix may follow each unquoted colon too (XCU 2.6.1). */
  protected assignedWord(): Word {
    return this.wordFrom(this.pos, new PartList(), true);
  }
  /** Reads `NAME=value` as one word, `name` being read already: an argument of a declaration utility (XCU 2.9.1.1). */
  protected declarationWord(start: number, name: string): Word {
    const list = new PartList();
    list.literal(`${name}=`);
    return this.wordFrom(start, list, true);
  }

  private wordFrom(start: number, list: PartList, assigned: boolean): Word {
    const line = this.lineAt(start);
    this.parts(list, 'word', assigned);
    return { kind: 'word', parts: list.finish(), span: this.span(start, line) };
  }

  /** The whole text as the body of a here-document. */
  protected hereBody(quoted: boolean): Word {
    const list = new PartList();
    if (!quoted) this.parts(list, 'here', false);
    else if (this.source !== '') list.push({ kind: 'quoted', text: this.source, by: "'" });
    this.pos = this.source.length;
    return { kind: 'word', parts: list.finish(), span: this.span(0, this.lineAt(0)) };
  }

  /** `NAME=` at the current position: the name, the `=` consumed; undefined, nothing consumed, when there is none. */
  protected assignmentName(): string | undefined {
    const { source, pos } = this;
    let at = pos;
    if (!isNameStart(source.charCodeAt(at))) return undefined;
    do at += 1;
    while (isNamePart(source.charCodeAt(at)));
    const c = source.charCodeAt(at);
    if (c === 61) {
      this.pos = at + 1;
      return source.slice(pos, at);
    }
    if (c !== 92 || source.charCodeAt(at + 1) !== 10) return undefined;
    // A line continuation within the name.
    const name = this.name();
    if (this.current() === 61) {
      this.pos += 1;
      return name;
    }
    this.pos = pos;
    return undefined;
  }

  /** The name at the current position, line continuations inside and behind it skipped. */
  private name(): string {
    const { source } = this;
    let name = '';
    for (;;) {
      const start = this.pos;
      let at = start;
      while (isNamePart(source.charCodeAt(at))) at += 1;
      name += source.slice(start, at);
      this.pos = at;
      this.skipContinuations();
      if (this.pos === at || !isNamePart(source.charCodeAt(this.pos))) return name;
    }
  }

  /** Reads parts until the mode's end, which it does not consume. `assigned`: the value of an assignment. */
  private parts(list: PartList, mode: Mode, assigned: boolean): void {
    const quoted = mode === 'double' || mode === 'braces-double' || mode === 'here';
    const stop = assigned ? assignedStop : stops[mode];
    if (!quoted) this.tilde(list, mode, assigned);
    for (;;) {
      const text = this.run(stop);
      if (text !== '') list.literal(text);
      const c = this.source.charCodeAt(this.pos);
      if (Number.isNaN(c)) {
        if (mode === 'double') this.incomplete("unterminated quoted string, expected '\"'");
        if (mode === 'braces' || mode === 'braces-double') this.incomplete("unexpected end of file, expected '}'");
        return;
      }
      switch (c) {
        case 92: // backslash
          this.backslash(list, mode);
          break;
        case 39: // '
          this.singleQuoted(list);
          break;
        case 34: // " (within "${…}" it quotes as well: a `}` inside it ends nothing)
          if (mode === 'double') return;
          this.doubleQuoted(list);
          break;
        case 36: // $
          this.dollar(list, quoted);
          break;
        case 96: // `
          this.backquotes(list, quoted);
          break;
        case 58: // : in an assignment's value
          list.literal(':');
          this.pos += 1;
          this.tilde(list, mode, true);
          break;
        default: // the end of a word or of braces
          return;
      }
    }
  }

  /** A tilde-prefix at the current position (XCU 2.6.1): unquoted up to a slash, the word's end, or in assignments a colon. */
  private tilde(list: PartList, mode: Mode, assigned: boolean): void {
    const { source } = this;
    if (source.charCodeAt(this.pos) !== 126) return;
    const start = this.pos + 1;
    for (let at = start; ; at += 1) {
      const c = source.charCodeAt(at);
      if (c === 92 || c === 39 || c === 34 || c === 36 || c === 96) return; // quoted, or no literal text
      if (c === 47 || (c === 58 && assigned) || Number.isNaN(c) || (mode === 'word' ? endsWord(c) : c === 125)) {
        list.push({ kind: 'tilde', user: source.slice(start, at) });
        this.pos = at;
        return;
      }
    }
  }

  private backslash(list: PartList, mode: Mode): void {
    const next = this.source[this.pos + 1];
    if (next === '\n') this.pos += 2;
    else if (next === undefined) {
      // Nothing to quote: it stands for itself.
      list.push({ kind: 'quoted', text: '\\', by: '\\' });
      this.pos += 1;
    } else if (mode === 'word' || mode === 'braces' || quotable[mode].includes(next)) {
      const text = String.fromCodePoint(this.source.codePointAt(this.pos + 1)!);
      list.push({ kind: 'quoted', text, by: '\\' });
      this.pos += 1 + text.length;
    } else {
      list.literal('\\');
      this.pos += 1;
    }
  }

  private singleQuoted(list: PartList): void {
    const end = this.source.indexOf("'", this.pos + 1);
    if (end < 0) this.incomplete('unterminated quoted string, expected "\'"');
    list.push({ kind: 'quoted', text: this.source.slice(this.pos + 1, end), by: "'" });
    this.pos = end + 1;
  }

  private doubleQuoted(list: PartList): void {
    this.pos += 1;
    const text = this.run(stops.double);
    if (this.source.charCodeAt(this.pos) === 34) {
      this.pos += 1;
      list.push({ kind: 'double-quoted', parts: text === '' ? [] : [{ kind: 'literal', text }] });
      return;
    }
    const inner = new PartList();
    if (text !== '') inner.literal(text);
    this.parts(inner, 'double', false);
    this.pos += 1;
    list.push({ kind: 'double-quoted', parts: inner.finish() });
  }

  /** What a `$` starts (XCU 2.6); a literal `$` when nothing. */
  private dollar(list: PartList, quoted: boolean): void {
    const start = this.pos;
    const line = this.lineAt(start);
    this.pos += 1;
    const next = this.current();
    if (next === 40) {
      this.pos += 1;
      if (this.current() === 40) {
        const expression = this.arithmetic();
        if (expression !== undefined) {
          list.push({ kind: 'arithmetic', expression, span: this.span(start, line) });
          return;
        }
      }
      const program = this.commandSubstitution();
      list.push({ kind: 'command', program, backquoted: false, span: this.span(start, line) });
      return;
    }
    if (next === 123) {
      this.pos += 1;
      this.braced(list, start, line, quoted);
      return;
    }
    if (next === 39 && !quoted) {
      const found = readDollarQuoted(this.source, this.pos + 1);
      if (found === undefined) this.incomplete('unterminated quoted string, expected "\'"');
      this.pos = found.end;
      list.push({ kind: 'quoted', text: found.text, by: "$'" });
      return;
    }
    const name = this.parameterName(false);
    if (name === undefined) list.literal('$');
    else
      list.push({
        kind: 'parameter',
        name,
        length: false,
        operator: undefined,
        operand: undefined,
        braces: false,
        span: this.span(start, line),
      });
  }

  /** A parameter's name at the current position; without braces a positional parameter is one digit (XCU 2.6.2). */
  private parameterName(braces: boolean): string | undefined {
    const { source } = this;
    const c = source.charCodeAt(this.pos);
    if (isNameStart(c)) {
      const start = this.pos;
      let at = start + 1;
      while (isNamePart(source.charCodeAt(at))) at += 1;
      if (source.charCodeAt(at) === 92) return this.name();
      this.pos = at;
      return source.slice(start, at);
    }
    if (isDigit(c) && braces) return this.name().replace(/^0+(?=\d)/, '');
    if (!isDigit(c) && !specialParameters.includes(source[this.pos] ?? ' ')) return undefined;
    this.pos += 1;
    return source[this.pos - 1];
  }

  /** `${…}`, the brace already consumed. */
  private braced(list: PartList, start: number, line: number, quoted: boolean): void {
    const body = this.pos;
    const first = this.current();
    // `${#x}` is a length; `${#}`, `${#-…}`, `${#?…}` … are about the parameter `#`.
    let length = false;
    if (first === 35) {
      const hash = this.pos;
      this.pos += 1;
      const c = this.current();
      length = isNamePart(c) || (specialParameters.includes(String.fromCharCode(c)) && this.following() === 125);
      if (!length) this.pos = hash;
    }
    const name = this.parameterName(true);
    const after = this.current();
    if (name === undefined || (isDigit(name.charCodeAt(0)) && !/^\d+$/.test(name))) {
      this.badSubstitution(list, body, start, line, quoted);
      return;
    }
    if (after === 125) {
      this.pos += 1;
      list.push({
        kind: 'parameter',
        name,
        length,
        operator: undefined,
        operand: undefined,
        braces: true,
        span: this.span(start, line),
      });
      return;
    }
    const operator = length ? undefined : this.parameterOperator(after);
    if (operator === undefined) {
      this.badSubstitution(list, body, start, line, quoted);
      return;
    }
    const operandStart = this.pos;
    const operandLine = this.lineAt(operandStart);
    const inner = new PartList();
    // The pattern of # and % is quoted on its own, even within double quotes (XCU 2.6.2).
    this.parts(inner, quoted && after !== 35 && after !== 37 ? 'braces-double' : 'braces', false);
    const operand: Word = { kind: 'word', parts: inner.finish(), span: this.span(operandStart, operandLine) };
    this.pos += 1;
    list.push({
      kind: 'parameter',
      name,
      length: false,
      operator,
      operand,
      braces: true,
      span: this.span(start, line),
    });
  }

  /** The operator that starts with `first` at the current position, consumed. */
  private parameterOperator(first: number): ParameterOperator | undefined {
    const { pos } = this;
    const character = String.fromCharCode(first);
    const next = this.following();
    this.pos += 1;
    if (first === 35 || first === 37) {
      if (next !== first) return character as '#' | '%';
      this.current();
      this.pos += 1;
      return `${character}${character}` as '##' | '%%';
    }
    if ('-=?+'.includes(character)) return character as '-' | '=' | '?' | '+';
    if (first === 58 && '-=?+'.includes(String.fromCharCode(next))) {
      this.current();
      this.pos += 1;
      return `:${String.fromCharCode(next)}` as ':-';
    }
    this.pos = pos;
    return undefined;
  }

  /**
   * Braces that hold no expansion POSIX knows, as in `${x/a/b}`: an error, but only once it is expanded, as in dash and bash, so
   * that a script may keep another shell's syntax where it does not come by.
   */
  private badSubstitution(list: PartList, body: number, start: number, line: number, quoted: boolean): void {
    const before = this.source.length - body;
    this.pos = body;
    this.parts(new PartList(), quoted ? 'braces-double' : 'braces', false);
    const from = Math.max(0, this.source.length - before);
    const span = this.span(from, line);
    const name = this.source.slice(from, this.pos);
    this.pos += 1;
    list.push({
      kind: 'parameter',
      name,
      length: false,
      operator: ':?',
      operand: { kind: 'word', parts: [{ kind: 'literal', text: 'bad substitution' }], span },
      braces: true,
      span: this.span(start, line),
    });
  }

  /** Second parentheses of `$((` that turned out to start a subshell, so that no level of nesting tries twice. */
  protected subshells = new Set<number>();

  /** `$((…))` at its second parenthesis; undefined (nothing consumed) when it is `$( (…) …)` after all (XCU 2.6.3). */
  private arithmetic(): Word | undefined {
    const reset = this.mark();
    const start = this.pos;
    const key = this.source.length - start;
    if (this.subshells.has(key)) return undefined;
    const line = this.lineAt(start);
    try {
      this.pos += 1;
      const bodyStart = this.pos;
      const inner = new PartList();
      if (this.arithmeticParts(inner)) {
        const expression: Word = { kind: 'word', parts: inner.finish(), span: this.span(bodyStart, line) };
        this.pos += 1;
        this.skipContinuations();
        this.pos += 1;
        return expression;
      }
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error;
    }
    reset();
    this.subshells.add(key);
    return undefined;
  }

  /** Up to the `))` that closes the expansion; false when there is none. */
  private arithmeticParts(inner: PartList): boolean {
    let depth = 0;
    for (;;) {
      const text = this.run(arithmeticStop);
      if (text !== '') inner.literal(text);
      switch (this.source.charCodeAt(this.pos)) {
        case 41: // )
          if (depth === 0) return this.following() === 41;
          depth -= 1;
          inner.literal(')');
          this.pos += 1;
          break;
        case 40: // (
          depth += 1;
          inner.literal('(');
          this.pos += 1;
          break;
        case 92: // backslash
          this.backslash(inner, 'double');
          break;
        case 36: // $
          this.dollar(inner, true);
          break;
        case 96: // `
          this.backquotes(inner, true);
          break;
        case 34: // " : the expression is as if within double quotes (XCU 2.6.4); the character itself goes
          this.pos += 1;
          break;
        default:
          return false;
      }
    }
  }

  /** `` `…` `` (XCU 2.6.3): a backslash quotes `$`, a backquote or itself, and inside double quotes `"` as well. */
  private backquotes(list: PartList, quoted: boolean): void {
    const start = this.pos;
    const { source } = this;
    const pieces: string[] = [];
    let from = start + 1;
    let at = from;
    for (;;) {
      const c = source.charCodeAt(at);
      if (Number.isNaN(c)) this.incomplete("unterminated command substitution, expected '`'");
      if (c === 96) break;
      if (c === 92) {
        const next = source.charCodeAt(at + 1);
        if (next === 36 || next === 96 || next === 92 || (quoted && next === 34)) {
          pieces.push(source.slice(from, at));
          from = at + 1;
          at += 1;
        }
      }
      at += 1;
    }
    pieces.push(source.slice(from, at));
    const line = this.lineAt(start);
    const program = this.backquoted(pieces.join(''), line);
    this.pos = at + 1;
    list.push({ kind: 'command', program, backquoted: true, span: this.span(start, line) });
  }
}

const arithmeticStop = characterTable('()\\$`"');
