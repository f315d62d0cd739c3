/**
 * The interpreter: an AST compiled once to closures. A closure gives its outcome at once where the world is synchronous and
 * a promise only where it is not; a long synchronous loop still lets the event loop turn.
 */
import type {
  AndOr,
  CaseClause,
  Command,
  CompoundCommand,
  ForClause,
  FunctionDefinition,
  IfClause,
  List,
  ListItem,
  Pipeline,
  Program,
  Word,
} from '../../../grammar/index.js';
import { isAscii, matches } from '../expand/locale.js';
import { compilePattern, type Pattern } from '../expand/pattern.js';
import { compileWord, expandWords, type WordCode } from '../expand/words.js';
import { type Divert, done, exiting, type MaybePromise, type Outcome, ok, then } from '../outcome.js';
import { report } from '../report.js';
import type { Code, Env } from '../state.js';
import { slotOf } from '../variables.js';
import { runAsync } from './async.js';
import { runPipeline } from './pipeline.js';
import { compileRedirections, withRedirections } from './redirect.js';
import { compileSimple } from './simple.js';
import type { StageCode } from './stages.js';
import { runSubshell, substitute } from './subshell.js';
import { runPendingTraps } from './traps.js';

const compiledPrograms = new WeakMap<Program, Code>();

/** Compiles a program; the same AST again is a look-up. */
export function compileProgram(program: Program): Code {
  let code = compiledPrograms.get(program);
  if (code === undefined) {
    code = compileList(program.body);
    compiledPrograms.set(program, code);
  }
  return code;
}

/** A command substitution's program, compiled when first run. */
export const substitution = (program: Program) => {
  let code: Code | undefined;
  // One command or pipeline and nothing else: its output ends with its programs, so it can be read without the event loop.
  const { items } = program.body;
  const item =
    items.length === 1 && !items[0]!.async && items[0]!.andOr.rest.length === 0 ? items[0]!.andOr.first : undefined;
  const sole = item?.commands.length === 1 ? item.commands[0] : item;
  return (env: Env): MaybePromise<string> => {
    code ??= compileProgram(program);
    return substitute(code, sole, env);
  };
};

export const word = (node: Word): WordCode => compileWord(node, substitution);

/** Milliseconds a synchronous stretch may last before the event loop gets a turn (keepalives, signals, Ctrl-C). */
const sliceMs = 5;

