/**
 * Simple commands (XCU 2.9.1): expansion, redirections, assignments, then a special built-in, a function, a built-in or a
 * program, in that order of look-up.
 */
import { printCommand, type SimpleCommand } from '../../../grammar/index.js';
import { expandWords, type Substitution, type WordCode } from '../expand/words.js';
import { done, exiting, type MaybePromise, type Outcome, ok, reasonOf, ShellError, then } from '../outcome.js';
import { report } from '../report.js';
import { type Builtin, builtinOf, type Env, type ShellFunction } from '../state.js';
import { type Assigned, compileAssignments, trace, withAssignments } from './assignments.js';
import { compileWords } from './declaration.js';
import { runPlanned } from './distributed.js';
import { drainCapture, lookup, programEnvironment, start, waitForeground } from './external.js';
import { wantsPlan } from './operands.js';
import {
  type Applied,
  applyRedirections,
  compileRedirections,
  type RedirectionCode,
  withRedirections,
} from './redirect.js';

export interface SimpleCode {
  readonly node: SimpleCommand;
  readonly redirections: readonly RedirectionCode[];
  run(env: Env): MaybePromise<Outcome>;
  /** The words only, for a pipeline that looks at all its stages before it starts any. */
  expand(env: Env): MaybePromise<readonly string[]>;
  assign(env: Env): MaybePromise<Assigned>;
  /** Goes on after `expand`. */
  runExpanded(fields: readonly string[], env: Env): MaybePromise<Outcome>;
}

/** The status of a command without a name: that of its last command substitution. */
const bareStatus = (env: Env): Outcome => (env.substituted === undefined ? ok : done(env.substituted));

const compiledSimple = new WeakMap<SimpleCommand, SimpleCode>();

export function compileSimple(node: SimpleCommand, substitution: Substitution): SimpleCode {
  const known = compiledSimple.get(node);
  if (known !== undefined) return known;
  const { words, expand } = compileWords(node.words, substitution);
  const { assign, assignHere } = compileAssignments(node.assignments, substitution);
  const redirections = compileRedirections(node.redirections, substitution);
  const { line } = node.span;

  /** No command name (XCU 2.9.1.3): assignments last, redirections do not. */
  const runBare = (env: Env): MaybePromise<Outcome> => {
    if (redirections.length === 0) {
      const wait = assignHere(env);
      return wait instanceof Promise ? wait.then(() => bareStatus(env)) : bareStatus(env);
    }
    return withRedirections(
      redirections,
      env,
      () => then(assignHere(env), () => bareStatus(env)),
      (error) => report(error, env),
    );
  };

  const code: SimpleCode = {
    node,
    redirections,
    assign,
    expand,
    run: (env) => {
      env.line = line;
      env.substituted = undefined;
      if (words.length === 0) return runBare(env);
      const quick = runNamed?.(env);
      if (quick !== undefined) return quick;
      const fields = expand(env);
      return fields instanceof Promise
        ? fields.then((list) => code.runExpanded(list, env))
        : code.runExpanded(fields, env);
    },
    runExpanded: (fields, env) => {
      const name = fields[0];
      if (name === undefined) return runBare(env);
      const builtin = builtinOf(fields, env);
      if (builtin?.special) return runSpecial(code, builtin, fields, env);
      const body = env.functions.get(name);
      if (body !== undefined) return runFunction(code, body, fields, env);
      if (builtin !== undefined) return runBuiltin(code, builtin, fields, env);
      if (wantsPlan(fields, env)) return runPlannedCommand(code, fields, env);
      return runExternal(code, fields, env);
    },
  };
  const name = redirections.length === 0 && node.assignments.length === 0 ? words[0]?.constant : undefined;
  const runNamed = name === undefined ? undefined : compileNamed(name, words);
  compiledSimple.set(node, code);
  return code;
}

/**
 * A command whose name is known, with nothing around it: calls the function of that name, or goes the short way of the built-in.
 * undefined: it is neither, and nothing has been done.
 */
