/** Assignments of a simple command (XCU 2.9.1): for good without a command name, else while the command runs. */
import type { Assignment } from '../../../grammar/index.js';
import { compileWord, type Substitution } from '../expand/words.js';
import type { MaybePromise, Outcome } from '../outcome.js';
import { writeError } from '../report.js';
import type { Env } from '../state.js';
import { slotOf, type Variable } from '../variables.js';
import { quoteWord } from './quote.js';

export type Assigned = readonly (readonly [name: string, value: string])[];

export interface AssignmentsCode {
  /** Expands all of them; assigns none. */
  assign(env: Env): MaybePromise<Assigned>;
  /** `x=1 y=$x`: each is assigned before the next is expanded. */
  assignHere(env: Env): MaybePromise<void>;
}

interface AssignmentCode {
  readonly name: string;
  /** The value expanded. */
  text(env: Env): MaybePromise<string>;
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
    return { name, text: scalar, assign };
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
  return { name, text: scalar, assign };
}

/** Compiles the assignments of one command. */
export function compileAssignments(nodes: readonly Assignment[], substitution: Substitution): AssignmentsCode {
  const assignments = nodes.map((node) => compileAssignment(node, substitution));
  const expandFrom = (env: Env, from: number, out: (readonly [string, string])[]): MaybePromise<Assigned> => {
    for (let i = from; i < assignments.length; i++) {
      const { name } = assignments[i]!;
      const text = assignments[i]!.text(env);
      if (text instanceof Promise) {
        return text.then((later) => {
          out.push([name, later]);
          return expandFrom(env, i + 1, out);
        });
      }
      out.push([name, text]);
    }
    return out;
  };
  const assignFrom = (env: Env, from: number): MaybePromise<void> => {
    for (let i = from; i < assignments.length; i++) {
      const { name, assign } = assignments[i]!;
      const wait = assign(env);
      if (wait instanceof Promise) {
        return wait.then(() => {
          if (env.options.xtrace) traceAssigned(env, name);
          return assignFrom(env, i + 1);
        });
      }
      if (env.options.xtrace) traceAssigned(env, name);
    }
  };
  return {
    assign: assignments.length === 0 ? () => none : (env) => expandFrom(env, 0, []),
    assignHere: (env) => assignFrom(env, 0),
  };
}

const none: Assigned = [];

const traceAssigned = (env: Env, name: string): void => trace(env, [[name, env.get(name) ?? '']], []);

/** What `set -x` shows of a command. */
export function trace(env: Env, assigned: Assigned, fields: readonly string[]): void {
  const prompt = env.get('PS4') ?? '+ ';
  const expanded = env.shell.expandPrompt(prompt, env);
  // What a program that runs meanwhile would add comes too late.
  const ps4 = expanded instanceof Promise ? prompt : expanded;
  const words = [...assigned.map(([n, v]) => `${n}=${quoteWord(v)}`), ...fields.map(quoteWord)];
  writeError(env, `${ps4}${words.join(' ')}\n`);
}

/** Runs with the command's assignments in force, and undoes them. */
export function withAssignments(assigned: Assigned, env: Env, run: () => MaybePromise<Outcome>): MaybePromise<Outcome> {
  if (assigned.length === 0) return run();
  const before: (Variable | undefined)[] = [];
  for (const [name, value] of assigned) before.push(env.override(name, value));
  let result: MaybePromise<Outcome>;
  try {
    result = run();
  } catch (error) {
    undo(assigned, before, env);
    throw error;
  }
  if (result instanceof Promise) return result.finally(() => undo(assigned, before, env));
  undo(assigned, before, env);
  return result;
}

function undo(assigned: Assigned, before: readonly (Variable | undefined)[], env: Env): void {
  for (let i = before.length - 1; i >= 0; i--) env.restore(assigned[i]![0], before[i]);
}
