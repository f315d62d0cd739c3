/** Utilities about jobs and processes: `bg fg jobs kill times wait`. */
import os from 'node:os';
import { childrenTimes, killGroup } from '../../host/libc.js';
import { announceStopped, sayEnded, waitAll } from '../exec/external.js';
import { forwardSignals } from '../exec/forward.js';
import { isCaught, restoreUsr1 } from '../exec/traps.js';
import { describeState, inForeground, type Job, jobState, jobStatus, signalJob } from '../jobs.js';
import {
  done,
  type MaybePromise,
  type Outcome,
  ok,
  reasonOf,
  ShellError,
  signalList,
  signalName,
  signalNumber,
  then,
} from '../outcome.js';
import { complain, print, writeError } from '../report.js';
import type { Builtin, Env } from '../state.js';

/** A job by `%…` or process id. @throws ShellError */
function jobOf(text: string | undefined, env: Env, utility: string): Job {
  const { jobs } = env.shell;
  const found =
    text === undefined ? jobs.find('%+') : text.startsWith('%') ? jobs.find(text) : jobs.byPid(Number(text));
  if (found === 'ambiguous') throw new ShellError(`${utility}: ${text}: ambiguous`, 2);
  if (found === undefined)
    throw new ShellError(`${utility}: ${text === undefined ? 'No current job' : `No such job: ${text}`}`, 2);
  return found;
}

/** One line of `jobs`; `-l` adds the stages, with the place where each runs. */
export function jobLine(job: Job, env: Env, long: boolean): string {
  const head = `[${job.id}] ${env.shell.jobs.mark(job)} `;
  if (!long) return `${head}${describeState(job).padEnd(26)} ${job.text}\n`;
  const rows = job.stages.map((stage, i) => {
    const where = stage.where === '' ? '' : ` on ${stage.where}`;
    const lead = i === 0 ? head : ' '.repeat(head.length);
    const state =
      stage.state === 'done'
        ? stage.status === 0
          ? 'Done'
          : `Done(${stage.status})`
        : stage.state === 'running'
          ? 'Running'
          : 'Stopped';
    return `${lead}${stage.pid ?? '-'} ${state.padEnd(12)} ${i === 0 ? '' : '| '}${stage.text}${where}\n`;
  });
  return rows.join('');
}

const jobs: Builtin['run'] = (args, env) => {
  let i = 1;
  let how: 'short' | 'long' | 'pid' = 'short';
  for (; i < args.length && /^-[lp]+$/.test(args[i]!); i++) how = args[i]!.endsWith('p') ? 'pid' : 'long';
  if (args[i] === '--') i += 1;
  env.shell.jobs.refresh();
  const list = i < args.length ? args.slice(i).map((id) => jobOf(id, env, 'jobs')) : [...env.shell.jobs.all];
  const text = list.map((job) => (how === 'pid' ? `${job.group ?? job.pid}\n` : jobLine(job, env, how === 'long')));
  for (const job of list) {
    job.notified = true;
    if (jobState(job) === 'done') env.shell.jobs.remove(job);
  }
  return then(print(env, text.join('')), () => ok);
};

/** Tells of jobs that ended or stopped since the last prompt, and forgets those that ended (XCU 2.11). */
export function notifyJobs(env: Env): string {
  env.shell.jobs.refresh();
  let text = '';
  for (const job of [...env.shell.jobs.all]) {
    const state = jobState(job);
    if (state !== 'running' && !job.notified) {
      text += jobLine(job, env, false);
      job.notified = true;
    }
    if (state === 'done') env.shell.jobs.remove(job);
  }
  return text;
}

/** Says once that jobs are stopped, before a session is left; true when it did, and the session is not to be left yet. */
export function warnOfStopped(env: Env): boolean {
  const { shell } = env;
  if (shell.jobWarning > 0 || !shell.jobs.all.some((job) => jobState(job) === 'stopped')) return false;
  // Until the prompt after the next.
  shell.jobWarning = 2;
  writeError(env, 'You have stopped jobs.\n');
  return true;
}

