/**
 * The stages of a pipeline (XCU 2.9.2). Each has an environment of its own; programs are host processes joined by kernel pipes
 * that this process never reads; built-ins, functions and compound commands are run here, concurrently.
 */
import { type Command, printCommand } from '../../../grammar/index.js';
import { pipe } from '../../host/libc.js';
import { HostFile } from '../files.js';
import type { HostProcess, Stage } from '../jobs.js';
import { done, type MaybePromise, type Outcome, ShellError, then } from '../outcome.js';
import { report } from '../report.js';
import { builtinOf, type Code, type Env } from '../state.js';
import { type Launch, lookup, programEnvironment, start } from './external.js';
import { applyRedirections } from './redirect.js';
import type { SimpleCode } from './simple.js';
import { runIn } from './subshell.js';

export interface StageCode {
  readonly command: Command;
  readonly simple: SimpleCode | undefined;
  readonly code: Code;
}

/** A stage whose words have been expanded, in the environment it will run in. */
export type PreparedStage =
  | {
      readonly kind: 'expanded';
      readonly simple: SimpleCode;
      readonly fields: readonly string[];
      readonly env: Env;
      /** What its redirections write on other machines. */
      written?: readonly Promise<unknown>[];
    }
  | { readonly kind: 'code'; readonly command: Command; readonly code: Code; readonly env: Env };

/** True when the words name neither a built-in nor a function. `on` is no program either, but always a matter of planning. */
export const isProgram = (fields: readonly string[], env: Env): boolean =>
  fields[0] === 'on' || (builtinOf(fields, env) === undefined && !env.functions.has(fields[0]!));

/** Expands the words of every simple command, each in its own environment, before any stage starts. */
export function prepareStages(stages: readonly StageCode[], env: Env): MaybePromise<PreparedStage[]> {
  const out: PreparedStage[] = [];
  const go = (from: number): MaybePromise<PreparedStage[]> => {
    for (let i = from; i < stages.length; i++) {
      const stage = stages[i]!;
      const inner = env.fork();
      const { simple } = stage;
      if (simple === undefined || simple.node.words.length === 0) {
        out.push({ kind: 'code', command: stage.command, code: stage.code, env: inner });
        continue;
      }
      inner.line = simple.node.span.line;
      let fields: MaybePromise<readonly string[]>;
      try {
        fields = simple.expand(inner);
      } catch (error) {
        out.push(failedStage(stage, inner, error));
        continue;
      }
      if (fields instanceof Promise) {
        return fields
          .then(
            (list) => out.push({ kind: 'expanded', simple, fields: list, env: inner }),
            (error) => out.push(failedStage(stage, inner, error)),
          )
          .then(() => go(i + 1));
      }
      out.push({ kind: 'expanded', simple, fields, env: inner });
    }
    return out;
  };
  return go(0);
}

/** Waits until what the stages wrote on other machines is there, for the next command to find. */
export function settleWrites(prepared: readonly PreparedStage[], outcome: Outcome): MaybePromise<Outcome> {
  const all = prepared.flatMap((stage) => (stage.kind === 'expanded' ? (stage.written ?? []) : []));
  return all.length === 0 ? outcome : Promise.allSettled(all).then(() => outcome);
}

/** An expansion error ends its stage, as it would end the subshell the stage is. */
function failedStage(stage: StageCode, env: Env, error: unknown): PreparedStage {
  return { kind: 'code', command: stage.command, code: () => report(error, env), env };
}

export interface Started {
  readonly stages: readonly Stage[];
  /** The process group, with job control and at least one program. */
  readonly leader: number | undefined;
}

/** A stage that runs in this process. */
export class InProcessStage implements Stage {
  readonly where = '';
  readonly pid = undefined;
  readonly endedBy = undefined;
  state: 'running' | 'done' = 'running';
  status = 0;
  onChange: (() => void) | undefined;
  private finished: Promise<void> | undefined;

