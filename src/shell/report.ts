/** Messages to the user: one line on standard error, never a stack. */
import { done, exiting, type MaybePromise, type Outcome, reasonOf, ShellError } from './outcome.js';
import type { Env } from './state.js';

/** Writes to the environment's standard output. @throws ShellError when it cannot. */
export function print(env: Env, text: string): MaybePromise<void> {
  const file = env.files.get(1);
  if (file === undefined) throw new ShellError('write error: Bad file descriptor');
  return file.writeText(text, env.shell.activity);
}

/** Writes `NAME: line N: message` to standard error; a standard error that cannot be written is nobody's problem. */
export function complain(env: Env, message: string): void {
  const where = env.shell.interactive && env.source === undefined ? '' : `line ${env.line}: `;
  writeError(env, `${env.argv0()}: ${where}${message}\n`);
}

export function writeError(env: Env, text: string): void {
  try {
    const wait = env.files.get(2)?.writeText(text, env.shell.activity);
    if (wait instanceof Promise) wait.catch(() => {});
  } catch {
    // nowhere left to say it
  }
}

/**
 * A thrown value as message and outcome (XCU 2.8.1). A fatal error ends a non-interactive shell and every subshell; an
 * interactive one returns to its prompt, which its caller makes of the `exit`.
 */
export function report(error: unknown, env: Env): Outcome {
  if (error instanceof ShellError) {
    if (error.message !== '') complain(env, error.message);
    return error.severity === 'fatal' ? exiting(error.status) : done(error.status);
  }
  complain(env, reasonOf(error));
  return done(1);
}
