/**
 * Simple commands (XCU 2.9.1): expansion, redirections, assignments, then a special built-in, a function, a built-in or a
 * program, in that order of look-up.
 */
import { type Assignment, printCommand, type SimpleCommand, type Word } from '../../../grammar/index.js';
import { compileWord, expandWords, type Substitution, type WordCode } from '../expand/words.js';
import { done, type MaybePromise, type Outcome, ok, reasonOf, ShellError, then } from '../outcome.js';
import { report, writeError } from '../report.js';
import type { Builtin, Env, ShellFunction } from '../state.js';
import { slotOf, type Variable } from '../variables.js';
import { runPlanned } from './distributed.js';
import { drainCapture, lookup, programEnvironment, start, waitForeground } from './external.js';
import { wantsPlan } from './operands.js';
import { quoteWord } from './quote.js';
import {
  type Applied,
  applyRedirections,
  compileRedirections,
  type RedirectionCode,
  withRedirections,
} from './redirect.js';

export type Assigned = readonly (readonly [name: string, value: string])[];

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

const declarations = new Set(['export', 'readonly', 'local']);

/** Words of a declaration utility: an operand with `NAME=` is expanded as an assignment (XCU 2.9.1.2). */
function compileWords(words: readonly Word[], substitution: Substitution): WordCode[] {
  const first = words[0]?.parts[0];
  const second = words[1]?.parts[0];
  const name =
    first?.kind === 'literal'
      ? first.text === 'command' && second?.kind === 'literal'
        ? second.text
        : first.text
      : '';
  const declaring = declarations.has(name);
  return words.map((node) => {
    const code = compileWord(node, substitution);
    const part = node.parts[0];
    if (!declaring || part?.kind !== 'literal' || !/^[A-Za-z_][A-Za-z0-9_]*=/.test(part.text)) return code;
    return { ...code, single: undefined, into: (env, sink) => then(code.scalar(env), (text) => sink.quoted(text)) };
  });
}

interface AssignmentCode {
  readonly name: string;
  readonly value: WordCode;
  /** Expands the value and assigns it. */
  assign(env: Env): MaybePromise<void>;
}

function compileAssignment(node: Assignment, substitution: Substitution): AssignmentCode {
  const { name } = node;
  const slot = slotOf(name);
  const value = compileWord(node.value, substitution);
  const { result, integer, scalar } = value;
  if (result !== undefined) {
    const assign = (env: Env): MaybePromise<void> => {
      const number = result(env);
      if (number instanceof Promise) return number.then((later) => env.setInteger(slot, later));
      env.setInteger(slot, number);
    };
    return { name, value, assign };
  }
  const assign = (env: Env): MaybePromise<void> => {
    const number = integer?.(env);
    if (number !== undefined) {
      env.setInteger(slot, number);
      return;
    }
    const text = scalar(env);
    if (text instanceof Promise) return text.then((later) => env.setAt(slot, later));
    env.setAt(slot, text);
  };
  return { name, value, assign };
}

/** The status of a command without a name: that of its last command substitution. */
const bareStatus = (env: Env): Outcome => (env.substituted === undefined ? ok : done(env.substituted));

const compiledSimple = new WeakMap<SimpleCommand, SimpleCode>();