/** Continues a job in the foreground (XCU fg). */
const fg: Builtin['run'] = (args, env) => {
  const { shell } = env;
  if (!env.options.monitor) throw new ShellError('fg: No job control', 2);
  const job = jobOf(args[1], env, 'fg');
  return then(print(env, `${job.text}\n`), () => {
    const run = (): MaybePromise<void> => {
      resume(job);
      return waitAll(job.stages, true, 0);
    };
    const stop = forwardSignals(job.stages, env);
    const waited = shell.terminal === undefined ? run() : inForeground(shell, job.group, job.stages, run);
    return then(waited, (): Outcome => {
      stop();
      if (jobState(job) === 'stopped') {
        announceStopped(env, job);
        shell.jobs.touch(job);
        return done(job.stages.find((s) => s.state === 'stopped')!.status);
      }
      sayEnded(env, job.stages);
      shell.jobs.remove(job);
      return done(jobStatus(job.stages, env.options.pipefail));
    });
  });
};

function resume(job: Job): void {
  const { SIGCONT } = os.constants.signals;
  if (job.group !== undefined) killGroup(job.group, SIGCONT);
  for (const stage of job.stages) {
    if (stage.state !== 'stopped') continue;
    if (job.group === undefined || stage.where !== '') void stage.signal(SIGCONT);
    stage.continued();
  }
}

const bg: Builtin['run'] = (args, env) => {
  if (!env.options.monitor) throw new ShellError('bg: No job control', 2);
  const list = args.length > 1 ? args.slice(1).map((id) => jobOf(id, env, 'bg')) : [jobOf(undefined, env, 'bg')];
  let text = '';
  for (const job of list) {
    resume(job);
    env.lastAsync = job.pid;
    text += `[${job.id}] ${job.text}\n`;
  }
  return then(print(env, text), () => ok);
};

/** `wait` (XCU wait): for all, for process ids, for jobs. A signal with a trap ends it with 128+n. */
const wait: Builtin['run'] = (args, env) => {
  const { shell } = env;
  let operands = args.slice(1);
  if (operands[0] === '--') operands = operands.slice(1);
  if (operands[0] === '-n') return waitNext(env);
  const own = () => shell.jobs.all.filter((job) => job.home === env);
  if (operands.length === 0) {
    const all = () =>
      waitAll(
        own().flatMap((job) => job.stages),
        false,
        0,
      );
    return then(interruptible(env, all), (signal) => {
      if (signal !== undefined) return done(128 + signal);
      for (const job of own()) if (jobState(job) === 'done') shell.jobs.remove(job);
      return ok;
    });
  }
  const go = (from: number, last: Outcome): MaybePromise<Outcome> => {
    if (from >= operands.length) return last;
    return then(waitOne(operands[from]!, env), (outcome) => go(from + 1, outcome));
  };
  return go(0, ok);
};

function waitOne(operand: string, env: Env): MaybePromise<Outcome> {
  const { shell } = env;
  if (!operand.startsWith('%') && !/^\d+$/.test(operand)) {
    complain(env, `wait: Illegal number: ${operand}`);
    return done(2);
  }
  const job = operand.startsWith('%') ? shell.jobs.find(operand) : shell.jobs.byPid(Number(operand));
  if (job === undefined || job === 'ambiguous' || job.home !== env) {
    const status = operand.startsWith('%') ? undefined : shell.jobs.endedStatus(Number(operand));
    return done(status ?? 127);
  }
  return then(
    interruptible(env, () => waitAll(job.stages, false, 0)),
    (signal) => {
      if (signal !== undefined) return done(128 + signal);
      const pid = Number(operand);
      const stage = job.stages.find((s) => s.pid === pid);
      shell.jobs.remove(job);
      shell.jobs.endedStatus(job.pid ?? -1);
      return done(stage?.status ?? jobStatus(job.stages, env.options.pipefail));
    },
  );
}

function waitNext(env: Env): MaybePromise<Outcome> {
  const list = env.shell.jobs.all.filter((job) => job.home === env);
  if (list.length === 0) return done(127);
  const finished = (job: Job) => {
    env.shell.jobs.remove(job);
    return done(jobStatus(job.stages, env.options.pipefail));
  };
  env.shell.jobs.refresh();
  const already = list.find((job) => jobState(job) === 'done');
  if (already !== undefined) return finished(already);
  env.shell.activity.concurrent += 1; // so that the waits leave the event loop running
  const waits = list.map(async (job) => {
    await waitAll(job.stages, false, 0);
    return job;
  });
  return Promise.race(waits)
    .then(finished)
    .finally(() => {
      env.shell.activity.concurrent -= 1;
    });
}

