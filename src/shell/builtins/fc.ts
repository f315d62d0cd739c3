/** `fc` (XCU fc): lists commands of the history, or runs them again, edited. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createReader } from '../../../grammar/index.js';
import { quoteAlways } from '../exec/quote.js';
import type { History } from '../history.js';
import { type MaybePromise, type Outcome, ok, ShellError, then } from '../outcome.js';
import { print, writeError } from '../report.js';
import type { Builtin, Env } from '../state.js';

interface Request {
  list: boolean;
  numbers: boolean;
  reverse: boolean;
  /** `-s`: run again without an editor. */
  again: boolean;
  editor: string | undefined;
  operands: readonly string[];
}

/** @throws ShellError status 2 */
function parse(args: readonly string[]): Request {
  const request: Request = {
    list: false,
    numbers: true,
    reverse: false,
    again: false,
    editor: undefined,
    operands: [],
  };
  let i = 1;
  // A minus and a digit is an operand: how many commands ago.
  for (; i < args.length && /^-[^\d]/.test(args[i]!); i++) {
    if (args[i] === '--') {
      i += 1;
      break;
    }
    for (let at = 1; at < args[i]!.length; at++) {
      const letter = args[i]![at];
      if (letter === 'l') request.list = true;
      else if (letter === 'n') request.numbers = false;
      else if (letter === 'r') request.reverse = true;
      else if (letter === 's') request.again = true;
      else if (letter === 'e') {
        const attached = args[i]!.slice(at + 1);
        request.editor = attached !== '' ? attached : args[++i];
        if (request.editor === undefined) throw new ShellError('fc: -e requires an argument', 2);
        break;
      } else throw new ShellError(`fc: Illegal option -${letter}`, 2);
    }
  }
  request.operands = args.slice(i);
  // As ksh and bash have it.
  if (request.editor === '-') request.again = true;
  return request;
}

/** Index in the list of what an operand names; it may lie outside. @throws ShellError when no command begins so */
function locate(operand: string, history: History): number {
  if (/^\+?\d+$/.test(operand)) return Number(operand) - history.first;
  if (/^-\d+$/.test(operand)) return history.before + Number(operand);
  for (let i = history.before - 1; i >= 0; i--) if (history.entries[i]!.startsWith(operand)) return i;
  throw new ShellError(`fc: ${operand}: no such command in the history`, 2);
}

/** The commands from one operand to the other, as indices in the order wanted; what lies outside is the oldest or newest. */
function range(first: string, last: string, reverse: boolean, history: History): number[] {
  const inside = (operand: string) => Math.max(0, Math.min(history.before - 1, locate(operand, history)));
  const [from, to] = [inside(first), inside(last)];
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const found = Array.from({ length: history.before === 0 ? 0 : high - low + 1 }, (_, i) => low + i);
  return from > to || reverse ? found.reverse() : found;
}

function list({ operands, numbers, reverse }: Request, env: Env, history: History): MaybePromise<Outcome> {
  const lines = range(operands[0] ?? '-16', operands[1] ?? '-1', reverse, history).map((i) => {
    const text = history.entries[i]!.replaceAll('\n', '\n\t');
    return `${numbers ? i + history.first : ''}\t${text}\n`;
  });
  return then(print(env, lines.join('')), () => ok);
}

/** Enters the commands of a text in the history, each by itself, and runs them; they are seen on standard error. */
function rerun(text: string, env: Env, history: History): MaybePromise<Outcome> {
  writeError(env, text);
  const reader = createReader(text, { aliases: (name) => env.aliases.get(name) });
  let from = 0;
  try {
    while (reader.next() !== undefined) {
      history.add(text.slice(from, reader.offset));
      from = reader.offset;
    }
  } catch {
    // What is no command is entered as it is: running it says what is wrong.
    history.add(text.slice(from));
  }
  return env.shell.evaluate(text, env);
}

function again({ operands }: Request, env: Env, history: History): MaybePromise<Outcome> {
  const change = operands[0]?.includes('=') ? operands[0] : undefined;
  const operand = (change === undefined ? operands[0] : operands[1]) ?? '-1';
  const command = history.entries[locate(operand, history)];
  if (command === undefined) throw new ShellError(`fc: ${operand}: no such command in the history`, 2);
  if (change === undefined) return rerun(`${command}\n`, env, history);
  const equals = change.indexOf('=');
  const [old, replacement] = [change.slice(0, equals), change.slice(equals + 1)];
  return rerun(`${command.replace(old, () => replacement)}\n`, env, history);
}

function edit({ operands, reverse, editor }: Request, env: Env, history: History): MaybePromise<Outcome> {
  const first = operands[0] ?? '-1';
  const chosen = range(first, operands[1] ?? first, reverse, history);
  if (chosen.length === 0) throw new ShellError('fc: the history is empty', 2);
  const directory = mkdtempSync(path.join(tmpdir(), 'onesh-fc-'));
  const file = path.join(directory, 'commands.sh');
  const clean = () => rmSync(directory, { recursive: true, force: true });
  const finish = (edited: Outcome): MaybePromise<Outcome> => {
    if (edited.status !== 0 || edited.divert !== undefined) {
      clean();
      return edited;
    }
    const text = readFileSync(file, 'utf8');
    clean();
    return rerun(text === '' || text.endsWith('\n') ? text : `${text}\n`, env, history);
  };
  writeFileSync(file, chosen.map((i) => `${history.entries[i]}\n`).join(''), { mode: 0o600 });
  const program = editor ?? (env.get('FCEDIT') || 'ed');
  return then(env.shell.evaluate(`${program} ${quoteAlways(file)}`, env), finish);
}

const fc: Builtin['run'] = (args, env) => {
  const request = parse(args);
  const { history } = env.shell;
  if (history === undefined) throw new ShellError('fc: there is no history: the shell is not interactive', 2);
  if (request.list) return list(request, env, history);
  // The command that calls up others is none of the history (XCU fc).
  history.withdraw();
  return request.again ? again(request, env, history) : edit(request, env, history);
};

export const historyUtility: Readonly<Record<string, Builtin>> = { fc: { special: false, run: fc } };
