/**
 * Text to tokens (XCU 2.3). The scanner knows where a command may begin, so it emits reserved words only where XCU 2.4
 * recognises them, assignments only before a command's name, and substitutes aliases (2.3.1). It reads one complete command
 * at a time: up to the newline that ends it, with the here-documents that follow.
 */
import type { TokenType } from 'chevrotain';
import { type Program, ShellSyntaxError, type Word } from './ast.js';
import { readHereLines, unquoteDelimiter } from './here-document.js';
import { endsWord, isDigit } from './source.js';
import type { HereDocument, ShellToken } from './tokens.js';
import * as t from './tokens.js';
import { WordScanner } from './words.js';

/** An alias's text by its name. */
export type Aliases = (name: string) => string | undefined;

export interface TextPosition {
  readonly line: number;
  readonly offset: number;
}

/** Turns tokens into a program: the parser, injected because it is above the scanner. `closer`: what ended the tokens, if a text goes on. */
export type ParseTokens = (tokens: ShellToken[], end: TextPosition & { readonly closer?: ')' | '`' }) => Program;

/** What may come next, as far as words are concerned. */
type Expect =
  /** A command: reserved words, assignments, aliases. */
  | 'command'
  /** After an assignment or redirection: no reserved words any more. */
  | 'prefix'
  /** Arguments. */
  | 'argument'
  | 'for-name'
  /** `in` or `do`, perhaps after a separator. */
  | 'for-in'
  | 'case-word'
  | 'case-in'
  /** A pattern list or `esac`. */
  | 'pattern'
  /** Inside a pattern list. */
  | 'pattern-rest';

/** Open constructs: what closes each, for knowing where a complete command ends and whose `)` one is. */
type Open = 'brace' | 'paren' | 'case' | 'if' | 'loop';

const openers: ReadonlyMap<TokenType, Open> = new Map([
  [t.LBrace, 'brace'],
  [t.Case, 'case'],
  [t.If, 'if'],
  [t.While, 'loop'],
  [t.Until, 'loop'],
  [t.For, 'loop'],
]);
const closers: ReadonlyMap<TokenType, Open> = new Map([
  [t.RBrace, 'brace'],
  [t.Esac, 'case'],
  [t.Fi, 'if'],
  [t.Done, 'loop'],
]);

/** Utilities whose arguments may be assignments (XCU 2.9.1.1 declaration utility; `local` as in dash). */
const declarationUtilities: ReadonlySet<string | undefined> = new Set(['export', 'readonly', 'local']);

interface ActiveAlias {
  readonly name: string;
  /** Characters left in the source when the alias's text has been read. */
  readonly remaining: number;
  readonly blank: boolean;
  /** Newlines in the alias's text, which are no lines of the source. */
  readonly newlines: number;
}

/** What a nested command substitution starts anew and gives back. */
interface State {
  tokens: ShellToken[];
  expect: Expect;
  open: Open[];
  pending: HereDocument[];
  /** Something was closed that was not open: a syntax error, so the newline ends the command. */
  mismatched: boolean;
  /** The command's name is `command`, or a declaration utility. */
  declaring: 'no' | 'perhaps' | 'yes';
}

const begin = (): State => ({
  tokens: [],
  expect: 'command',
  open: [],
  pending: [],
  mismatched: false,
  declaring: 'no',
});

export class Scanner extends WordScanner {
  private state = begin();
  private active: readonly ActiveAlias[] = [];
  /** The next word is an alias candidate because the last alias's text ended in a blank. */
  private aliasNext = false;
  /** The `)` just read closes nothing that this text opened: it ends the substitution around it. */
  private strayParen = false;
  /** Length of the text as given; aliases put in do not move what is behind them. */
  private readonly given: number;
  /** Offset behind the last newline token. */
  private lineStart = 0;

  constructor(
    source: string,
    private readonly parseTokens: ParseTokens,
    private readonly aliases: Aliases | undefined,
    line: number,
    private readonly partial = false,
  ) {
    super(source, line);
    this.given = source.length;
  }