/** True about every `sliceMs`; cheap, because the clock is read only now and then. */
function shouldYield(env: Env): boolean {
  const { shell } = env;
  if (--shell.budget > 0) return false;
  shell.budget = 256;
  // Not `performance`, which Node would load now. A clock that is set back means a turn, or a few more rounds without one.
  const now = Date.now();
  if (Math.abs(now - shell.lastYield) < sliceMs) return false;
  shell.lastYield = now;
  return true;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function compileList(list: List): Code {
  const items = list.items.map(compileItem);
  if (items.length === 0) return () => ok;
  if (items.length === 1) return items[0]!;
  return (env) => runItems(items, env, 0, ok);
}

function runItems(items: readonly Code[], env: Env, from: number, last: Outcome): MaybePromise<Outcome> {
  let outcome = last;
  for (let i = from; i < items.length; i++) {
    const result = items[i]!(env);
    if (result instanceof Promise) {
      return result.then((value) => (value.divert !== undefined ? value : runItems(items, env, i + 1, value)));
    }
    if (result.divert !== undefined) return result;
    outcome = result;
  }
  return outcome;
}

/** Runs a command, keeps `$?`, and runs the traps of signals that arrived meanwhile (XCU 2.12). */
function finishItem(env: Env, outcome: Outcome): MaybePromise<Outcome> {
  env.status = outcome.status;
  if (env.shell.interrupted !== undefined) return exiting(128 + env.shell.interrupted);
  if (env.shell.pendingSignals.length === 0 || outcome.divert !== undefined) return outcome;
  return runPendingTraps(env, outcome);
}

function compileItem(item: ListItem): Code {
  if (item.async) {
    const { first, rest } = item.andOr;
    const stages = rest.length === 0 && !first.negated ? first.commands.map(compileStage) : undefined;
    return (env) => then(runAsync(item.andOr, stages, env), (outcome) => finishItem(env, outcome));
  }
  const code = compileAndOr(item.andOr);
  return (env) => {
    const result = code(env);
    return result instanceof Promise ? result.then((value) => finishItem(env, value)) : finishItem(env, result);
  };
}

export function compileAndOr(node: AndOr): Code {
  const first = compilePipeline(node.first);
  if (node.rest.length === 0) return first;
  const rest = node.rest.map(({ operator, pipeline }) => ({ and: operator === '&&', code: compilePipeline(pipeline) }));
  const run = (env: Env, from: number, outcome: Outcome): MaybePromise<Outcome> => {
    let value = outcome;
    for (let i = from; i < rest.length; i++) {
      env.status = value.status;
      if (value.divert !== undefined) return value;
      const { and, code } = rest[i]!;
      if ((value.status === 0) !== and) continue;
      const result = i === rest.length - 1 ? code(env) : tested(code, env);
      if (result instanceof Promise) return result.then((later) => run(env, i + 1, later));
      value = result;
    }
    return value;
  };
  return (env) => {
    const outcome = tested(first, env);
    return outcome instanceof Promise ? outcome.then((later) => run(env, 0, later)) : run(env, 0, outcome);
  };
}

/** Runs code whose failure is examined, so that errexit ignores it (XCU 2.15 set -e). */
function tested(code: Code, env: Env): MaybePromise<Outcome> {
  env.tested += 1;
  let result: MaybePromise<Outcome>;
  try {
    result = code(env);
  } catch (error) {
    env.tested -= 1;
    throw error;
  }
  if (result instanceof Promise) {
    return result.finally(() => {
      env.tested -= 1;
    });
  }
  env.tested -= 1;
  return result;
}

/** Ends the shell when errexit applies to this failure. */
function errexit(env: Env, outcome: Outcome): Outcome {
  if (outcome.status !== 0 && env.options.errexit && env.tested === 0 && outcome.divert === undefined)
    return exiting(outcome.status);
  return outcome;
}

function compilePipeline(node: Pipeline): Code {
  const plain = node.commands.length === 1 ? compileCommand(node.commands[0]!) : compileStages(node);
  if (!node.negated) return plain;
  return (env) =>
    then(tested(plain, env), (outcome) =>
      outcome.divert !== undefined && outcome.divert.kind !== 'return' ? outcome : negate(outcome),
    );
}

const negate = (outcome: Outcome): Outcome =>
  outcome.divert === undefined ? done(outcome.status === 0 ? 1 : 0) : outcome;

function compileStages(node: Pipeline): Code {
  const stages = node.commands.map(compileStage);
  return (env) => {
    env.line = node.span.line;
    return then(runPipeline(node, stages, env), (outcome) => errexit(env, outcome));
  };
}

export function compileStage(command: Command): StageCode {
  const simple = command.kind === 'simple' ? compileSimple(command, substitution) : undefined;
  return { command, simple, code: simple?.run ?? compileCommand(command) };
}

export function compileCommand(node: Command): Code {
  switch (node.kind) {
    case 'simple': {
      const simple = compileSimple(node, substitution);
      return (env) => {
        const outcome = simple.run(env);
        if (outcome instanceof Promise) return outcome.then((later) => errexit(env, later));
        return outcome.status === 0 ? outcome : errexit(env, outcome);
      };
    }
    case 'function':
      return compileFunction(node);
    default:
      return compileCompound(node);
  }
}

function compileFunction(node: FunctionDefinition): Code {
  return (env) => {
    env.setFunction(node.name, { definition: node, run: functionBody(node) });
    return ok;
  };
}

const functionBodies = new WeakMap<FunctionDefinition, Code>();

/** The compiled body of a function, compiled when first called. */
export function functionBody(node: FunctionDefinition): Code {
  return (env) => {
    let code = functionBodies.get(node);
    if (code === undefined) {
      code = compileCompound(node.body);
      functionBodies.set(node, code);
    }
    return code(env);
  };
}

function compileCompound(node: CompoundCommand): Code {
  const body = compileBody(node);
  const redirections = compileRedirections(node.redirections, substitution);
  if (redirections.length === 0) return body;
  return (env) =>
    withRedirections(
      redirections,
      env,
      () => body(env),
      (error) => errexit(env, report(error, env)),
    );
}

function compileBody(node: CompoundCommand): Code {
  switch (node.kind) {
    case 'brace-group':
      return compileList(node.body);
    case 'subshell': {
      const code = compileList(node.body);
      return (env) => then(runSubshell(code, env), (outcome) => errexit(env, outcome));
    }
    case 'if':
      return compileIf(node);
    case 'while': {
      const condition = compileList(node.condition);
      const body = compileList(node.body);
      return (env) => runWhile(condition, body, node.until, env);
    }
    case 'for':
      return compileFor(node);
    case 'case':
      return compileCase(node);
    default:
      return node satisfies never;
  }
}

function compileIf(node: IfClause): Code {
  const branches = node.branches.map(({ condition, body }) => ({
    condition: compileList(condition),
    body: compileList(body),
  }));
  const otherwise = node.otherwise === undefined ? undefined : compileList(node.otherwise);
  const run = (env: Env, from: number): MaybePromise<Outcome> => {
    for (let i = from; i < branches.length; i++) {
      const { condition, body } = branches[i]!;
      const result = tested(condition, env);
      if (result instanceof Promise) {
        return result.then((value) =>
          value.divert !== undefined ? value : value.status === 0 ? body(env) : run(env, i + 1),
        );
      }
      if (result.divert !== undefined) return result;
      if (result.status === 0) return body(env);
    }
    return otherwise === undefined ? ok : otherwise(env);
  };
  return (env) => run(env, 0);
}

/** What a `break` or `continue` that reaches a loop means for it. */
function atLoop(divert: Divert, outcome: Outcome): { readonly stop: boolean; readonly outcome: Outcome } {
  if (divert.kind === 'break') {
    return {
      stop: true,
      outcome:
        divert.levels > 1
          ? { status: outcome.status, divert: { kind: 'break', levels: divert.levels - 1 } }
          : done(outcome.status),
    };
  }
  if (divert.kind === 'continue') {
    return divert.levels > 1
      ? { stop: true, outcome: { status: outcome.status, divert: { kind: 'continue', levels: divert.levels - 1 } } }
      : { stop: false, outcome: done(outcome.status) };
  }
  return { stop: true, outcome };
}

function runWhile(condition: Code, body: Code, until: boolean, env: Env): MaybePromise<Outcome> {
  env.loops += 1;
  let result: MaybePromise<Outcome>;
  try {
    result = whileFrom(condition, body, until, env, ok);
  } catch (error) {
    env.loops -= 1;
    throw error;
  }
  if (result instanceof Promise) {
    return result.finally(() => {
      env.loops -= 1;
    });
  }
  env.loops -= 1;
  return result;
}

function whileFrom(condition: Code, body: Code, until: boolean, env: Env, before: Outcome): MaybePromise<Outcome> {
  let last = before;
  for (;;) {
    if (shouldYield(env)) {
      const state = last;
      return nextTurn().then(() => whileFrom(condition, body, until, env, state));
    }
    const test = tested(condition, env);
    if (test instanceof Promise) return whileLater(test, undefined, condition, body, until, env, last);
    if (test.divert !== undefined) {
      const here = atLoop(test.divert, test);
      if (here.stop) return here.outcome;
      continue;
    }
    if ((test.status === 0) === until) return last;
    const result = body(env);
    if (result instanceof Promise) return whileLater(undefined, result, condition, body, until, env, last);
    if (result.divert !== undefined) {
      const here = atLoop(result.divert, result);
      if (here.stop) return here.outcome;
      last = here.outcome;
    } else last = result;
  }
}

/** Goes on with a loop whose condition or body needed the world. */
async function whileLater(
  testing: Promise<Outcome> | undefined,
  running: Promise<Outcome> | undefined,
  condition: Code,
  body: Code,
  until: boolean,
  env: Env,
  before: Outcome,
): Promise<Outcome> {
  let last = before;
  if (testing !== undefined) {
    const test = await testing;
    if (test.divert !== undefined) {
      const here = atLoop(test.divert, test);
      if (here.stop) return here.outcome;
      return whileFrom(condition, body, until, env, last);
    }
    if ((test.status === 0) === until) return last;
  }
  const result = running === undefined ? await body(env) : await running;
  if (result.divert !== undefined) {
    const here = atLoop(result.divert, result);
    if (here.stop) return here.outcome;
    last = here.outcome;
  } else last = result;
  return whileFrom(condition, body, until, env, last);
}

function compileFor(node: ForClause): Code {
  const words = node.words?.map(word);
  const body = compileList(node.body);
  const slot = slotOf(node.name);
  const run = (env: Env, values: readonly string[], from: number, before: Outcome): MaybePromise<Outcome> => {
    let last = before;
    for (let i = from; i < values.length; i++) {
      if (shouldYield(env)) {
        const state = last;
        return nextTurn().then(() => run(env, values, i, state));
      }
      env.setAt(slot, values[i]!);
      const result = body(env);
      if (result instanceof Promise) {
        return result.then((value) => {
          if (value.divert === undefined) return run(env, values, i + 1, value);
          const here = atLoop(value.divert, value);
          return here.stop ? here.outcome : run(env, values, i + 1, here.outcome);
        });
      }
      if (result.divert !== undefined) {
        const here = atLoop(result.divert, result);
        if (here.stop) return here.outcome;
        last = here.outcome;
      } else last = result;
    }
    return last;
  };
  return (env) =>
    then(words === undefined ? [...env.positional] : expandWords(words, env), (values) => {
      env.loops += 1;
      let result: MaybePromise<Outcome>;
      try {
        result = run(env, values, 0, ok);
      } catch (error) {
        env.loops -= 1;
        throw error;
      }
      if (result instanceof Promise) {
        return result.finally(() => {
          env.loops -= 1;
        });
      }
      env.loops -= 1;
      return result;
    });
}

function compileCase(node: CaseClause): Code {
  const subject = word(node.subject);
  const items = node.items.map((item) => ({
    patterns: item.patterns.map((pattern) => ({ code: word(pattern), compiled: undefined as Pattern | undefined })),
    body: item.body === undefined ? undefined : compileList(item.body),
    through: item.terminator === ';&',
  }));
  /** Runs the body of item `i`, and those it falls through to (XCU 2.9.4.3). */
  const runFrom = (env: Env, i: number): MaybePromise<Outcome> => {
    const { body, through } = items[i]!;
    const result = body === undefined ? ok : body(env);
    if (!through || i + 1 >= items.length) return result;
    return then(result, (value) => (value.divert !== undefined ? value : runFrom(env, i + 1)));
  };
  const match = (env: Env, text: string, i: number, j: number): MaybePromise<Outcome> => {
    const plain = isAscii(text);
    for (let item = i, at = j; item < items.length; item++, at = 0) {
      const { patterns } = items[item]!;
      for (; at < patterns.length; at++) {
        const { code, compiled } = patterns[at]!;
        if (compiled !== undefined && plain) {
          if (compiled.matches(text)) return runFrom(env, item);
          continue;
        }
        const pattern = code.constantPattern ?? code.pattern(env);
        if (pattern instanceof Promise) {
          const next = at + 1;
          const current = item;
          return pattern.then((value) =>
            matches(value, text, env) ? runFrom(env, current) : match(env, text, current, next),
          );
        }
        const made = compilePattern(pattern);
        if (code.constantPattern !== undefined) patterns[at]!.compiled = made;
        if (plain ? made.matches(text) : matches(pattern, text, env)) return runFrom(env, item);
      }
    }
    return ok;
  };
  return (env) => {
    const text = subject.scalar(env);
    return text instanceof Promise ? text.then((later) => match(env, later, 0, 0)) : match(env, text, 0, 0);
  };
}
