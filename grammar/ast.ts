/**
 * The abstract syntax tree of the shell language (POSIX.1-2024 XCU 2.10.2). Readonly discriminated unions; a consumer
 * switches over `kind` to `never`. Every node has a span in the source text it was read from.
 */

/** Half-open range of UTF-16 offsets; `line` is the 1-based line of `start`. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

/** A complete program, or the body of a command substitution. */
export interface Program {
  readonly kind: 'program';
  readonly body: List;
  readonly span: Span;
}

/** and-or lists in order, each run in the foreground or asynchronously (`&`). May be empty only in a Program. */
export interface List {
  readonly kind: 'list';
  readonly items: readonly ListItem[];
  readonly span: Span;
}

export interface ListItem {
  readonly andOr: AndOr;
  readonly async: boolean;
}

/** pipeline (&& pipeline | || pipeline)*, left-associative. */
export interface AndOr {
  readonly kind: 'and-or';
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: '&&' | '||'; readonly pipeline: Pipeline }[];
  readonly span: Span;
}

export interface Pipeline {
  readonly kind: 'pipeline';
  readonly negated: boolean;
  readonly commands: readonly Command[];
  readonly span: Span;
}

export type Command = SimpleCommand | CompoundCommand | FunctionDefinition;

export interface SimpleCommand {
  readonly kind: 'simple';
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirections: readonly Redirection[];
  readonly span: Span;
}

export interface Assignment {
  readonly name: string;
  readonly value: Word;
  readonly span: Span;
}

export type CompoundCommand = BraceGroup | Subshell | ForClause | CaseClause | IfClause | WhileClause;

interface Compound {
  readonly redirections: readonly Redirection[];
  readonly span: Span;
}
export interface BraceGroup extends Compound {
  readonly kind: 'brace-group';
  readonly body: List;
}
export interface Subshell extends Compound {
  readonly kind: 'subshell';
  readonly body: List;
}
export interface ForClause extends Compound {
  readonly kind: 'for';
  readonly name: string;
  /** undefined: no `in`, so the positional parameters. */
  readonly words: readonly Word[] | undefined;
  readonly body: List;
}
export interface CaseClause extends Compound {
  readonly kind: 'case';
  readonly subject: Word;
  readonly items: readonly CaseItem[];
}
export interface CaseItem {
  readonly patterns: readonly Word[];
  readonly body: List | undefined;
  /** `;;` (or nothing, at the last item) breaks; `;&` falls through (POSIX.1-2024 2.9.4.3). */
  readonly terminator: ';;' | ';&';
  readonly span: Span;
}
export interface IfClause extends Compound {
  readonly kind: 'if';
  /** The `if` and every `elif`, in order. */
  readonly branches: readonly { readonly condition: List; readonly body: List }[];
  readonly otherwise: List | undefined;
}
export interface WhileClause extends Compound {
  readonly kind: 'while';
  readonly until: boolean;
  readonly condition: List;
  readonly body: List;
}

export interface FunctionDefinition {
  readonly kind: 'function';
  readonly name: string;
  readonly body: CompoundCommand;
  readonly span: Span;
}

export type RedirectionOperator = '<' | '>' | '>|' | '>>' | '<>' | '<&' | '>&' | '<<' | '<<-';

export interface Redirection {
  readonly operator: RedirectionOperator;
  /** The IO number, if one was written; else undefined (the operator's default). */
  readonly fd: number | undefined;
  /** For `<<` and `<<-`: the delimiter as written. */
  readonly target: Word;
  /** Here-document body (leading tabs already removed for `<<-`); a word whose parts are as in double quotes, or one literal
   * when the delimiter was quoted. */
  readonly body?: Word;
  /** True when the here-document's delimiter was quoted: no expansion. */
  readonly quoted?: boolean;
  readonly span: Span;
}