function compileNamed(name: string, words: readonly WordCode[]): (env: Env) => MaybePromise<Outcome> | undefined {
  const args = words.slice(1);
  let builtins: Env['shell']['builtins'] | undefined;
  let special = false;
  let shortcut: ((env: Env) => Outcome | undefined) | undefined;
  return (env) => {
    if (env.options.xtrace) return undefined;
    if (builtins !== env.shell.builtins) {
      builtins = env.shell.builtins;
      const builtin = builtins.get(name);
      special = builtin?.special === true;
      shortcut = builtin?.shortcut?.(words);
    }
    const body = special ? undefined : env.functions.get(name);
    if (body === undefined) return shortcut?.(env);
    const list = expandWords(args, env);
    return list instanceof Promise
      ? list.then((later) => callFunction(body, later, env))
      : callFunction(body, list, env);
  };
}

/** Assignments before a special built-in last (XCU 2.9.1.2). An error in one ends a non-interactive shell. */
function runSpecial(code: SimpleCode, builtin: Builtin, fields: readonly string[], env: Env): MaybePromise<Outcome> {
  if (isPlain(code, env)) {
    try {
      const result = builtin.run(fields, env);
      return result instanceof Promise ? result.catch(fatally) : result;
    } catch (error) {
      return fatally(error);
    }
  }
  const run = (): MaybePromise<Outcome> =>
    then(code.assign(env), (assigned) => {
      for (const [name, value] of assigned) env.set(name, value);
      // The program that takes the shell's place gets them too.
      if (fields.length > 1 && fields[0] === 'exec')
        for (const [name] of assigned) env.declare(name, { exported: true });
      if (env.options.xtrace) trace(env, assigned, fields);
      return guard(() => builtin.run(fields, env), fatally);
    });
  if (code.redirections.length === 0) return run();
  // `exec` without a command keeps its redirections: it says so by taking them over.
  if (fields[0] === 'exec' && fields.length === 1) return keepRedirections(code, run, env);
  return withRedirections(code.redirections, env, run, fatally);
}

function keepRedirections(code: SimpleCode, run: () => MaybePromise<Outcome>, env: Env): MaybePromise<Outcome> {
  let applied: MaybePromise<Applied>;
  try {
    applied = applyRedirections(code.redirections, env);
  } catch (error) {
    return fatally(error);
  }
  const go = (active: Applied) => {
    active.keep();
    return run();
  };
  return applied instanceof Promise ? applied.then(go, fatally) : go(applied);
}

/** An error of a special built-in or its redirections is fatal (XCU 2.8.1). */
function fatally(error: unknown): never {
  if (error instanceof ShellError && error.severity === 'utility') {
    throw new ShellError(error.message, error.status, 'fatal', { cause: error });
  }
  throw error;
}

function guard(
  run: () => MaybePromise<Outcome>,
  failed: (error: unknown) => MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  try {
    const result = run();
    return result instanceof Promise ? result.catch(failed) : result;
  } catch (error) {
    return failed(error);
  }
}

/** Redirections, assignments and trace around a function or a built-in. */
function around(
  code: SimpleCode,
  fields: readonly string[],
  env: Env,
  run: () => MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  if (code.redirections.length === 0) return assigning(code, fields, env, run);
  return withRedirections(
    code.redirections,
    env,
    () => assigning(code, fields, env, run),
    (error) => report(error, env),
  );
}

/** Assignments and trace around a function or a built-in. */
function assigning(
  code: SimpleCode,
  fields: readonly string[],
  env: Env,
  run: () => MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  const assigned = code.assign(env);
  if (assigned instanceof Promise) {
    return assigned.then((later) => {
      if (env.options.xtrace) trace(env, later, fields);
      return withAssignments(later, env, run);
    });
  }
  if (env.options.xtrace) trace(env, assigned, fields);
  return withAssignments(assigned, env, run);
}

/** Neither redirections nor assignments nor a trace around the command. */
const isPlain = (code: SimpleCode, env: Env): boolean =>
  code.redirections.length === 0 && code.node.assignments.length === 0 && !env.options.xtrace;

function runBuiltin(code: SimpleCode, builtin: Builtin, fields: readonly string[], env: Env): MaybePromise<Outcome> {
  if (isPlain(code, env)) return callBuiltin(builtin, fields, env);
  return around(code, fields, env, () => callBuiltin(builtin, fields, env));
}