  get offset(): number {
    return this.given - (this.source.length - this.pos);
  }
  get line(): number {
    return this.lineAt(this.pos);
  }
  private get position(): TextPosition {
    return { line: this.lineAt(this.pos), offset: this.pos };
  }

  /** The next complete command; undefined when only blanks and comments are left. */
  nextProgram(): Program | undefined {
    return this.bounded(() => {
      const tokens = this.nextTokens();
      return tokens === undefined ? undefined : this.parse(tokens);
    });
  }

  /** The whole source as the body of a here-document: expansions, and no quotes but a backslash before one. */
  text(): Word {
    return this.bounded(() => this.final(() => this.hereBody(false)));
  }

  private parse(tokens: ShellToken[]): Program {
    try {
      return this.parseTokens(tokens, this.position);
    } catch (error) {
      if (!(error instanceof ShellSyntaxError) || !error.incomplete || this.state.open.length === 0) throw error;
      throw new ShellSyntaxError(error.message, error.line, error.offset, true, undefined, true);
    }
  }

  /** The tokens of the next complete command, its newline included. */
  nextTokens(): ShellToken[] | undefined {
    return this.bounded(() => {
      const state = begin();
      this.state = state;
      this.lineStart = this.pos;
      return this.earlierError(state.tokens, () => (this.readCommand(state) ? state.tokens : undefined));
    });
  }

  private readCommand(state: State): boolean {
    const { tokens } = state;
    for (;;) {
      const token = this.token();
      if (token === undefined) {
        if (this.partial && this.pos > this.lineStart && this.source.endsWith('\\\n'))
          this.incomplete('unexpected end of file after a line continuation');
        if (state.pending.length > 0) this.readHereDocuments();
        return tokens.length > 0;
      }
      if (token.tokenType !== t.Newline) tokens.push(token);
      else {
        this.lineStart = this.pos;
        if (tokens.length === 0) continue;
        tokens.push(token);
        if (this.complete(state)) return true;
      }
    }
  }

  /** True when the newline just read ends the command: nothing is open and no operator waits for its right side. */
  private complete({ tokens, open, mismatched }: State): boolean {
    if (mismatched) return true;
    if (open.length > 0) return false;
    let i = tokens.length - 1;
    while (i >= 0 && tokens[i]!.tokenType === t.Newline) i -= 1;
    const last = tokens[i]?.tokenType;
    if (last === t.AndIf || last === t.OrIf || last === t.Or) return false;
    return !(last === t.RParen && tokens[i - 1]?.tokenType === t.LParen && tokens[i - 2]?.tokenType === t.FunctionName);
  }

