/**
 * AST to canonical text that parses back to the same AST. On one line where the language allows; a here-document forces lines
 * of its own.
 */
import type { AndOr, Command, List, Program, Redirection, Word, WordPart } from './ast.js';
import { isName } from './source.js';
import { reservedWords } from './tokens.js';

/** The bodies and delimiters of here-documents, to go behind the next newline. */
interface Output {
  readonly pending: string[];
  /** The last of them ended with the source, in the middle of a line: nothing can follow it. */
  open: boolean;
}

export function printProgram(program: Program): string {
  return programText(program).text;
}

function programText(program: Program): { readonly text: string; readonly open: boolean } {
  const out: Output = { pending: [], open: false };
  const text = printList(program.body, out, true);
  return { text: text + end(out), open: out.open };
}

export function printCommand(command: Command): string {
  const out: Output = { pending: [], open: false };
  return command1(command, out) + end(out);
}

/** Bodies of here-documents, if any wait. */
const end = (out: Output): string => (out.pending.length === 0 ? '' : `\n${out.pending.splice(0).join('')}`);

/** The same, where something may follow. */
const flush = (out: Output): string => (out.open ? '' : end(out));

/** Text with all quotes removed, as a delimiter is read. */
const plainText = (parts: readonly WordPart[]): string =>
  parts
    .map((p) =>
      p.kind === 'literal' || p.kind === 'quoted'
        ? p.text
        : p.kind === 'double-quoted'
          ? plainText(p.parts)
          : part(p, 'word'),
    )
    .join('');

/** `last`: the list ends a program, where no separator is needed. */
function printList(list: List, out: Output, last: boolean): string {
  let text = '';
  list.items.forEach((item, i) => {
    const final = i === list.items.length - 1;
    text += andOr(item.andOr, out);
    if (item.async) text += ' &';
    const lines = flush(out);
    if (lines !== '') text += lines;
    else if (!final) text += item.async ? ' ' : '; ';
    else if (!last) text += item.async ? ' ' : '; ';
  });
  return text;
}

function andOr(node: AndOr, out: Output): string {
  const pipeline = (p: AndOr['first']) => (p.negated ? '! ' : '') + p.commands.map((c) => command1(c, out)).join(' | ');
  return pipeline(node.first) + node.rest.map((r) => ` ${r.operator} ${pipeline(r.pipeline)}`).join('');
}

const body = (list: List, out: Output): string => printList(list, out, false);

function command1(command: Command, out: Output): string {
  switch (command.kind) {
    case 'simple': {
      const assignments = command.assignments.map((a) => `${a.name}=${word(a.value, 'assignment')}`);
      const words = command.words.map((w) => word(w, 'word'));
      const redirected = command.redirections.map((r) => redirection(r, out));
      // What looks like a reserved word is none behind a redirection, and must stay there.
      const first = assignments.length === 0 && reservedWords.has(words[0] ?? '');
      return (first ? [...redirected, ...words] : [...assignments, ...words, ...redirected]).join(' ');
    }
    case 'function':
      return `${command.name}() ${command1(command.body, out)}`;
    case 'brace-group':
      return `{ ${body(command.body, out)}}${redirections(command.redirections, out)}`;
    case 'subshell':
      return `(${body(command.body, out).replace(/; $/, '')})${redirections(command.redirections, out)}`;
    case 'if': {
      const branches = command.branches
        .map((b, i) => `${i === 0 ? 'if' : 'elif'} ${body(b.condition, out)}then ${body(b.body, out)}`)
        .join('');
      const otherwise = command.otherwise === undefined ? '' : `else ${body(command.otherwise, out)}`;
      return `${branches}${otherwise}fi${redirections(command.redirections, out)}`;
    }
    case 'while':
      return `${command.until ? 'until' : 'while'} ${body(command.condition, out)}do ${body(command.body, out)}done${redirections(command.redirections, out)}`;
    case 'for': {
      const words = command.words === undefined ? '' : ` in${command.words.map((w) => ` ${word(w, 'word')}`).join('')}`;
      return `for ${command.name}${words}; do ${body(command.body, out)}done${redirections(command.redirections, out)}`;
    }
    case 'case': {
      const items = command.items.map((item) => {
        const patterns = item.patterns.map((p) => word(p, 'word')).join(' | ');
        const text = item.body === undefined ? '' : printList(item.body, out, true);
        return `(${patterns}) ${text}${text === '' || text.endsWith('\n') ? '' : ' '}${item.terminator} `;
      });
      return `case ${word(command.subject, 'word')} in ${items.join('')}esac${redirections(command.redirections, out)}`;
    }
    default:
      return command satisfies never;
  }
}

