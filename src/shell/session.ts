/**
 * A shell session without a terminal interface: reads commands from a string, a file or standard input, one complete
 * command at a time, and runs each before it reads the next (XCU 2.1). `ui/` puts the line editor on top.
 */
import { createReader, type Program, parseText, type Reader, ShellSyntaxError } from '../../grammar/index.js';
import { decodeBytes } from '../wire/bytes.js';
import { compileProgram, word } from './exec/compile.js';
import { runGuarded } from './exec/guard.js';
import { runExitTrap, runPendingTraps } from './exec/traps.js';
import type { OpenFile } from './files.js';
import { fatal, type MaybePromise, type Outcome, ok, ShellError, then } from './outcome.js';
import { report, writeError } from './report.js';
import type { Env } from './state.js';

const aliasesOf = (env: Env) => ({ aliases: (name: string) => env.aliases.get(name) });

/** A syntax error as the fatal error it is for a non-interactive shell (XCU 2.8.1). */
function syntaxError(error: unknown, env: Env): never {
  if (!(error instanceof ShellSyntaxError)) throw error;
  env.line = error.line;
  throw fatal(`syntax error: ${error.message}`, 2);
}

function next(reader: Reader, env: Env): Program | undefined {
  try {
    return reader.next();
  } catch (error) {
    return syntaxError(error, env);
  }
}

/** Parses and runs text in an environment: `eval`, traps, dot scripts. @throws ShellError for a syntax error */
export function evaluate(text: string, env: Env): MaybePromise<Outcome> {
  const { line } = env;
  const reader = createReader(text, aliasesOf(env));
  const restore = <T>(value: T): T => {
    env.line = line;
    return value;
  };
  return then(runReader(reader, env, ok), restore);
}

