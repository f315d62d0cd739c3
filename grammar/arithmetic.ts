/** Arithmetic expressions (XCU 2.6.4): C's integer operators by precedence climbing. */
import { type Arithmetic, type BinaryOperator, ShellSyntaxError } from './ast.js';

/** Binding strength of the binary operators, weakest first (C17 6.5). `?:` and assignment are between `,` and `||`. */
const levels: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const strength = new Map<string, number>(levels.flatMap((operators, i) => operators.map((o) => [o, i] as const)));

const tokenPattern =
  /[ \t\n\r\f\v]*(?:(0[xX][0-9a-fA-F]+|[0-9]+)|([A-Za-z_][A-Za-z0-9_]*)|(<<=|>>=|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&^|]=|[-+*/%<>=!~&^|?:,()])|(\0))/y;

type Token = { readonly kind: 'number' | 'name' | 'operator' | 'operand'; readonly text: string; readonly end: number };

class ExpressionReader {
  private at = 0;
  private token: Token | undefined;
  private operands = 0;
  constructor(private readonly text: string) {
    this.advance();
  }

  private fail(what: string): never {
    throw new ShellSyntaxError(`arithmetic expression: expecting ${what}: "${this.text}"`, 1, this.at, false);
  }

  private advance(): void {
    tokenPattern.lastIndex = this.at;
    const found = tokenPattern.exec(this.text);
    if (found === null) {
      if (/[^ \t\n\r\f\v]/.test(this.text.slice(this.at))) this.fail(this.token === undefined ? 'primary' : 'EOF');
      this.token = undefined;
      return;
    }
    this.at = tokenPattern.lastIndex;
    const kind =
      found[1] !== undefined
        ? 'number'
        : found[2] !== undefined
          ? 'name'
          : found[3] !== undefined
            ? 'operator'
            : 'operand';
    this.token = { kind, text: found[1] ?? found[2] ?? found[3] ?? found[4]!, end: this.at };
  }

  private is(text: string): boolean {
    return this.token?.kind === 'operator' && this.token.text === text;
  }
  private take(text: string): boolean {
    if (!this.is(text)) return false;
    this.advance();
    return true;
  }

  whole(): Arithmetic {
    const value = this.comma();
    if (this.token !== undefined) this.fail('EOF');
    return value;
  }

  private comma(): Arithmetic {
    let left = this.assignment();
    while (this.take(',')) left = { kind: 'binary', operator: ',', left, right: this.assignment() };
    return left;
  }

  private assignment(): Arithmetic {
    const left = this.conditional();
    const text = this.token?.kind === 'operator' ? this.token.text : '';
    if (text !== '=' && (!/^(?:[-+*/%&^|]|<<|>>)=$/.test(text) || strength.has(text))) return left;
    if (left.kind !== 'variable') this.fail('EOF');
    this.advance();
    const operator = text === '=' ? undefined : (text.slice(0, -1) as BinaryOperator);
    return { kind: 'assign', name: left.name, operator, value: this.assignment() };
  }

  private conditional(): Arithmetic {
    const test = this.binary(0);
    if (!this.take('?')) return test;
    const then = this.comma();
    if (!this.take(':')) this.fail("':'");
    return { kind: 'conditional', test, then, otherwise: this.assignment() };
  }

  private binary(least: number): Arithmetic {
    let left = this.unary();
    for (;;) {
      const text = this.token?.kind === 'operator' ? this.token.text : '';
      // `3 --1` is a minus and a negative number: what `--` could decrement does not stand before it (dash, bash).
      const doubled = text === '--' || text === '++';
      const operator = doubled ? text[0]! : text;
      const level = strength.get(operator);
      if (level === undefined || level < least) return left;
      if (doubled) this.token = { kind: 'operator', text: operator, end: this.at };
      else this.advance();
      left = { kind: 'binary', operator: operator as BinaryOperator, left, right: this.binary(level + 1) };
    }
  }

  private unary(): Arithmetic {
    for (const operator of ['-', '+', '!', '~'] as const)
      if (this.take(operator)) return { kind: 'unary', operator, operand: this.unary() };
    if (this.is('++') || this.is('--')) {
      const by = this.token!.text === '++' ? 1n : -1n;
      this.advance();
      // `--5` is two minus signs where no variable follows.
      if (this.token?.kind === 'name') {
        const name = this.token.text;
        this.advance();
        return { kind: 'increment', name, by, prefix: true };
      }
      const operator = by === 1n ? '+' : '-';
      return { kind: 'unary', operator, operand: { kind: 'unary', operator, operand: this.unary() } };
    }
    return this.postfix();
  }

  private postfix(): Arithmetic {
    const value = this.primary();
    if (value.kind === 'variable') {
      if (this.take('++')) return { kind: 'increment', name: value.name, by: 1n, prefix: false };
      if (this.take('--')) return { kind: 'increment', name: value.name, by: -1n, prefix: false };
    }
    return value;
  }

  private primary(): Arithmetic {
    const { token } = this;
    if (token === undefined) this.fail('primary');
    if (token.kind === 'number') {
      this.advance();
      if (/^0[0-9]*[89]/.test(token.text))
        throw new ShellSyntaxError(`Illegal number: ${token.text}`, 1, this.at, false);
      const octal = /^0[0-9]+$/.test(token.text);
      const value = BigInt(octal ? `0o${token.text.slice(1)}` : token.text);
      // strtoimax saturates (dash, bash).
      return { kind: 'number', value: value > 0x7fffffffffffffffn ? 0x7fffffffffffffffn : value };
    }
    if (token.kind === 'name') {
      this.advance();
      return { kind: 'variable', name: token.text };
    }
    if (token.kind === 'operand') {
      this.advance();
      this.operands += 1;
      return { kind: 'operand', index: this.operands - 1 };
    }
    if (!this.take('(')) this.fail('primary');
    const inner = this.comma();
    if (!this.take(')')) this.fail("')'");
    return inner;
  }
}

/**
 * Parses an expression's text, expansions already made, or a NUL (which no text of a shell has) in the place of each that will be
 * an operand by itself. @throws ShellSyntaxError
 */
export function parseArithmetic(text: string): Arithmetic {
  return new ExpressionReader(text).whole();
}
