/**
 * Tokens to AST: one Chevrotain rule for each production of XCU 2.10.2, in its order, with actions that build the tree as they
 * go. The scanner has decided already which words are reserved words, assignments and function names.
 */
import { EmbeddedActionsParser, EOF, type IParserErrorMessageProvider, type TokenType, tokenLabel } from 'chevrotain';
import {
  type AndOr,
  type Assignment,
  type CaseItem,
  type Command,
  type CompoundCommand,
  type List,
  type ListItem,
  type Pipeline,
  type Program,
  type Redirection,
  type RedirectionOperator,
  ShellSyntaxError,
  type SimpleCommand,
  type Span,
  type Word,
} from './ast.js';
import type { TextPosition } from './scanner.js';
import { isName } from './source.js';
import type { ShellToken } from './tokens.js';
import * as t from './tokens.js';

/** A token as a message shows it: a word by its first line. */
function shown(token: ShellToken): string {
  if (token.tokenType === t.Newline) return 'newline';
  if (token.word === undefined) return token.image.startsWith("'") ? token.image : `'${token.image}'`;
  const line = token.image.split('\n', 1)[0]!;
  return `'${line.length < token.image.length || line.length > 40 ? `${line.slice(0, 40)}…` : line}'`;
}

/** What was expected, in the words of the grammar. */
const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => tokenLabel(expected),
  buildNotAllInputParsedMessage: () => 'end of command',
  buildNoViableAltMessage: ({ customUserDescription }) => customUserDescription || 'a command',
  buildEarlyExitMessage: ({ customUserDescription }) => customUserDescription || 'a command',
};

/** Stands in for every value while Chevrotain records the grammar: the actions run once then, and must be total. */
const noSpan: Span = { start: 0, end: 0, line: 1 };
const noWord: Word = { kind: 'word', parts: [], span: noSpan };
const noList: List = { kind: 'list', items: [], span: noSpan };

/** Nothing, for the many lists that stay empty. */
const none: readonly never[] = Object.freeze([]);

/**
 * Rules that every command goes through have closures made once, as fields: made at each visit they would be most of the garbage
 * of parsing. What such closures collect is on stacks, from which the rule takes what was put there since it began.
 */
class CommandParser extends EmbeddedActionsParser {
  private readonly items: ListItem[] = [];
  private readonly tails: { operator: '&&' | '||'; pipeline: Pipeline }[] = [];
  private readonly commands: Command[] = [];
  /** The and-or list whose separator has not been met yet; undefined: the list has ended. */
  private open: AndOr | undefined;
  private assignments: Assignment[] = [];
  private words: Word[] = [];
  private redirections: Redirection[] = [];

  constructor() {
    super(t.allTokens, { errorMessageProvider: messages, maxLookahead: 2, recoveryEnabled: false });
    this.performSelfAnalysis();
  }

  /** Sets the tokens, and forgets what an unfinished parse left behind. */
  begin(tokens: ShellToken[]): void {
    this.items.length = 0;
    this.tails.length = 0;
    this.commands.length = 0;
    this.input = tokens;
  }

  private spanFrom(start: ShellToken): Span {
    const last = this.LA(0) as ShellToken;
    return { start: start.startOffset, end: last.endOffset ?? start.startOffset, line: start.startLine ?? 1 };
  }
  private peek(): ShellToken {
    return this.LA(1) as ShellToken;
  }

  readonly program = this.RULE('program', (): Program => {
    const start = this.peek();
    this.OPTION1(() => this.SUBRULE(this.newlineList));
    let body: List = noList;
    this.OPTION(() => {
      body = this.SUBRULE(this.compoundList);
    });
    return this.ACTION(() => ({
      kind: 'program',
      body: body === noList ? { ...noList, span: this.spanFrom(start) } : body,
      span: this.spanFrom(start),
    }));
  });

  private readonly newlines = () => this.SUBRULE(this.newlineList);
  private readonly newlines1 = () => this.SUBRULE1(this.newlineList);
  private readonly newlines2 = () => this.SUBRULE2(this.newlineList);