const isParameter = (name: string): boolean => isName(name) || /^(?:[0-9]+|[@*#?$!-])$/.test(name);

const redirections = (list: readonly Redirection[], out: Output): string =>
  list.map((r) => ` ${redirection(r, out)}`).join('');

function redirection(r: Redirection, out: Output): string {
  const fd = r.fd === undefined ? '' : String(r.fd);
  if (r.body === undefined) return `${fd}${r.operator}${r.operator.endsWith('&') ? '' : ' '}${word(r.target, 'word')}`;
  // Leading tabs of the body are gone already, so `<<` says the same as `<<-` did.
  const text = r.quoted ? plainText(r.body.parts) : parts(r.body.parts, 'here');
  // A plain delimiter serves as well as any, as long as no line of the body is the same.
  const wanted = plainText(r.target.parts);
  let delimiter = isName(wanted) ? wanted : 'EOF';
  const lines = new Set(text.split('\n'));
  while (lines.has(delimiter)) delimiter += '_';
  const whole = text === '' || text.endsWith('\n');
  // What comes after a body that ended with the source is as empty as it.
  if (!out.open) out.pending.push(whole ? `${text}${delimiter}\n` : text);
  out.open ||= !whole;
  return `${fd}<<${r.quoted ? `'${delimiter}'` : delimiter}`;
}

export const printWord = (node: Word): string => word(node, 'word');

type Context = 'word' | 'assignment' | 'double' | 'here' | 'braces' | 'braces-double';

/** A word; the empty word of an operand prints as nothing. */
function word(node: Word, context: Context): string {
  if (node.parts.length === 0) return context === 'word' ? "''" : '';
  return parts(node.parts, context);
}

/** A `$` that is none but itself would take a `$(` behind it for its own: there the substitution is in backquotes, as it was. */
function parts(list: readonly WordPart[], context: Context): string {
  let text = '';
  list.forEach((p, i) => {
    const before = list[i - 1];
    if (p.kind === 'command' && before?.kind === 'literal' && before.text.endsWith('$'))
      text += backquoted(printProgram(p.program));
    else text += part(p, context);
  });
  return text;
}

const backquoted = (text: string): string => `\`${text.replace(/[\\`$]/g, '\\$&')}\``;

function part(p: WordPart, context: Context): string {
  const quoted = context === 'double' || context === 'here' || context === 'braces-double';
  switch (p.kind) {
    case 'literal':
      return p.text;
    case 'quoted':
      if (p.by === '\\') return `\\${p.text}`;
      if (context === 'here' || context === 'double') return p.text;
      if (p.by === "$'") return dollarQuote(p.text);
      return `'${p.text}'`;
    case 'double-quoted':
      return `"${parts(p.parts, 'double')}"`;
    case 'tilde':
      return `~${p.user}`;
    case 'parameter': {
      if (!p.braces) return `$${p.name}`;
      if (p.length) return `\${#${p.name}}`;
      if (p.operator === undefined) return `\${${p.name}}`;
      if (!isParameter(p.name)) return `\${${p.name}}`; // holds no expansion: all its text
      const inner: Context = quoted && !/^[#%]/.test(p.operator) ? 'braces-double' : 'braces';
      return `\${${p.name}${p.operator}${p.operand === undefined ? '' : word(p.operand, inner)}}`;
    }
    case 'command': {
      const { text, open } = programText(p.program);
      if (open) return backquoted(text);
      // `$((` would start an arithmetic expansion.
      return `$(${text.startsWith('(') ? ' ' : ''}${text})`;
    }
    case 'arithmetic':
      return `$((${word(p.expression, 'double')}))`;
    default:
      return p satisfies never;
  }
}

/** `$'…'` for text that plain quotes could hold as well, but whose AST says it was written so. */
function dollarQuote(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    const unit = text.charCodeAt(i);
    if (c === "'" || c === '\\') out += `\\${c}`;
    else if (unit >= 0xdc80 && unit <= 0xdcff && !/[\ud800-\udbff]/.test(text[i - 1] ?? ''))
      out += `\\${(unit - 0xdc00).toString(8).padStart(3, '0')}`;
    else if (unit < 32 || unit === 127) out += `\\${unit.toString(8).padStart(3, '0')}`;
    else out += c;
  }
  return `$'${out}'`;
}