/** Waits, or gives the number of a trapped signal that arrived first (XCU 2.12). */
function interruptible(env: Env, run: () => MaybePromise<void>): MaybePromise<number | undefined> {
  const { shell } = env;
  const trapped = [...env.traps].some(([signal, action]) => signal !== 0 && action !== 'ignore');
  if (!trapped && !shell.interactive) return then(run(), () => undefined);
  if (shell.pendingSignals.length > 0) return shell.pendingSignals[0];
  shell.activity.concurrent += 1;
  const signalled = new Promise<number | undefined>((resolve) => {
    shell.onSignal = () => resolve(shell.pendingSignals[0]);
  });
  const waited = run();
  return Promise.race([signalled, Promise.resolve(waited).then(() => undefined)]).finally(() => {
    shell.onSignal = undefined;
    shell.activity.concurrent -= 1;
  });
}

/** `kill` (XCU kill). */
const kill: Builtin['run'] = (args, env) => {
  let i = 1;
  let signal = os.constants.signals.SIGTERM as number;
  const first = args[1];
  if (first === undefined)
    throw new ShellError(
      'kill: Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or kill -l [exitstatus]',
      2,
    );
  if (first === '-l') return listSignals(args.slice(2), env);
  if (first === '-s') {
    signal = signalOrFail(args[2] ?? '');
    i = 3;
  } else if (first === '--') i = 2;
  else if (first.startsWith('-') && first.length > 1) {
    signal = signalOrFail(first.slice(1));
    i = args[2] === '--' ? 3 : 2;
  }
  if (i >= args.length) throw new ShellError('kill: Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]...', 2);
  let status = 0;
  let sent: Promise<void> | undefined;
  for (const operand of args.slice(i)) {
    try {
      const now = sendSignal(operand, signal, env);
      if (now !== undefined) sent = Promise.all([sent, now]).then(() => {});
    } catch (error) {
      complain(env, error instanceof ShellError ? error.message : `kill: ${operand}: ${reasonOf(error)}`);
      status = 1;
    }
  }
  return then(sent, () => done(status));
};

function signalOrFail(text: string): number {
  const signal = signalNumber(text);
  if (signal === undefined) throw new ShellError(`kill: invalid signal number or name: ${text}`, 2);
  return signal;
}

function sendSignal(operand: string, signal: number, env: Env): MaybePromise<void> {
  const { shell } = env;
  if (operand.startsWith('%')) return signalJob(jobOf(operand, env, 'kill'), signal);
  if (!/^-?\d+$/.test(operand)) throw new ShellError(`kill: Illegal number: ${operand}`, 2);
  const pid = Number(operand);
  // A number that no process of this machine can have names a job of agents.
  const job = pid > 0x400000 ? shell.jobs.byPid(pid) : undefined;
  if (job !== undefined) return signalJob(job, signal);
  if (pid === process.pid && isCaught(signal)) {
    // The event loop would deliver it some time later; the trap is due when this command has ended (XCU 2.12).
    shell.pendingSignals.push(signal);
  } else {
    if (pid === process.pid) restoreUsr1();
    process.kill(pid, signal);
  }
}

function listSignals(operands: readonly string[], env: Env): MaybePromise<Outcome> {
  if (operands.length === 0)
    return then(
      print(
        env,
        signalList()
          .map(([, name]) => `${name}\n`)
          .join(''),
      ),
      () => ok,
    );
  const text = operands.map((operand) => {
    const number = /^\d+$/.test(operand) ? Number(operand) : Number.NaN;
    const name = signalName(number > 128 ? number - 128 : number);
    if (name === undefined) throw new ShellError(`kill: invalid signal number or exit status: ${operand}`, 2);
    return `${name}\n`;
  });
  return then(print(env, text.join('')), () => ok);
}

/** `times` (XCU times): user and system time of the shell and of its children. */
const times: Builtin['run'] = (_, env) => {
  const show = (microseconds: number) => {
    const seconds = microseconds / 1e6;
    return `${Math.floor(seconds / 60)}m${(seconds % 60).toFixed(6)}s`;
  };
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const children = childrenTimes();
  const lines = [[userCPUTime, systemCPUTime], children].map(([user, system]) => `${show(user!)} ${show(system!)}\n`);
  return then(print(env, lines.join('')), () => ok);
};

export const jobControl: Readonly<Record<string, Builtin>> = {
  bg: { special: false, run: bg },
  fg: { special: false, run: fg },
  jobs: { special: false, run: jobs },
  kill: { special: false, run: kill },
  times: { special: true, run: times },
  wait: { special: false, run: wait },
};