  private readonly nextAndOr = () => this.SUBRULE1(this.andOr);
  private readonly listTail = {
    GATE: () => this.open !== undefined,
    DEF: () => {
      const andOr = this.open!;
      const async = this.SUBRULE(this.separator);
      this.items.push({ andOr, async });
      this.open = this.OPTION(this.nextAndOr);
    },
  };
  /** term with separators (compound_list); also complete_command, whose separators are the same. */
  readonly compoundList = this.RULE('compound_list', (): List => {
    const start = this.peek();
    const from = this.items.length;
    const outer = this.open;
    this.OPTION1(this.newlines);
    this.open = this.SUBRULE(this.andOr);
    this.MANY(this.listTail);
    if (this.open !== undefined) this.items.push({ andOr: this.open, async: false });
    this.open = outer;
    return { kind: 'list', items: this.items.splice(from), span: this.spanFrom(start) };
  });

  private readonly separators = [
    {
      ALT: () => {
        this.CONSUME(t.And);
        this.OPTION(this.newlines1);
        return true;
      },
    },
    {
      ALT: () => {
        this.CONSUME(t.Semi);
        this.OPTION1(this.newlines2);
        return false;
      },
    },
    {
      ALT: () => {
        this.SUBRULE(this.newlineList);
        return false;
      },
    },
  ];
  /** `&`, `;` or newlines; true for `&`. */
  readonly separator = this.RULE('separator', (): boolean => this.OR(this.separators));

  private readonly andOrOperators = [
    {
      ALT: (): '&&' | '||' => {
        this.CONSUME(t.AndIf);
        return '&&';
      },
    },
    {
      ALT: (): '&&' | '||' => {
        this.CONSUME(t.OrIf);
        return '||';
      },
    },
  ];
  private readonly andOrTail = () => {
    const operator = this.OR(this.andOrOperators);
    this.OPTION(this.newlines);
    const pipeline = this.SUBRULE1(this.pipeline);
    this.tails.push({ operator, pipeline });
  };
  readonly andOr = this.RULE('and_or', (): AndOr => {
    const start = this.peek();
    const from = this.tails.length;
    const first = this.SUBRULE(this.pipeline);
    this.MANY(this.andOrTail);
    if (this.tails.length === from) return { kind: 'and-or', first, rest: none, span: first.span };
    return { kind: 'and-or', first, rest: this.tails.splice(from), span: this.spanFrom(start) };
  });

  private readonly bang = () => this.CONSUME(t.Bang);
  readonly pipeline = this.RULE('pipeline', (): Pipeline => {
    const start = this.peek();
    const negated = this.OPTION(this.bang) !== undefined;
    const commands = this.SUBRULE(this.pipeSequence);
    const alone = commands.length === 1 && !negated;
    return { kind: 'pipeline', negated, commands, span: alone ? commands[0]!.span : this.spanFrom(start) };
  });

  private readonly pipeTail = () => {
    this.CONSUME(t.Or);
    this.OPTION(this.newlines);
    const next = this.SUBRULE1(this.command);
    this.commands.push(next);
  };
  readonly pipeSequence = this.RULE('pipe_sequence', (): Command[] => {
    const from = this.commands.length;
    const first = this.SUBRULE(this.command);
    this.commands.push(first);
    this.MANY(this.pipeTail);
    return this.commands.splice(from);
  });

  private readonly anyCommand = {
    DEF: [
      { ALT: () => this.SUBRULE(this.simpleCommand) as Command },
      { ALT: () => this.SUBRULE(this.compoundCommand) as Command },
      { ALT: () => this.SUBRULE(this.functionDefinition) as Command },
    ],
    ERR_MSG: 'a command',
  };
  readonly command = this.RULE('command', (): Command => this.OR(this.anyCommand));