function callBuiltin(builtin: Builtin, fields: readonly string[], env: Env): MaybePromise<Outcome> {
  try {
    const result = builtin.run(fields, env);
    return result instanceof Promise ? result.catch((error) => builtinFailed(error, fields[0]!, env)) : result;
  } catch (error) {
    return builtinFailed(error, fields[0]!, env);
  }
}

/**
 * A regular built-in that cannot do its work says why and fails, whatever the reason (XCU 2.8.1); nobody reading its output ends it
 * as SIGPIPE would.
 */
export function builtinFailed(error: unknown, name: string, env: Env): Outcome {
  if (error instanceof ShellError) return report(new ShellError(error.message, error.status), env);
  const reason = reasonOf(error);
  if (reason === 'Broken pipe' && env.traps.get(13) !== 'ignore') return { status: 141, divert: { kind: 'exit' } };
  return report(new ShellError(`${name}: ${reason}`, 1), env);
}

function runFunction(
  code: SimpleCode,
  body: ShellFunction,
  fields: readonly string[],
  env: Env,
): MaybePromise<Outcome> {
  if (isPlain(code, env)) return callFunction(body, fields.slice(1), env);
  return around(code, fields, env, () => callFunction(body, fields.slice(1), env));
}

/** Calls a function (XCU 2.9.5): its arguments are the positional parameters while it runs. */
export function callFunction(body: ShellFunction, args: readonly string[], env: Env): MaybePromise<Outcome> {
  // A recursion without end through pipelines comes back to nothing else that would notice.
  if (env.shell.interrupted !== undefined) return exiting(128 + env.shell.interrupted);
  const { positional, loops, capture } = env;
  // Its body may run any number of programs.
  if (capture?.sole !== undefined) env.capture = { file: capture.file, sole: undefined };
  env.positional = args;
  env.loops = 0;
  env.enterFunction();
  let result: MaybePromise<Outcome>;
  try {
    result = body.run(env);
  } catch (error) {
    leaveFunction(env, positional, loops, capture);
    throw error;
  }
  if (result instanceof Promise) {
    return result.then(returned).finally(() => leaveFunction(env, positional, loops, capture));
  }
  leaveFunction(env, positional, loops, capture);
  return returned(result);
}

function leaveFunction(env: Env, positional: readonly string[], loops: number, capture: Env['capture']): void {
  env.leaveFunction();
  env.positional = positional;
  env.loops = loops;
  env.capture = capture;
}

/** A `return` has reached its function. */
const returned = (outcome: Outcome): Outcome => (outcome.divert?.kind === 'return' ? done(outcome.status) : outcome);

/** A command that the cluster has a part in is a pipeline of one stage. Its environment is a copy: redirections end with it. */
function runPlannedCommand(code: SimpleCode, fields: readonly string[], env: Env): MaybePromise<Outcome> {
  const stageEnv = env.fork();
  stageEnv.subshell = env.subshell;
  return guard(
    () => runPlanned([{ kind: 'expanded', simple: code, fields, env: stageEnv }], printCommand(code.node), env, false),
    (error) => report(error, env),
  );
}

function runExternal(code: SimpleCode, fields: readonly string[], env: Env): MaybePromise<Outcome> {
  const launchNow = (): MaybePromise<Outcome> =>
    then(code.assign(env), (assigned) => {
      for (const [name] of assigned) env.assignable(name);
      if (env.options.xtrace) trace(env, assigned, fields);
      const path = assigned.find(([name]) => name === 'PATH')?.[1];
      const found = lookup(fields[0]!, env, path);
      if ('status' in found) return report(new ShellError(found.message, found.status), env);
      const environment = programEnvironment(env, assigned);
      const text = env.options.monitor ? printCommand(code.node) : fields[0]!;
      const group = env.options.monitor && !env.subshell ? 0 : undefined;
      try {
        const child = start({ path: found.path, argv: fields, environment, text }, env, group, undefined, true);
        drainCapture(env, code.node);
        return waitForeground([child], text, group === undefined ? undefined : child.pid, env);
      } catch (error) {
        return report(error, env);
      }
    });
  if (code.redirections.length === 0) return launchNow();
  return withRedirections(code.redirections, env, launchNow, (error) => report(error, env));
}
