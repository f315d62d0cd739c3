/** Traps (XCU 2.12, 2.15 trap): actions run between commands, with `$?` kept. */
import { constants } from 'node:os';
import { setDisposition } from '../../host/libc.js';
import { done, type MaybePromise, type Outcome, signalName, then } from '../outcome.js';
import type { Code, Env, Shell, TrapAction } from '../state.js';
import { runGuarded } from './guard.js';

/**
 * Runs the actions of signals that arrived, then gives `outcome`, or the `exit` that an action made. A subshell of this process
 * leaves to the shell around it what it has no action for.
 */
export function runPendingTraps(env: Env, outcome: Outcome): MaybePromise<Outcome> {
  const { pendingSignals } = env.shell;
  const at = pendingSignals.findIndex((signal) => env.owner || isAction(env.traps.get(signal)));
  const signal = pendingSignals[at];
  if (signal === undefined) return outcome;
  pendingSignals.splice(at, 1);
  const action = env.traps.get(signal);
  if (!isAction(action)) return runPendingTraps(env, outcome);
  const { status } = env;
  return then(runAction(action, env), (result) => {
    if (result.divert !== undefined) return result;
    env.status = status;
    return runPendingTraps(env, outcome);
  });
}

const isAction = (action: TrapAction | undefined): action is string =>
  action !== undefined && action !== 'ignore' && action !== '';

/** `exit` without an operand in an action means the status before it (XCU exit). */
function runAction(action: string, env: Env): MaybePromise<Outcome> {
  const before = env.trapStatus;
  env.trapStatus = env.status;
  return then(env.shell.evaluate(action, env), (result) => {
    env.trapStatus = before;
    return result;
  });
}

/** Runs the EXIT trap once; its own `exit` changes the status. */
export function runExitTrap(env: Env, outcome: Outcome): MaybePromise<Outcome> {
  const action = env.traps.get(0);
  if (!isAction(action)) return outcome;
  env.traps.delete(0);
  env.status = outcome.status;
  const run: Code = (inner) => runAction(action, inner);
  return then(runGuarded(run, env), (result) => (result.divert?.kind === 'exit' ? done(result.status) : outcome));
}

/** Signals that this process catches, and those it ignores, for a trap. */
const caught = new Map<number, () => void>();
const ignored = new Set<number>();

/** Sets or (undefined) resets a signal's action. Signals ignored when the shell started stay ignored. */
export function setTrap(env: Env, signal: number, action: string | undefined): void {
  if (env.shell.ignoredAtStart.has(signal) && !env.shell.interactive) return;
  if (action === undefined) env.traps.delete(signal);
  else env.traps.set(signal, action === '' ? 'ignore' : action);
  if (signal === 0 || signal === 9 || signal === 19) return;
  if (env.owner) catchSignal(env.shell, signal, action);
  else if (action !== undefined && action !== '') {
    // A subshell in this process has no signals of its own: the process catches for it while it lasts.
    if (caught.has(signal)) return;
    catchSignal(env.shell, signal, action);
    env.caught ??= new Set();
    env.caught.add(signal);
  }
}

/** The end of a subshell of this process: what it alone caught is caught no more. */
export function releaseSignals(env: Env): void {
  for (const signal of env.caught ?? []) catchSignal(env.shell, signal, undefined);
  env.caught = undefined;
}

const { SIGUSR1 } = constants.signals;
const endByUsr1 = (): void => {
  restoreUsr1();
  process.kill(process.pid, SIGUSR1);
};

/** SIGUSR1 would start Node's debugger: from here on it ends the shell, until there is a trap. */
export function claimUsr1(): void {
  process.on('SIGUSR1', endByUsr1);
}

/** Gives SIGUSR1 the system's own default action if no trap was ever set for it: the event loop may be long in coming. */
export function restoreUsr1(): void {
  // What stops listening leaves the signal to its default.
  if (process.listenerCount('SIGUSR1') > 0) process.off('SIGUSR1', endByUsr1);
}

/** True when a signal to this process is one that some environment of it has an action for. */
export const isCaught = (signal: number): boolean => caught.has(signal);

/** What a program started in this environment must ignore, and must not, though this process does otherwise. */
export function inheritedSignals(env: Env): { ignore: readonly number[]; defaults: readonly number[] } {
  if (env.owner) return none;
  return {
    ignore: [...env.traps].filter(([signal, action]) => action === 'ignore' && !ignored.has(signal)).map(([n]) => n),
    defaults: [...ignored].filter((signal) => env.traps.get(signal) !== 'ignore'),
  };
}
const none = { ignore: [], defaults: [] };

/** Makes the process catch a signal, ignore it (`''`) or take its default (undefined). */
function catchSignal(shell: Shell, signal: number, action: string | undefined): void {
  const name = `SIG${signalName(signal)}` as NodeJS.Signals;
  const handler = caught.get(signal);
  if (handler !== undefined) {
    process.off(name, handler);
    caught.delete(signal);
  }
  ignored.delete(signal);
  if (signal === SIGUSR1) restoreUsr1();
  if (action === '') {
    ignored.add(signal);
    setDisposition(signal, 'ignore');
  } else if (action !== undefined) {
    const arrived = () => {
      shell.pendingSignals.push(signal);
      shell.onSignal?.();
    };
    caught.set(signal, arrived);
    process.on(name, arrived);
  } else if (!shell.interactive) setDisposition(signal, 'default');
}
