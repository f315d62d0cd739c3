/** `onesh --plan`: what the pipelines of a text would become, as JSON, without running them. Assignments are made. */
import { createReader, type Pipeline, printCommand, ShellSyntaxError } from '../../../grammar/index.js';
import { done, fatal, type Outcome, reasonOf, ShellError } from '../outcome.js';
import { print, report } from '../report.js';
import type { Env } from '../state.js';
import { compileCommand, compileStage } from './compile.js';
import { lowerStages } from './lowering.js';
import { prepareStages } from './stages.js';

/** Prints an array with one `{ plan, placements }` for each pipeline in the text that has a program in it. */
export async function planText(text: string, env: Env): Promise<Outcome> {
  const plans: unknown[] = [];
  try {
    const reader = createReader(text, { aliases: (name) => env.aliases.get(name) });
    for (let program = reader.next(); program !== undefined; program = reader.next()) {
      for (const { andOr } of program.body.items) {
        for (const pipeline of [andOr.first, ...andOr.rest.map((r) => r.pipeline)]) {
          const planned = await planPipeline(pipeline, env);
          if (planned !== undefined) plans.push(planned);
        }
      }
    }
    await print(env, `${JSON.stringify(plans, undefined, 2)}\n`);
    return done(0);
  } catch (error) {
    if (error instanceof ShellSyntaxError) {
      env.line = error.line;
      return report(fatal(`syntax error: ${error.message}`, 2), env);
    }
    return report(
      error instanceof ShellError ? error : new ShellError(reasonOf(error), 126, 'utility', { cause: error }),
      env,
    );
  }
}

async function planPipeline(pipeline: Pipeline, env: Env): Promise<unknown> {
  const [only] = pipeline.commands;
  if (pipeline.commands.length === 1 && only?.kind === 'simple' && only.words.length === 0) {
    await compileCommand(only)(env);
    return undefined;
  }
  const prepared = await prepareStages(pipeline.commands.map(compileStage), env);
  const source = pipeline.commands.map(printCommand).join(' | ');
  const cluster = await env.shell.cluster();
  try {
    const { plan, agents } = await lowerStages(prepared, source, env, cluster, { all: true, input: true });
    const placements = plan.agents.length === 0 ? [] : await cluster.place(plan);
    // What the shell itself runs is shown too, so that every stage is accounted for.
    const shell = pipeline.commands
      .filter((_, i) => agents[i] === undefined)
      .map((command) => ({ text: printCommand(command), runtime: plan.home, reason: 'the shell runs it itself' }));
    return { plan, placements, shell };
  } finally {
    for (const stage of prepared) stage.env.files.releaseAll();
  }
}