/** Expands a prompt: what it executes is neither traced nor seen in `$?`. */
export function expandPrompt(text: string, env: Env): MaybePromise<string> {
  if (!/[$`\\]/.test(text)) return text;
  const { status, substituted, options } = env;
  const { xtrace } = options;
  options.xtrace = false;
  const finish = (expanded: string): string => {
    env.status = status;
    env.substituted = substituted;
    options.xtrace = xtrace;
    return expanded;
  };
  try {
    const result = word(parseText(text)).scalar(env);
    return result instanceof Promise ? result.then(finish, () => finish(text)) : finish(result);
  } catch (error) {
    if (!(error instanceof ShellSyntaxError || error instanceof ShellError)) throw error;
    return finish(text);
  }
}

function runReader(reader: Reader, env: Env, before: Outcome): MaybePromise<Outcome> {
  let last = before;
  for (;;) {
    const program = next(reader, env);
    if (program === undefined) return last;
    if (env.options.noexec && !env.shell.interactive) continue;
    const result = compileProgram(program)(env);
    if (result instanceof Promise) {
      return result.then((outcome) => {
        env.status = outcome.status;
        return outcome.divert === undefined || env.options.noexec ? runReader(reader, env, outcome) : outcome;
      });
    }
    env.status = result.status;
    if (result.divert !== undefined && !env.options.noexec) return result;
    last = result;
  }
}

/** Runs a whole text as the main program; `return` and a stray `break` end nothing. */
export function runText(text: string, env: Env): MaybePromise<Outcome> {
  if (env.options.verbose) writeError(env, text.endsWith('\n') ? text : `${text}\n`);
  const reader = createReader(text, aliasesOf(env));
  return runGuarded(() => runReader(reader, env, ok), env);
}

/** Reads one line, newline included, and no byte more; undefined at end of file. */
function readLine(file: OpenFile, env: Env): MaybePromise<string | undefined> {
  const seekable = file.unread(0);
  const parts: Buffer[] = [];
  const go = (): MaybePromise<string | undefined> => {
    for (;;) {
      const buffer = Buffer.allocUnsafe(seekable ? 4096 : 1);
      const got = file.read(buffer, env.shell.activity);
      if (got instanceof Promise) return got.then((n) => (use(buffer, n) ? finish() : go()));
      if (use(buffer, got)) return finish();
    }
  };
  const use = (buffer: Buffer, got: number): boolean => {
    if (got === 0) return true;
    const newline = buffer.subarray(0, got).indexOf(10);
    const taken = newline < 0 ? got : newline + 1;
    parts.push(buffer.subarray(0, taken));
    if (taken < got) file.unread(got - taken);
    return newline >= 0;
  };
  const finish = () => (parts.length === 0 ? undefined : decodeBytes(Buffer.concat(parts)));
  return go();
}

/** Reads the file that ENV names, as an interactive shell does at its start (XCU sh, ENV). */
export async function readStartup(env: Env): Promise<void> {
  const file = env.get('ENV');
  if (file !== undefined && file !== '') await env.shell.evaluate(`[ -r "${file}" ] && . "${file}"; :`, env);
}

/** Where an interactive session's or a piped script's lines come from. Asked for the next, it forgets an interrupt of the last. */
export type LineSource = (continuing: boolean) => MaybePromise<string | undefined>;

/** The environment's standard input as lines: what a command leaves unread is the next command (XCU sh, STDIN). */
export const standardInput =
  (env: Env): LineSource =>
  () => {
    env.shell.interrupted = undefined;
    const file = env.files.get(0);
    return file === undefined ? undefined : readLine(file, env);
  };

/** A line that may close a compound command; a backslash at its end may split what does. */
const mayClose = /[})\\]|\b(?:fi|done|esac)\b/;

/** Reads a complete command from lines; undefined at end of input. @throws ShellSyntaxError */
async function readCommand(
  lines: LineSource,
  env: Env,
  line: { number: number },
): Promise<{ program: Program | undefined; text: string } | undefined> {
  let text = '';
  /** Of the here-document that the text so far ends in. */
  let delimiter: string | undefined;
  let open = false;
  const first = line.number;
  for (;;) {
    const more = await lines(text !== '');
    if (more === undefined && text === '') return undefined;
    if (more !== undefined) {
      text += more;
      line.number += 1;
      if (env.options.verbose) writeError(env, more);
    }
    // A line of a here-document completes nothing, nor in an open compound command one that closes none.
    if (more !== undefined && delimiter !== undefined && more.replace(/^\t+|\n$/g, '') !== delimiter) continue;
    if (more !== undefined && open && env.aliases.size === 0 && !mayClose.test(more)) continue;
    try {
      const partial = more !== undefined;
      return { program: createReader(text, { ...aliasesOf(env), line: first, partial }).next(), text };
    } catch (error) {
      if (!(error instanceof ShellSyntaxError) || !error.incomplete || more === undefined) throw error;
      ({ delimiter, open } = error);
    }
  }
}

/** Runs commands from lines until end of input or `exit`. An interactive shell goes on after an error (XCU 2.8.1). */
export async function runLines(
  lines: LineSource,
  env: Env,
  onCommand?: (text: string, program: Program | undefined) => void,
): Promise<Outcome> {
  const { shell } = env;
  const line = { number: 1 };
  let last = ok;
  for (;;) {
    let outcome: Outcome;
    try {
      const command = await readCommand(lines, env, line);
      if (command === undefined) return last;
      const { program } = command;
      onCommand?.(command.text, program);
      if (program === undefined || (env.options.noexec && !shell.interactive)) continue;
      outcome = await runGuarded(compileProgram(program), env);
    } catch (error) {
      try {
        syntaxError(error, env);
      } catch (known) {
        outcome = report(known, env);
        // Not the text but the reading of it failed, and would again.
        if (!(known instanceof ShellError)) return outcome;
      }
    }
    env.status = outcome.status;
    last = outcome;
    if (outcome.divert?.kind === 'exit') {
      if (!shell.interactive || shell.exitAsked) return outcome;
      // An error or Ctrl-C ended the command, not the session.
      env.tested = 0;
      env.loops = 0;
    }
  }
}

/** The end of a session: EXIT trap, then what still flows to other machines. Gives the exit status. */
export async function finishSession(env: Env, outcome: Outcome): Promise<number> {
  env.status = outcome.status;
  const pending = await runGuarded(() => runPendingTraps(env, outcome), env);
  const last = await runExitTrap(env, pending);
  await Promise.allSettled([...env.shell.flushes]);
  return last.status;
}