  /** What is wrong with the tokens before the place where scanning failed is wrong first. */
  private earlierError<T>(tokens: ShellToken[], read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error;
      try {
        this.parseTokens(tokens, this.position);
      } catch (earlier) {
        if (earlier instanceof ShellSyntaxError && !earlier.incomplete) throw earlier;
      }
      throw error;
    }
  }

  /** Nesting beyond the engine's stack is the text's fault. */
  private bounded<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ShellSyntaxError('nested too deeply', this.lineAt(this.pos), this.pos, false);
    }
  }

  private make(tokenType: TokenType, start: number): ShellToken {
    return this.makeWord(tokenType, start, tokenType.LABEL!, undefined, undefined);
  }
  private makeWord(
    tokenType: TokenType,
    start: number,
    image: string,
    word: Word | undefined,
    name: string | undefined,
  ): ShellToken {
    return {
      image,
      startOffset: start,
      endOffset: this.pos,
      startLine: word?.span.line ?? this.lineAt(start),
      tokenTypeIdx: tokenType.tokenTypeIdx!,
      tokenType,
      word,
      name,
      here: undefined,
    };
  }

  /** Blanks, line continuations, comments. */
  private skipBlanks(): void {
    this.skipInline();
    if (this.source.charCodeAt(this.pos) !== 35) return;
    const end = this.source.indexOf('\n', this.pos);
    this.pos = end < 0 ? this.source.length : end;
  }

  /** The next token; undefined at the end of the text. */
  private token(): ShellToken | undefined {
    this.skipBlanks();
    this.aliasNext = false;
    if (this.active.length > 0) this.dropAliases();
    const { source } = this;
    const start = this.pos;
    const c = source.charCodeAt(start);
    if (Number.isNaN(c)) return undefined;
    if (c === 10) {
      this.pos += 1;
      const token = this.make(t.Newline, start);
      if (this.state.pending.length > 0) this.readHereDocuments();
      this.afterSeparator();
      return token;
    }
    if (endsWord(c)) return this.operator(c, start);
    if (isDigit(c)) {
      const number = this.ioNumber();
      if (number !== undefined) return number;
    }
    return this.wordToken(start);
  }

  /** Digits right before `<` or `>` (XCU 2.10.1 rule 2). */
  private ioNumber(): ShellToken | undefined {
    const start = this.pos;
    let digits = '';
    for (let c = this.current(); isDigit(c); c = this.current()) {
      digits += String.fromCharCode(c);
      this.pos += 1;
    }
    const after = this.source.charCodeAt(this.pos);
    if ((after === 60 || after === 62) && digits.length < 10)
      return this.makeWord(t.IoNumber, start, digits, undefined, undefined);
    this.pos = start;
    return undefined;
  }

  /** A newline, `;` or `&`: a command may begin, except where `for` and `case` have their own idea. */
  private afterSeparator(): void {
    const { state } = this;
    if (state.expect === 'argument' || state.expect === 'prefix') state.expect = 'command';
  }

  /** An operator of one more character than has been read. */
  private double(type: TokenType, start: number): ShellToken {
    this.pos += 1;
    return this.make(type, start);
  }

  private operator(c: number, start: number): ShellToken {
    const { state } = this;
    this.pos += 1;
    const next = this.current();
    switch (c) {
      case 38: // &
        state.expect = 'command';
        return next === 38 ? this.double(t.AndIf, start) : this.make(t.And, start);
      case 124: // |
        if (next === 124) {
          state.expect = 'command';
          return this.double(t.OrIf, start);
        }
        if (state.expect !== 'pattern-rest') state.expect = 'command';
        return this.make(t.Or, start);
      case 59: // ;
        if (next === 59 || next === 38) {
          state.expect = 'pattern';
          return this.double(next === 59 ? t.DSemi : t.SemiAnd, start);
        }
        this.afterSeparator();
        return this.make(t.Semi, start);
      case 40: // (
        if (state.expect === 'pattern') state.expect = 'pattern-rest';
        else if (state.tokens.at(-1)?.tokenType !== t.FunctionName) {
          state.open.push('paren');
          state.expect = 'command';
        }
        return this.make(t.LParen, start);
      case 41: // )
        this.closeParen(state);
        return this.make(t.RParen, start);
      case 60: // <
        if (next === 60) {
          this.pos += 1;
          return this.redirection(this.current() === 45 ? this.double(t.DLessDash, start) : this.make(t.DLess, start));
        }
        return this.redirection(
          next === 38
            ? this.double(t.LessAnd, start)
            : next === 62
              ? this.double(t.LessGreat, start)
              : this.make(t.Less, start),
        );
      default: // >
        return this.redirection(
          next === 62
            ? this.double(t.DGreat, start)
            : next === 38
              ? this.double(t.GreatAnd, start)
              : next === 124
                ? this.double(t.Clobber, start)
                : this.make(t.Great, start),
        );
    }
  }

  /** A `)` ends a pattern list, a function's parentheses, a subshell, or the substitution around this text. */
  private closeParen(state: State): void {
    this.strayParen = false;
    const { tokens } = state;
    const inPattern = state.expect === 'pattern-rest' || state.expect === 'pattern';
    state.expect = 'command';
    if (inPattern || (tokens.at(-1)?.tokenType === t.LParen && tokens.at(-2)?.tokenType === t.FunctionName)) return;
    this.strayParen = state.open.at(-1) !== 'paren';
    this.close(state, 'paren');
  }

  private close(state: State, what: Open): void {
    if (state.open.at(-1) === what) state.open.pop();
    else state.mismatched = true;
  }

  /** The operator's target is the next word, whatever it looks like. */
  private redirection(operator: ShellToken): ShellToken {
    const { state } = this;
    this.skipBlanks();
    const start = this.pos;
    const c = this.source.charCodeAt(start);
    if (Number.isNaN(c) || endsWord(c)) return operator; // the parser says what is missing
    state.tokens.push(operator);
    const word = this.word();
    const image = this.source.slice(start, this.pos);
    const target = this.makeWord(t.WordToken, start, image, word, undefined);
    if (operator.tokenType === t.DLess || operator.tokenType === t.DLessDash) {
      const strip = operator.tokenType === t.DLessDash;
      target.here = { ...unquoteDelimiter(image), strip, body: undefined };
      state.pending.push(target.here);
    }
    if (state.expect === 'command') state.expect = 'prefix';
    return target;
  }

  private wordToken(start: number): ShellToken {
    const { state } = this;
    const { expect } = state;
    if (expect === 'command' || expect === 'prefix') {
      const line = this.lineAt(start);
      const name = this.assignmentName();
      if (name !== undefined) {
        state.expect = 'prefix';
        const value = this.assignedWord();
        const token = this.makeWord(t.AssignmentToken, start, this.source.slice(start, this.pos), value, name);
        token.startLine = line;
        return token;
      }
    }
    const name = expect === 'argument' && state.declaring === 'yes' ? this.assignmentName() : undefined;
    const word = name === undefined ? this.word() : this.declarationWord(start, name);
    const only = literalText(word);
    const reserved = only === undefined ? undefined : this.reservedWord(only, expect);
    if (reserved !== undefined) {
      this.reserve(reserved);
      return this.make(reserved, start);
    }
    if (expect === 'command' || expect === 'prefix' || this.aliasNext) {
      const alias = this.substitute(only, start);
      if (alias !== undefined) return alias;
    }
    const type = expect === 'command' && only !== undefined && this.functionFollows() ? t.FunctionName : t.WordToken;
    if (type === t.WordToken) this.afterWord(only, expect);
    const image = only?.length === this.pos - start ? only : this.source.slice(start, this.pos);
    return this.makeWord(type, start, image, word, undefined);
  }

  /** The reserved word that `text` is here (XCU 2.4). */
  private reservedWord(text: string, expect: Expect): TokenType | undefined {
    switch (expect) {
      case 'command':
        return text.length <= 5 ? t.reservedWords.get(text) : undefined;
      case 'for-in':
        return text === 'in' ? t.In : text === 'do' ? t.Do : undefined;
      case 'case-in':
        return text === 'in' ? t.In : undefined;
      case 'pattern':
        return text === 'esac' ? t.Esac : undefined;
      default:
        return undefined;
    }
  }

  private reserve(type: TokenType): void {
    const { state } = this;
    const opens = openers.get(type);
    if (opens !== undefined) state.open.push(opens);
    const closes = closers.get(type);
    if (closes !== undefined) this.close(state, closes);
    if (type === t.In) state.expect = state.expect === 'case-in' ? 'pattern' : 'argument';
    else if (type === t.For) state.expect = 'for-name';
    else if (type === t.Case) state.expect = 'case-word';
    else state.expect = 'command';
    state.declaring = 'no';
  }

  /** What may come after a word that is nothing but a word. */
  private afterWord(only: string | undefined, expect: Expect): void {
    const { state } = this;
    switch (expect) {
      case 'command':
      case 'prefix':
        state.expect = 'argument';
        state.declaring = only === 'command' ? 'perhaps' : declarationUtilities.has(only) ? 'yes' : 'no';
        return;
      case 'argument':
        if (state.declaring === 'perhaps' && only !== 'command')
          state.declaring = declarationUtilities.has(only) ? 'yes' : 'no';
        return;
      case 'for-name':
        state.expect = 'for-in';
        return;
      case 'case-word':
        state.expect = 'case-in';
        return;
      case 'pattern':
        state.expect = 'pattern-rest';
        return;
      default: // the same again, or an error
    }
  }

  /** `name ( )` ahead: a function definition (XCU 2.9.5). */
  private functionFollows(): boolean {
    const saved = this.pos;
    this.skipInline();
    const found = this.source.charCodeAt(this.pos) === 40;
    this.pos = saved;
    return found;
  }

  // --- aliases (XCU 2.3.1) --------------------------------------------------------------------------------------------

  /** Puts the alias's text in the word's place and reads on; undefined when the word is no alias. */
  private substitute(name: string | undefined, start: number): ShellToken | undefined {
    if (this.aliases === undefined || name === undefined || this.active.some((a) => a.name === name)) return undefined;
    const text = this.aliases(name);
    if (text === undefined) return undefined;
    const remaining = this.source.length - this.pos;
    this.splice(start, text);
    this.subshells.clear();
    const newlines = text.split('\n').length - 1;
    this.active = [...this.active, { name, remaining, blank: /[ \t]$/.test(text), newlines }];
    return this.token();
  }

  /** Forgets the aliases whose text has been read. A blank at its end makes the next word a candidate. */
  private dropAliases(): void {
    const left = this.source.length - this.pos;
    const ended = this.active.filter((a) => left <= a.remaining);
    if (ended.length === 0) return;
    this.active = this.active.filter((a) => left > a.remaining);
    for (const { blank, newlines } of ended) {
      if (blank) this.aliasNext = true;
      if (newlines > 0) this.forgetLines(newlines);
    }
  }

  protected override mark(): () => void {
    const reset = super.mark();
    const { active } = this;
    return () => {
      reset();
      this.active = active;
    };
  }

  // --- nesting --------------------------------------------------------------------------------------------------------

  protected commandSubstitution(): Program {
    const outer = this.state;
    const start = this.pos;
    const line = this.lineAt(start);
    const state = begin();
    const { tokens } = state;
    this.state = state;
    try {
      this.earlierError(tokens, () => {
        for (;;) {
          const token = this.token();
          if (token === undefined) this.incomplete("unexpected end of file, expected ')'");
          if (token.tokenType === t.RParen && this.strayParen) return;
          tokens.push(token);
        }
      });
      // `$(cat <<E)`: nothing is left for the body, as in dash.
      for (const here of state.pending) here.body = { kind: 'word', parts: [], span: this.span(this.pos, line) };
      const program = this.parseTokens(tokens, { ...this.position, closer: ')' });
      return program.body.items.length > 0 ? program : { ...program, span: this.span(start, line) };
    } finally {
      this.state = outer;
    }
  }

  protected backquoted(text: string, line: number): Program {
    const inner = new Scanner(text, this.parseTokens, this.aliases, line);
    // An alias stays in use inside its own text's backquotes.
    inner.active = this.active.map((a) => ({ ...a, remaining: -1 }));
    const tokens: ShellToken[] = [];
    return inner.final(() => {
      for (let part = inner.nextTokens(); part !== undefined; part = inner.nextTokens())
        for (const token of part) tokens.push(token);
      return this.parseTokens(tokens, { ...inner.position, closer: '`' });
    });
  }

  /** More text cannot mend what has its end already: backquotes, a here-document's body. */
  private final<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ShellSyntaxError) || !error.incomplete) throw error;
      throw new ShellSyntaxError(error.message, error.line, error.offset, false);
    }
  }

  // --- here-documents (XCU 2.7.4) -------------------------------------------------------------------------------------

  private readHereDocuments(): void {
    const { state } = this;
    const { pending } = state;
    state.pending = [];
    for (const here of pending) {
      const line = this.lineAt(this.pos);
      const { text, end, closed } = readHereLines(this.source, this.pos, here.delimiter, here.quoted, here.strip);
      this.pos = end;
      if (!closed && this.partial)
        this.incomplete(`unexpected end of file, expected here-document delimiter '${here.delimiter}'`, here.delimiter);
      const inner = new Scanner(text, this.parseTokens, this.aliases, line);
      here.body = inner.final(() => inner.hereBody(here.quoted));
    }
  }
}

/** The text of a word that is all unquoted literal. */
function literalText(word: Word): string | undefined {
  const { parts } = word;
  return parts.length === 1 && parts[0]!.kind === 'literal' ? parts[0]!.text : undefined;
}
