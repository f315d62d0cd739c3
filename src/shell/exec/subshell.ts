/** Subshells (XCU 2.13) in this process, and command substitution (2.6.3): an environment of their own, no fork. */
import { Capture } from '../files.js';
import { done, type MaybePromise, type Outcome, then } from '../outcome.js';
import type { Code, Env } from '../state.js';
import { runGuarded } from './guard.js';
import { releaseSignals, runExitTrap } from './traps.js';

/** Runs code in a copy of the environment; `exit`, `return` and `break` end there. */
export function runSubshell(code: Code, env: Env): MaybePromise<Outcome> {
  return runIn(env.fork(), code);
}

/** Runs code in an environment that is the callee's to dispose of. */
export function runIn(inner: Env, code: Code): MaybePromise<Outcome> {
  const finish = (outcome: Outcome): MaybePromise<Outcome> => {
    inner.status = outcome.status;
    return then(runExitTrap(inner, outcome), (last) => {
      inner.files.releaseAll();
      if (inner.caught !== undefined) releaseSignals(inner);
      return done(last.status);
    });
  };
  return then(runGuarded(code, inner), finish);
}

/** `$(…)`: standard output without trailing newlines; NUL bytes are dropped. `sole`: the only command in it, if just one. */
export function substitute(code: Code, sole: object | undefined, env: Env): MaybePromise<string> {
  const file = new Capture();
  const inner = env.fork();
  inner.files.set(1, file.retain());
  inner.capture = { file, sole };
  return then(runIn(inner, code), (outcome) => {
    env.substituted = outcome.status;
    return then(file.collect(), (text) => {
      let end = text.length;
      while (end > 0 && text.charCodeAt(end - 1) === 10) end -= 1;
      const value = end === text.length ? text : text.slice(0, end);
      return value.includes('\0') ? value.replaceAll('\0', '') : value;
    });
  });
}