export function compileSimple(node: SimpleCommand, substitution: Substitution): SimpleCode {
  const known = compiledSimple.get(node);
  if (known !== undefined) return known;
  const words = compileWords(node.words, substitution);
  const assignments = node.assignments.map((a: Assignment) => compileAssignment(a, substitution));
  const redirections = compileRedirections(node.redirections, substitution);
  const { line } = node.span;

  const assign = (env: Env): MaybePromise<Assigned> => {
    if (assignments.length === 0) return none;
    const out: (readonly [string, string])[] = [];
    const go = (from: number): MaybePromise<Assigned> => {
      for (let i = from; i < assignments.length; i++) {
        const { name, value } = assignments[i]!;
        const text = value.scalar(env);
        if (text instanceof Promise) {
          return text.then((later) => {
            out.push([name, later]);
            return go(i + 1);
          });
        }
        out.push([name, text]);
      }
      return out;
    };
    return go(0);
  };

  /** `x=1 y=$x`: each is assigned before the next is expanded. */
  const assignHere = (env: Env, from: number): MaybePromise<void> => {
    for (let i = from; i < assignments.length; i++) {
      const { name, assign: assignOne } = assignments[i]!;
      const wait = assignOne(env);
      if (wait instanceof Promise) {
        return wait.then(() => {
          traceAssigned(env, name);
          return assignHere(env, i + 1);
        });
      }
      if (env.options.xtrace) traceAssigned(env, name);
    }
  };

  /** No command name (XCU 2.9.1.3): assignments last, redirections do not. */
  const runBare = (env: Env): MaybePromise<Outcome> => {
    if (redirections.length === 0) {
      const wait = assignHere(env, 0);
      return wait instanceof Promise ? wait.then(() => bareStatus(env)) : bareStatus(env);
    }
    return withRedirections(
      redirections,
      env,
      () => then(assignHere(env, 0), () => bareStatus(env)),
      (error) => report(error, env),
    );
  };

  let shortcut:
    | { readonly builtin: Builtin; readonly run: ((env: Env) => Outcome | undefined) | undefined }
    | undefined;
  /** The outcome of the command by the short way of a built-in, if it has one. */
  const runShort = (name: string, env: Env): Outcome | undefined => {
    const builtin = env.shell.builtins.get(name);
    if (builtin === undefined) return undefined;
    if (shortcut?.builtin !== builtin) shortcut = { builtin, run: builtin.shortcut?.(words) };
    if (shortcut.run === undefined || env.options.xtrace || (!builtin.special && env.functions.has(name)))
      return undefined;
    return shortcut.run(env);
  };
  const shortName = redirections.length === 0 && assignments.length === 0 ? words[0]?.constant : undefined;

  const code: SimpleCode = {
    node,
    redirections,
    assign,
    expand: (env) => expandWords(words, env),
    run: (env) => {
      env.line = line;
      env.substituted = undefined;
      if (words.length === 0) return runBare(env);
      if (shortName !== undefined) {
        const outcome = runShort(shortName, env);
        if (outcome !== undefined) return outcome;
      }
      const fields = expandWords(words, env);
      return fields instanceof Promise
        ? fields.then((list) => code.runExpanded(list, env))
        : code.runExpanded(fields, env);
    },
    runExpanded: (fields, env) => {
      const name = fields[0];
      if (name === undefined) return runBare(env);
      const builtin = env.shell.builtins.get(name);
      if (builtin?.special) return runSpecial(code, builtin, fields, env);
      const body = env.functions.get(name);
      if (body !== undefined) return runFunction(code, body, fields, env);
      if (builtin !== undefined) return runBuiltin(code, builtin, fields, env);
      if (wantsPlan(fields, env)) return runPlannedCommand(code, fields, env);
      return runExternal(code, fields, env);
    },
  };
  compiledSimple.set(node, code);
  return code;
}

const none: Assigned = [];

function traceAssigned(env: Env, name: string): void {
  if (env.options.xtrace) trace(env, [[name, env.get(name) ?? '']], []);
}

function trace(env: Env, assigned: Assigned, fields: readonly string[]): void {
  const ps4 = env.get('PS4') ?? '+ ';
  const words = [...assigned.map(([n, v]) => `${n}=${quoteWord(v)}`), ...fields.map(quoteWord)];
  writeError(env, `${ps4}${words.join(' ')}\n`);
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

/** Runs with the command's assignments in force, and undoes them. */
export function withAssignments(assigned: Assigned, env: Env, run: () => MaybePromise<Outcome>): MaybePromise<Outcome> {
  if (assigned.length === 0) return run();
  const before: (readonly [string, Variable | undefined])[] = [];
  for (const [name, value] of assigned) {
    before.push([name, env.variable(name)]);
    env.declare(name, { value, exported: true });
  }
  const undo = () => {
    for (const [name, old] of before.reverse()) env.restore(name, old);
  };
  let result: MaybePromise<Outcome>;
  try {
    result = run();
  } catch (error) {
    undo();
    throw error;
  }
  if (result instanceof Promise) return result.finally(undo);
  undo();
  return result;
}

/** Redirections, assignments and trace around a function or a built-in. */
function around(
  code: SimpleCode,
  fields: readonly string[],
  env: Env,
  run: () => MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  const failed = (error: unknown) => report(error, env);
  const inner = (): MaybePromise<Outcome> => {
    if (code.node.assignments.length === 0) {
      if (env.options.xtrace) trace(env, none, fields);
      return run();
    }
    return then(code.assign(env), (assigned) => {
      if (env.options.xtrace) trace(env, assigned, fields);
      return withAssignments(assigned, env, run);
    });
  };
  if (code.redirections.length === 0) return inner();
  return withRedirections(code.redirections, env, inner, failed);
}

/** Neither redirections nor assignments nor a trace around the command. */
const isPlain = (code: SimpleCode, env: Env): boolean =>
  code.redirections.length === 0 && code.node.assignments.length === 0 && !env.options.xtrace;

function runBuiltin(code: SimpleCode, builtin: Builtin, fields: readonly string[], env: Env): MaybePromise<Outcome> {
  if (isPlain(code, env)) {
    try {
      const result = builtin.run(fields, env);
      return result instanceof Promise ? result.catch((error) => builtinFailed(error, fields[0]!, env)) : result;
    } catch (error) {
      return builtinFailed(error, fields[0]!, env);
    }
  }
  return around(code, fields, env, () =>
    guard(
      () => builtin.run(fields, env),
      (error) => builtinFailed(error, fields[0]!, env),
    ),
  );
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
