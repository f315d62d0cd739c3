/** Pipelines of several commands (XCU 2.9.2), run natively, or planned where the cluster has a part in one. */
import { type Pipeline, printCommand } from '../../../grammar/index.js';
import { type MaybePromise, type Outcome, then } from '../outcome.js';
import type { Env } from '../state.js';
import { runPlanned } from './distributed.js';
import { drainCapture, waitForeground } from './external.js';
import { wantsPlan } from './operands.js';
import { isProgram, type PreparedStage, prepareStages, type StageCode, settleWrites, startStages } from './stages.js';

/** Runs a pipeline in the foreground. */
export function runPipeline(node: Pipeline, stages: readonly StageCode[], env: Env): MaybePromise<Outcome> {
  return then(prepareStages(stages, env), (prepared) => {
    const text = () => node.commands.map(printCommand).join(' | ');
    if (prepared.some((stage) => stage.kind === 'expanded' && isPlanned(stage))) {
      return runPlanned(prepared, text(), env, false);
    }
    const group = env.options.monitor && !env.subshell;
    const started = startStages(prepared, env, group);
    return then(started, ({ stages: running, leader }) => {
      drainCapture(env, node);
      const waited = waitForeground(running, env.options.monitor ? text() : '', leader, env);
      return then(waited, (outcome) => settleWrites(prepared, outcome));
    });
  });
}

const isPlanned = (stage: Extract<PreparedStage, { kind: 'expanded' }>): boolean =>
  stage.fields.length > 0 && isProgram(stage.fields, stage.env) && wantsPlan(stage.fields, stage.env);
