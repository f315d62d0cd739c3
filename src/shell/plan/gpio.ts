/** Which GPIO lines a JavaScript program opens: `new Gpio(4, 'in')`, found in its syntax tree, constants followed. */
import { type Node, parse } from 'acorn';

export interface GpioUse {
  /** Its number, or as a program names a line of any machine: `lamp`, `/dev/lamp`, `pi3:7`, `/net/pi3/dev/lamp`. */
  readonly line: number | string;
  readonly direction: 'in' | 'out';
}

type Tree = Node & Record<string, unknown>;

const isNode = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && typeof (value as Tree).type === 'string';

/** Every `new …Gpio(LINE, DIRECTION)` whose line is a constant. Text that does not parse has none: Node will say what is wrong. */
export function gpioLines(text: string): GpioUse[] {
  if (!text.includes('onoff')) return [];
  const tree = parseEither(text);
  if (tree === undefined) return [];
  const constants = new Map<string, unknown>();
  const uses: GpioUse[] = [];
  visit(tree, (node) => {
    if (node.type === 'VariableDeclarator' && isNode(node.id) && node.id.type === 'Identifier' && isNode(node.init)) {
      if (node.init.type === 'Literal') constants.set(String(node.id.name), node.init.value);
    }
  });
  const constant = (node: unknown): unknown =>
    !isNode(node)
      ? undefined
      : node.type === 'Literal'
        ? node.value
        : node.type === 'Identifier'
          ? constants.get(String(node.name))
          : undefined;
  visit(tree, (node) => {
    if (node.type !== 'NewExpression' || !isNode(node.callee)) return;
    const callee = node.callee;
    const name = callee.type === 'MemberExpression' && isNode(callee.property) ? callee.property.name : callee.name;
    if (name !== 'Gpio' && name !== 'GPIO') return;
    const [line, direction] = (node.arguments as unknown[]).map(constant);
    if (typeof line === 'number' || typeof line === 'string')
      uses.push({ line, direction: direction === 'in' ? 'in' : 'out' });
  });
  return uses;
}

function parseEither(text: string): Tree | undefined {
  for (const sourceType of ['module', 'script'] as const) {
    try {
      return parse(text, {
        ecmaVersion: 'latest',
        sourceType,
        allowHashBang: true,
        allowReturnOutsideFunction: true,
      }) as unknown as Tree;
    } catch {
      // not this kind
    }
  }
  return undefined;
}

function visit(node: Tree, see: (node: Tree) => void): void {
  see(node);
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) for (const item of value) isNode(item) && visit(item, see);
    else if (isNode(value)) visit(value, see);
  }
}