/** A word before expansion. No part at all is the empty word (only in assignments and parameter operands). */
export interface Word {
  readonly kind: 'word';
  readonly parts: readonly WordPart[];
  readonly span: Span;
}

export type WordPart =
  /** Unquoted text. Adjacent literals are merged. */
  | { readonly kind: 'literal'; readonly text: string }
  /** Text quoted by `\`, `'…'` or `$'…'` (already decoded; a backslash-newline is gone): never split, never a pattern. */
  | { readonly kind: 'quoted'; readonly text: string; readonly by: '\\' | "'" | "$'" }
  | { readonly kind: 'double-quoted'; readonly parts: readonly WordPart[] }
  /** Leading `~` or `~name` up to the first unquoted slash (in assignments also after an unquoted colon). XCU 2.6.1. */
  | { readonly kind: 'tilde'; readonly user: string }
  | ParameterExpansion
  /** `$(…)`, or backquotes (`backquoted`), already parsed. */
  | { readonly kind: 'command'; readonly program: Program; readonly backquoted: boolean; readonly span: Span }
  /** `$((…))`; the expression's text is a word (expanded as in double quotes before it is evaluated). XCU 2.6.4. */
  | { readonly kind: 'arithmetic'; readonly expression: Word; readonly span: Span };

export type ParameterOperator = '-' | ':-' | '=' | ':=' | '?' | ':?' | '+' | ':+' | '%' | '%%' | '#' | '##';

/** `$name`, `${name}`, `${#name}`, `${name OP word}`. XCU 2.6.2. */
export interface ParameterExpansion {
  readonly kind: 'parameter';
  /**
   * A name, a decimal number without leading zeros, or one of `@ * # ? - $ ! 0`. Where the braces hold nothing POSIX knows
   * (`${x/a/b}`): all their text, with the operator `:?`, so that expanding it is an error and only that.
   */
  readonly name: string;
  readonly length: boolean;
  readonly operator: ParameterOperator | undefined;
  readonly operand: Word | undefined;
  /** Written with braces. */
  readonly braces: boolean;
  readonly span: Span;
}

/** An arithmetic expression (XCU 2.6.4; C integer operators, signed 64-bit). */
export type Arithmetic =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'variable'; readonly name: string }
  /** What the expansion at that place, counted from 0, gives: a decimal number. */
  | { readonly kind: 'operand'; readonly index: number }
  | { readonly kind: 'unary'; readonly operator: '+' | '-' | '!' | '~'; readonly operand: Arithmetic }
  | { readonly kind: 'increment'; readonly name: string; readonly by: 1n | -1n; readonly prefix: boolean }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Arithmetic;
      readonly right: Arithmetic;
    }
  | {
      readonly kind: 'conditional';
      readonly test: Arithmetic;
      readonly then: Arithmetic;
      readonly otherwise: Arithmetic;
    }
  | {
      readonly kind: 'assign';
      readonly name: string;
      readonly operator: BinaryOperator | undefined;
      readonly value: Arithmetic;
    };

export type BinaryOperator =
  | '*'
  | '/'
  | '%'
  | '+'
  | '-'
  | '<<'
  | '>>'
  | '<'
  | '<='
  | '>'
  | '>='
  | '=='
  | '!='
  | '&'
  | '^'
  | '|'
  | '&&'
  | '||'
  | ',';

/**
 * What is wrong with a source text. `incomplete` is true when more input could make it right (an open quote, a missing
 * `done` …): an interactive shell then reads a further line.
 */
export class ShellSyntaxError extends Error {
  override readonly name = 'ShellSyntaxError';
  constructor(
    message: string,
    readonly line: number,
    readonly offset: number,
    readonly incomplete: boolean,
    /** The delimiter of the here-document that is incomplete. */
    readonly delimiter?: string,
    /** A compound command is open: only `}`, `)`, `fi`, `done` or `esac` can complete the text. */
    readonly open = false,
  ) {
    super(message);
  }
}