  readonly compoundCommand = this.RULE('compound_command', (): CompoundCommand => {
    const command = this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.braceGroup) },
        { ALT: () => this.SUBRULE(this.subshell) },
        { ALT: () => this.SUBRULE(this.forClause) },
        { ALT: () => this.SUBRULE(this.caseClause) },
        { ALT: () => this.SUBRULE(this.ifClause) },
        { ALT: () => this.SUBRULE(this.whileClause) },
      ],
      ERR_MSG: 'a compound command',
    }) as CompoundCommand;
    const redirections: Redirection[] = [];
    this.MANY(() => {
      const redirection = this.SUBRULE(this.ioRedirect);
      this.ACTION(() => redirections.push(redirection));
    });
    return this.ACTION(() => (redirections.length === 0 ? command : { ...command, redirections }));
  });

  readonly subshell = this.RULE('subshell', (): CompoundCommand => {
    const start = this.peek();
    this.CONSUME(t.LParen);
    const body = this.SUBRULE(this.compoundList);
    this.CONSUME(t.RParen);
    return this.ACTION(() => ({ kind: 'subshell', body, redirections: [], span: this.spanFrom(start) }));
  });

  readonly braceGroup = this.RULE('brace_group', (): CompoundCommand => {
    const start = this.peek();
    this.CONSUME(t.LBrace);
    const body = this.SUBRULE(this.compoundList);
    this.CONSUME(t.RBrace);
    return this.ACTION(() => ({ kind: 'brace-group', body, redirections: [], span: this.spanFrom(start) }));
  });

  readonly forClause = this.RULE('for_clause', (): CompoundCommand => {
    const start = this.peek();
    this.CONSUME(t.For);
    const name = this.CONSUME(t.WordToken) as ShellToken;
    let words: Word[] | undefined;
    this.OPTION1(() => this.SUBRULE(this.newlineList));
    this.OPTION(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.Semi) },
        {
          ALT: () => {
            this.CONSUME(t.In);
            words = [];
            this.MANY(() => {
              const item = this.CONSUME1(t.WordToken) as ShellToken;
              this.ACTION(() => words!.push(item.word ?? noWord));
            });
            this.OR1([{ ALT: () => this.CONSUME1(t.Semi) }, { ALT: () => this.CONSUME(t.Newline) }]);
          },
        },
      ]);
      this.OPTION2(() => this.SUBRULE1(this.newlineList));
    });
    const body = this.SUBRULE(this.doGroup);
    return this.ACTION(() => {
      return {
        kind: 'for',
        name: nameOf(name, 'for loop variable'),
        words,
        body,
        redirections: [],
        span: this.spanFrom(start),
      };
    });
  });

  readonly caseClause = this.RULE('case_clause', (): CompoundCommand => {
    const start = this.peek();
    const items: CaseItem[] = [];
    this.CONSUME(t.Case);
    const subject = this.CONSUME(t.WordToken) as ShellToken;
    this.OPTION(() => this.SUBRULE(this.newlineList));
    this.CONSUME(t.In);
    this.OPTION1(() => this.SUBRULE1(this.newlineList));
    let more = true;
    this.MANY({
      GATE: () => more,
      DEF: () => {
        const { item, last } = this.SUBRULE(this.caseItem);
        more = !last;
        this.ACTION(() => items.push(item));
      },
    });
    this.CONSUME(t.Esac);
    return this.ACTION(() => ({
      kind: 'case',
      subject: subject.word ?? noWord,
      items,
      redirections: [],
      span: this.spanFrom(start),
    }));
  });

  readonly caseItem = this.RULE('case_item', (): { item: CaseItem; last: boolean } => {
    const start = this.peek();
    const patterns: Word[] = [];
    let body: List | undefined;
    let terminator: ';;' | ';&' = ';;';
    let last = true;
    this.OPTION(() => this.CONSUME(t.LParen));
    const first = this.CONSUME(t.WordToken) as ShellToken;
    this.ACTION(() => patterns.push(first.word ?? noWord));
    this.MANY(() => {
      this.CONSUME(t.Or);
      const next = this.CONSUME1(t.WordToken) as ShellToken;
      this.ACTION(() => patterns.push(next.word ?? noWord));
    });
    this.CONSUME(t.RParen);
    this.OPTION3(() => this.SUBRULE(this.newlineList));
    this.OPTION1(() => {
      body = this.SUBRULE(this.compoundList);
    });
    this.OPTION2(() => {
      this.OR([
        { ALT: () => this.CONSUME(t.DSemi) },
        {
          ALT: () => {
            this.CONSUME(t.SemiAnd);
            terminator = ';&';
          },
        },
      ]);
      last = false;
      this.OPTION4(() => this.SUBRULE1(this.newlineList));
    });
    return this.ACTION(() => ({ item: { patterns, body, terminator, span: this.spanFrom(start) }, last }));
  });

  readonly ifClause = this.RULE('if_clause', (): CompoundCommand => {
    const start = this.peek();
    const branches: { condition: List; body: List }[] = [];
    let otherwise: List | undefined;
    this.CONSUME(t.If);
    const condition = this.SUBRULE(this.compoundList);
    this.CONSUME(t.Then);
    const body = this.SUBRULE1(this.compoundList);
    this.ACTION(() => branches.push({ condition, body }));
    this.MANY(() => {
      this.CONSUME(t.Elif);
      const test = this.SUBRULE2(this.compoundList);
      this.CONSUME1(t.Then);
      const then = this.SUBRULE3(this.compoundList);
      this.ACTION(() => branches.push({ condition: test, body: then }));
    });
    this.OPTION(() => {
      this.CONSUME(t.Else);
      otherwise = this.SUBRULE4(this.compoundList);
    });
    this.CONSUME(t.Fi);
    return this.ACTION(() => ({ kind: 'if', branches, otherwise, redirections: [], span: this.spanFrom(start) }));
  });

  readonly whileClause = this.RULE('while_clause', (): CompoundCommand => {
    const start = this.peek();
    let until = false;
    this.OR([
      { ALT: () => this.CONSUME(t.While) },
      {
        ALT: () => {
          this.CONSUME(t.Until);
          until = true;
        },
      },
    ]);
    const condition = this.SUBRULE(this.compoundList);
    const body = this.SUBRULE(this.doGroup);
    return this.ACTION(() => ({ kind: 'while', until, condition, body, redirections: [], span: this.spanFrom(start) }));
  });

  readonly doGroup = this.RULE('do_group', (): List => {
    this.CONSUME(t.Do);
    const body = this.SUBRULE(this.compoundList);
    this.CONSUME(t.Done);
    return body;
  });

  readonly functionDefinition = this.RULE('function_definition', (): Command => {
    const start = this.peek();
    const name = this.CONSUME(t.FunctionName) as ShellToken;
    this.CONSUME(t.LParen);
    this.CONSUME(t.RParen);
    this.OPTION(() => this.SUBRULE(this.newlineList));
    const body = this.SUBRULE(this.compoundCommand);
    return this.ACTION(() => {
      return { kind: 'function', name: functionName(name), body, span: this.spanFrom(start) };
    });
  });

  private readonly simpleParts = [
    {
      ALT: () => {
        do {
          const token = this.CONSUME(t.WordToken) as ShellToken;
          this.words.push(token.word ?? noWord);
          // Word after word is what most of a script is: they need no choice of an alternative each.
        } while (this.peek().tokenType === t.WordToken);
      },
    },
    {
      ALT: () => {
        const token = this.CONSUME(t.AssignmentToken) as ShellToken;
        const span = { start: token.startOffset, end: token.endOffset, line: token.startLine };
        this.assignments.push({ name: token.name ?? '', value: token.word ?? noWord, span });
      },
    },
    {
      ALT: () => {
        const redirection = this.SUBRULE(this.ioRedirect);
        this.redirections.push(redirection);
      },
    },
  ];
  private readonly simplePart = { DEF: () => this.OR(this.simpleParts), ERR_MSG: 'a command' };
  /** No command is inside another one's words here: substitutions were parsed when the word was read. */
  readonly simpleCommand = this.RULE('simple_command', (): SimpleCommand => {
    const start = this.peek();
    if (this.assignments.length > 0) this.assignments = [];
    if (this.words.length > 0) this.words = [];
    if (this.redirections.length > 0) this.redirections = [];
    this.AT_LEAST_ONE(this.simplePart);
    const words = this.words.length > 0 ? this.words : none;
    const assignments = this.assignments.length > 0 ? this.assignments : none;
    const redirections = this.redirections.length > 0 ? this.redirections : none;
    return { kind: 'simple', assignments, words, redirections, span: this.spanFrom(start) };
  });

  private readonly ioNumber = () => this.CONSUME(t.IoNumber) as ShellToken;
  private readonly ioOperators = [
    { ALT: () => this.CONSUME(t.Less) },
    { ALT: () => this.CONSUME(t.Great) },
    { ALT: () => this.CONSUME(t.Clobber) },
    { ALT: () => this.CONSUME(t.DGreat) },
    { ALT: () => this.CONSUME(t.LessGreat) },
    { ALT: () => this.CONSUME(t.LessAnd) },
    { ALT: () => this.CONSUME(t.GreatAnd) },
    { ALT: () => this.CONSUME(t.DLess) },
    { ALT: () => this.CONSUME(t.DLessDash) },
  ];
  readonly ioRedirect = this.RULE('io_redirect', (): Redirection => {
    const start = this.peek();
    const number = this.OPTION(this.ioNumber);
    const operator = operatorText((this.OR(this.ioOperators) as ShellToken).tokenType);
    const target = this.CONSUME(t.WordToken) as ShellToken;
    const fd = number === undefined ? undefined : Number(number.image);
    const { here } = target;
    const plain = { operator, fd, target: target.word ?? noWord, span: this.spanFrom(start) };
    return here?.body === undefined ? plain : { ...plain, body: here.body, quoted: here.quoted };
  });

  private readonly newline = () => this.CONSUME(t.Newline);
  /** One newline or more; `linebreak` is an optional one. */
  readonly newlineList = this.RULE('newline_list', (): void => {
    this.AT_LEAST_ONE(this.newline);
  });
}

