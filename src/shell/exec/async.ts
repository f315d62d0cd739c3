/**
 * Asynchronous lists (XCU 2.9.3.1). Programs are started and left running; anything else gets an onesh of its own, which
 * has a process id to be waited for and killed by.
 */
import { openSync } from 'node:fs';
import os from 'node:os';
import { type AndOr, printCommand, printProgram } from '../../../grammar/index.js';
import { spawn } from '../../host/libc.js';
import { HostFile, MemorySource } from '../files.js';
import { HostProcess, type Stage } from '../jobs.js';
import { type MaybePromise, type Outcome, ok, then } from '../outcome.js';
import { report } from '../report.js';
import type { Env } from '../state.js';
import { runPlanned } from './distributed.js';
import { announceStarted, lookup, signalDefaults } from './external.js';
import { wantsPlan } from './operands.js';
import { quoteWord } from './quote.js';
import { isProgram, type PreparedStage, prepareStages, type StageCode, startStages } from './stages.js';
import { serialise } from './state-text.js';

/** Without job control an asynchronous list ignores INT and QUIT and reads /dev/null (XCU 2.12, 2.9.3.1). */
const ignored = [os.constants.signals.SIGINT, os.constants.signals.SIGQUIT];

export function runAsync(andOr: AndOr, stages: readonly StageCode[] | undefined, env: Env): MaybePromise<Outcome> {
  const monitor = env.options.monitor && !env.subshell;
  if (stages === undefined || stages.some((s) => s.simple === undefined || s.simple.node.words.length === 0)) {
    return startShell(textOf(andOr), env, monitor);
  }
  const text = textOf(andOr);
  const inner = env.fork();
  inner.traps = new Map(env.traps);
  if (!monitor) inner.files.set(0, new HostFile(openSync('/dev/null', 'r'), true));
  return then(prepareStages(stages, inner), (prepared) => {
    inner.files.releaseAll();
    const expanded = prepared.filter((s) => s.kind === 'expanded');
    const programs =
      expanded.length === prepared.length && expanded.every((s) => s.fields.length > 0 && isProgram(s.fields, s.env));
    if (programs && expanded.some((s) => wantsPlan(s.fields, s.env))) return runPlanned(prepared, text, env, true);
    if (!programs || !expanded.every((s) => 'path' in lookup(s.fields[0]!, s.env))) {
      // What cannot be found fails in a process of its own: it has an id to be waited for all the same.
      // The words are expanded already; what they came to is handed on quoted.
      const source = prepared.map(expandedText).join(' | ');
      for (const stage of prepared) stage.env.files.releaseAll();
      return startShell(source, env, monitor);
    }
    return then(startIgnoring(prepared, env, monitor), ({ stages: running, leader }) =>
      register(env, text, running, leader),
    );
  });
}

function expandedText(stage: PreparedStage): string {
  if (stage.kind === 'code') return printCommand(stage.command);
  const { node } = stage.simple;
  const bare = printCommand({ ...node, words: [] });
  const words = stage.fields.map(quoteWord).join(' ');
  if (node.assignments.length === 0) return bare === '' ? words : `${words} ${bare}`;
  const before = printCommand({ ...node, words: [], redirections: [] });
  const after = node.redirections.length === 0 ? '' : ` ${printCommand({ ...node, words: [], assignments: [] })}`;
  return `${before} ${words}${after}`;
}

function startIgnoring(prepared: readonly PreparedStage[], env: Env, monitor: boolean) {
  if (monitor) return startStages(prepared, env, true);
  for (const stage of prepared) for (const signal of ignored) stage.env.traps.set(signal, 'ignore');
  return startStages(prepared, env, false, ignored);
}

function textOf(andOr: AndOr): string {
  return printProgram({
    kind: 'program',
    body: { kind: 'list', items: [{ andOr, async: false }], span: andOr.span },
    span: andOr.span,
  }).trim();
}

/** Starts `source` in an onesh of its own that continues from this environment's state. */
function startShell(source: string, env: Env, monitor: boolean): Outcome {
  const inner = env.fork();
  try {
    if (!monitor) inner.files.set(0, new HostFile(openSync('/dev/null', 'r'), true));
    const state = new MemorySource(Buffer.from(serialise(env, source)));
    const map = inner.files.hostMap();
    let fd = 10;
    while (map.some(([child]) => child === fd)) fd += 1;
    map.push([fd, state.hostFd()]);
    const argv = [...env.shell.self, '--subshell', String(fd)];
    const pid = spawn({
      file: argv[0]!,
      argv,
      env: env.environment(),
      fds: map,
      cwd: env.cwd === process.cwd() ? undefined : env.cwd,
      umask: env.umask,
      group: monitor ? 0 : undefined,
      ignore: monitor ? undefined : ignored,
      defaults: signalDefaults(env).filter((s) => monitor || !ignored.includes(s)),
    });
    state.release();
    return register(env, source, [new HostProcess(pid, source, env.shell.activity)], monitor ? pid : undefined);
  } catch (error) {
    return report(error, env);
  } finally {
    inner.files.releaseAll();
  }
}

function register(env: Env, text: string, stages: readonly Stage[], group: number | undefined): Outcome {
  const job = env.shell.jobs.add(text, stages, group, env);
  announceStarted(env, job);
  env.lastAsync = job.pid;
  return ok;
}
