/** An environment's state as text, for an onesh that continues from it (a subshell in another process, a shell agent). */
import { printCommand } from '../../../grammar/index.js';
import type { Env, OptionName, TrapAction } from '../state.js';

interface StateText {
  readonly source: string;
  readonly line: number;
  readonly name: string;
  readonly pid: number;
  readonly status: number;
  readonly lastAsync: number | undefined;
  readonly positional: readonly string[];
  readonly variables: readonly (readonly [string, string | undefined, boolean, boolean])[];
  readonly functions: readonly string[];
  readonly aliases: readonly (readonly [string, string])[];
  readonly options: readonly OptionName[];
  readonly traps: readonly (readonly [number, TrapAction])[];
  readonly cwd: string;
  readonly umask: number;
}

/** JSON; lone surrogates (bytes that are no UTF-8) survive as escapes. */
export function serialise(env: Env, source: string): string {
  const state: StateText = {
    source,
    line: env.line,
    name: env.argv0(),
    pid: env.shell.pid,
    status: env.status,
    lastAsync: env.lastAsync,
    positional: env.positional,
    variables: env.names().map((name) => {
      const { value, exported, readonly } = env.variable(name)!;
      return [name, value, exported, readonly];
    }),
    functions: [...env.functions.values()].map((f) => printCommand(f.definition)),
    aliases: [...env.aliases],
    options: (Object.keys(env.options) as OptionName[]).filter(
      (o) => env.options[o] && o !== 'monitor' && o !== 'interactive' && o !== 'stdin',
    ),
    traps: [...env.traps].filter(([, action]) => action === 'ignore'),
    cwd: env.cwd,
    umask: env.umask,
  };
  return JSON.stringify(state);
}

/** What a subshell process must know before its environment exists. */
export function readState(text: string): StateText {
  return JSON.parse(text) as StateText;
}

/** Puts a state into a fresh environment; returns the source to run. */
export function restoreState(state: StateText, env: Env): string {
  for (const [name, value, exported, readonly] of state.variables)
    env.declare(name, { ...(value === undefined ? {} : { value }), exported, readonly });
  // A definition runs at once and cannot wait.
  for (const text of state.functions) void env.shell.evaluate(text, env);
  for (const [name, value] of state.aliases) env.aliases.set(name, value);
  for (const option of state.options) env.options[option] = true;
  for (const [signal, action] of state.traps) env.traps.set(signal, action);
  env.positional = state.positional;
  env.status = state.status;
  env.lastAsync = state.lastAsync;
  env.cwd = state.cwd;
  env.umask = state.umask;
  env.line = state.line;
  env.subshell = true;
  return state.source;
}