  constructor(
    readonly text: string,
    run: () => MaybePromise<Outcome>,
    activity: { concurrent: number },
  ) {
    activity.concurrent += 1;
    const end = (outcome: Outcome) => {
      activity.concurrent -= 1;
      this.status = outcome.status;
      this.state = 'done';
      this.onChange?.();
    };
    const result = run();
    if (result instanceof Promise) this.finished = result.then(end);
    else end(result);
  }

  wait(): MaybePromise<void> {
    return this.state === 'done' ? undefined : this.finished;
  }

  /** Part of this process: a signal reaches it as it reaches the shell. */
  signal(): void {}
  continued(): void {}
}

/** Joins the stages by pipes and starts them: programs first, so that what runs here meets live readers and writers. */
export function startStages(
  prepared: readonly PreparedStage[],
  env: Env,
  group: boolean,
  ignore?: readonly number[],
): MaybePromise<Started> {
  const last = prepared.length - 1;
  for (let i = 0; i < last; i++) {
    const ends = pipe();
    prepared[i]!.env.files.set(1, new HostFile(ends.write, true));
    prepared[i + 1]!.env.files.set(0, new HostFile(ends.read, true));
  }
  const stages: (Stage | undefined)[] = new Array(prepared.length).fill(undefined);
  let leader: number | undefined;
  const here: (() => void)[] = [];
  const go = (from: number): MaybePromise<Started> => {
    for (let i = from; i <= last; i++) {
      const stage = prepared[i]!;
      if (stage.kind === 'code' || stage.fields.length === 0 || !isProgram(stage.fields, stage.env)) {
        here.push(() => {
          stages[i] = startHere(stage, env);
        });
        continue;
      }
      const at = i;
      const child = startProgram(stage, group ? (leader ?? 0) : undefined, ignore);
      const keep = (made: HostProcess | Outcome) => {
        if ('pid' in made) {
          if (group) leader ??= made.pid;
          stages[at] = made;
        } else stages[at] = new InProcessStage(stage.fields.join(' '), () => made, env.shell.activity);
      };
      if (child instanceof Promise) {
        return child.then((made) => {
          keep(made);
          return go(at + 1);
        });
      }
      keep(child);
    }
    for (const begin of here) begin();
    return { stages: stages as Stage[], leader };
  };
  return go(0);
}

export function startHere(stage: PreparedStage, env: Env): InProcessStage {
  const code: Code = stage.kind === 'code' ? stage.code : (inner) => stage.simple.runExpanded(stage.fields, inner);
  const text =
    stage.kind === 'code' ? (env.options.monitor ? printCommand(stage.command) : '') : stage.fields.join(' ');
  return new InProcessStage(text, () => runIn(stage.env, code), env.shell.activity);
}

/** Starts one program stage; its environment's descriptors are given up by this process. An error is its outcome. */
export function startProgram(
  stage: Extract<PreparedStage, { kind: 'expanded' }>,
  group: number | undefined,
  ignore?: readonly number[],
  /** An agent of a plan, with the variables it has as such: its redirections have been performed already. */
  agent?: readonly (readonly [name: string, value: string])[],
): MaybePromise<HostProcess | Outcome> {
  const { env, fields, simple } = stage;
  const failed = (error: unknown): Outcome => {
    const outcome = report(error, env);
    env.files.releaseAll();
    return done(outcome.status);
  };
  const go = (): MaybePromise<HostProcess | Outcome> =>
    then(simple.assign(env), (assigned) => {
      for (const [name] of assigned) env.assignable(name);
      const path = assigned.find(([name]) => name === 'PATH')?.[1];
      const found = lookup(fields[0]!, env, path);
      if ('status' in found) throw new ShellError(found.message, found.status);
      const launch: Launch = {
        path: found.path,
        argv: fields,
        environment: programEnvironment(env, agent === undefined ? assigned : [...assigned, ...agent]),
        text: fields.join(' '),
      };
      const child = start(launch, env, group, ignore);
      env.files.releaseAll();
      return child;
    });
  try {
    const result = then(applyRedirections(agent === undefined ? simple.redirections : [], env), (applied) => {
      const written = applied.keep();
      if (written.length > 0) stage.written = written;
      return go();
    });
    return result instanceof Promise ? result.catch(failed) : result;
  } catch (error) {
    return failed(error);
  }
}
