/** The token types of the shell grammar (XCU 2.10.1). The scanner makes the tokens; Chevrotain only consumes them. */
import { createToken, type IToken, Lexer, type TokenType } from 'chevrotain';
import type { Word } from './ast.js';

/** A here-document, whose body comes after the token of its delimiter. */
export interface HereDocument {
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly strip: boolean;
  body: Word | undefined;
}

/** What the scanner hands to the parser. */
export interface ShellToken extends IToken {
  startLine: number;
  endOffset: number;
  /** For words, assignments (the value) and function names. */
  readonly word: Word | undefined;
  /** For assignments. */
  readonly name: string | undefined;
  /** For a here-document's delimiter. */
  here: HereDocument | undefined;
}

const make = (name: string, label: string): TokenType => createToken({ name, label, pattern: Lexer.NA });
const literal = (name: string, text: string): TokenType => make(name, `'${text}'`);

export const WordToken = make('WORD', 'a word');
export const AssignmentToken = make('ASSIGNMENT_WORD', 'an assignment');
export const FunctionName = make('FUNCTION_NAME', 'a function name');
export const IoNumber = make('IO_NUMBER', 'a descriptor number');
export const Newline = make('NEWLINE', 'a newline');
export const And = literal('AND', '&');
export const AndIf = literal('AND_IF', '&&');
export const Or = literal('OR', '|');
export const OrIf = literal('OR_IF', '||');
export const Semi = literal('SEMI', ';');
export const DSemi = literal('DSEMI', ';;');
export const SemiAnd = literal('SEMI_AND', ';&');
export const LParen = literal('LPAREN', '(');
export const RParen = literal('RPAREN', ')');
export const Less = literal('LESS', '<');
export const Great = literal('GREAT', '>');
export const Clobber = literal('CLOBBER', '>|');
export const DGreat = literal('DGREAT', '>>');
export const LessGreat = literal('LESSGREAT', '<>');
export const LessAnd = literal('LESSAND', '<&');
export const GreatAnd = literal('GREATAND', '>&');
export const DLess = literal('DLESS', '<<');
export const DLessDash = literal('DLESSDASH', '<<-');
export const Bang = literal('BANG', '!');
export const LBrace = literal('LBRACE', '{');
export const RBrace = literal('RBRACE', '}');
export const If = literal('IF', 'if');
export const Then = literal('THEN', 'then');
export const Elif = literal('ELIF', 'elif');
export const Else = literal('ELSE', 'else');
export const Fi = literal('FI', 'fi');
export const For = literal('FOR', 'for');
export const In = literal('IN', 'in');
export const Do = literal('DO', 'do');
export const Done = literal('DONE', 'done');
export const Case = literal('CASE', 'case');
export const Esac = literal('ESAC', 'esac');
export const While = literal('WHILE', 'while');
export const Until = literal('UNTIL', 'until');

/** Reserved words recognised wherever a command may begin (XCU 2.4). */
export const reservedWords: ReadonlyMap<string, TokenType> = new Map([
  ['!', Bang],
  ['{', LBrace],
  ['}', RBrace],
  ['if', If],
  ['in', In],
  ['then', Then],
  ['elif', Elif],
  ['else', Else],
  ['fi', Fi],
  ['for', For],
  ['do', Do],
  ['done', Done],
  ['case', Case],
  ['esac', Esac],
  ['while', While],
  ['until', Until],
]);

export const allTokens: TokenType[] = [
  WordToken,
  AssignmentToken,
  FunctionName,
  IoNumber,
  Newline,
  And,
  AndIf,
  Or,
  OrIf,
  Semi,
  DSemi,
  SemiAnd,
  LParen,
  RParen,
  Less,
  Great,
  Clobber,
  DGreat,
  LessGreat,
  LessAnd,
  GreatAnd,
  DLess,
  DLessDash,
  ...reservedWords.values(),
];