const operators = new Map<TokenType, RedirectionOperator>([
  [t.Less, '<'],
  [t.Great, '>'],
  [t.Clobber, '>|'],
  [t.DGreat, '>>'],
  [t.LessGreat, '<>'],
  [t.LessAnd, '<&'],
  [t.GreatAnd, '>&'],
  [t.DLess, '<<'],
  [t.DLessDash, '<<-'],
]);
const operatorText = (type: TokenType): RedirectionOperator => operators.get(type) ?? '<';

/** A token that must be a name (XBD 3.216). */
function nameOf(token: ShellToken, what: string): string {
  const parts = token.word?.parts ?? [];
  const text = parts.length === 1 && parts[0]!.kind === 'literal' ? parts[0]!.text : '';
  if (isName(text)) return text;
  throw new ShellSyntaxError(`bad ${what} ${shown(token)}`, token.startLine, token.startOffset, false);
}

/** A function's name: none of a special built-in's, which would never be looked up (XCU 2.9.5). */
function functionName(token: ShellToken): string {
  const name = nameOf(token, 'function name');
  if (!specialBuiltins.has(name)) return name;
  throw new ShellSyntaxError(`bad function name ${shown(token)}`, token.startLine, token.startOffset, false);
}

const specialBuiltins: ReadonlySet<string> = new Set(
  'break continue eval exec exit export readonly return set shift times trap unset'.split(' '),
);

/** Made when the module is loaded, so that a start-up snapshot has it. */
const parser = new CommandParser();

/** The grammar, for diagrams. */
export const serializedGrammar = () => parser.getSerializedGastProductions();

/** Where tokens end, and what is there: `)` or a backquote when they are a command substitution's, else the end of the text. */
export interface TokensEnd extends TextPosition {
  readonly closer?: ')' | '`';
}

/** Tokens to a program. A nested substitution has been parsed by the time its word is a token, so one parser serves. */
export function parseTokens(tokens: ShellToken[], end: TokensEnd): Program {
  parser.begin(tokens);
  const program = parser.program();
  const error = parser.errors[0];
  if (error === undefined) return program;
  const found = error.token as ShellToken;
  if (found.tokenType !== EOF)
    throw new ShellSyntaxError(
      `unexpected ${shown(found)}, expected ${error.message}`,
      found.startLine,
      found.startOffset,
      false,
    );
  const what = end.closer === undefined ? 'end of file' : `'${end.closer}'`;
  const incomplete = end.closer === undefined;
  throw new ShellSyntaxError(`unexpected ${what}, expected ${error.message}`, end.line, end.offset, incomplete);
}
