/** The outermost guard of an environment: what is thrown becomes a message and an outcome. */
import { type MaybePromise, type Outcome, ShellError } from '../outcome.js';
import { report } from '../report.js';
import type { Code, Env } from '../state.js';

export function runGuarded(code: Code, env: Env): MaybePromise<Outcome> {
  try {
    const result = code(env);
    return result instanceof Promise ? result.catch((error) => report(known(error), env)) : result;
  } catch (error) {
    return report(known(error), env);
  }
}

/** A stack overflow by endless recursion is the script's fault, not a bug. */
export function known(error: unknown): unknown {
  return error instanceof RangeError && /call stack/.test(error.message)
    ? new ShellError('maximum function recursion depth exceeded', 2, 'fatal', { cause: error })
    : error;
}
