/** The interactive session (XCU sh, `-i`): takes the terminal, asks for commands, tells of jobs. */
import { closeSync, openSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import path from 'node:path';
import type { Program } from '../../../grammar/index.js';
import { giveTerminal, setBlocking, setGroup, terminalGroup } from '../../host/libc.js';
import { notifyJobs, warnOfStopped } from '../builtins/job-control.js';
import { openHistory } from '../history.js';
import { signalJob, waitWithEvents } from '../jobs.js';
import type { Outcome } from '../outcome.js';
import { complain, writeError } from '../report.js';
import { readStartup, runLines } from '../session.js';
import type { Env } from '../state.js';
import { complete, matching } from './complete.js';
import type { Answer, SessionView } from './screen.js';

/** The screen's bundle, loaded by the caller. */
export interface Screen {
  ask(prompt: string, view: SessionView): Promise<Answer>;
}

/** PS1 or PS2, expanded (XCU 2.5.3); in PS1 `!` is the number of the next command, and `!!` is `!`. */
async function promptText(env: Env, name: 'PS1' | 'PS2'): Promise<string> {
  const text = env.get(name) ?? '';
  if (name === 'PS1' && text === '$ ') {
    const at = env.cwd === env.get('HOME') ? '~' : path.basename(env.cwd) || '/';
    return `${at} ${env.status === 0 ? '' : `[${env.status}] `}${process.getuid?.() === 0 ? '#' : '$'} `;
  }
  const expanded = await env.shell.expandPrompt(text, env);
  const { history } = env.shell;
  if (name !== 'PS1' || history === undefined) return expanded;
  const next = String(history.first + history.entries.length);
  return expanded.replace(/!!?/g, (found) => (found === '!!' ? '!' : next));
}

/** Takes the terminal: a process group of its own, in the foreground (XCU 2.11). */
function takeTerminal(env: Env): void {
  try {
    const terminal = openSync('/dev/tty', 'r+');
    while (terminalGroup(terminal) !== process.pid) {
      try {
        setGroup(0, 0);
      } catch {
        break; // a session leader leads its group already
      }
      giveTerminal(terminal, process.pid);
    }
    giveTerminal(terminal, process.pid);
    env.shell.terminal = terminal;
    env.options.monitor = true;
  } catch {
    complain(env, "can't access tty; job control turned off");
  }
}

function terminalIsGone(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

/** True for function definitions and nothing else: what `set -o nolog` keeps out of the history. */
const definesOnly = ({ body }: Program): boolean =>
  body.items.every(
    ({ andOr: { first, rest } }) => rest.length === 0 && first.commands.every(({ kind }) => kind === 'function'),
  );

/** Runs an interactive session on the terminal. */
export async function runInteractive(env: Env, screen: Screen): Promise<Outcome> {
  const { shell } = env;
  env.options.interactive = true;
  const interrupt = () => {
    shell.interrupted = constants.signals.SIGINT;
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTSTP', () => {
    shell.stopAsked = true;
  });
  for (const name of ['SIGTTIN', 'SIGTTOU', 'SIGQUIT', 'SIGTERM'] as const) process.on(name, () => {});
  // The terminal has gone: nobody is left to see to the jobs (XCU 2.11 leaves it open; an orphan helps no one).
  const hangUp = () => {
    process.off('SIGHUP', hangUp);
    const told = shell.jobs.all.flatMap((job) => signalJob(job, constants.signals.SIGHUP) ?? []);
    const end = () => process.kill(process.pid, 'SIGHUP');
    if (told.length === 0) end();
    else void Promise.allSettled(told).then(end);
  };
  if (!shell.ignoredAtStart.has(constants.signals.SIGHUP)) process.on('SIGHUP', hangUp);
  waitWithEvents();
  takeTerminal(env);
  await readStartup(env);
  const state =
    process.env.ONESH_HOME || path.join(process.env.XDG_STATE_HOME || path.join(homedir(), '.local/state'), 'onesh');
  const history = openHistory(env.get('HISTFILE') ?? path.join(state, 'history'), env.get('HISTSIZE'));
  shell.history = history;
  const view: SessionView = {
    jobs: shell.jobs,
    around: {
      get history() {
        return history.entries;
      },
      get first() {
        return history.first;
      },
      alias: (name) => env.aliases.get(name),
      expand: (pattern) => matching(pattern, env),
    },
    get vi() {
      return env.options.vi;
    },
    complete: (before) => complete(before, env),
    signalled: () => shell.pendingSignals.length > 0,
  };
  /** Lines of a text of several that have not been read yet. */
  let waiting: string[] = [];
  const outcome = await runLines(
    async (continuing) => {
      for (;;) {
        if (shell.interrupted !== undefined) {
          // Ctrl-C ends the whole of what was entered; the terminal has shown it as `^C`.
          waiting = [];
          shell.interrupted = undefined;
          writeError(env, '\n');
        }
        const next = waiting.shift();
        if (next !== undefined) return next;
        if (!continuing && shell.jobWarning > 0) shell.jobWarning -= 1;
        const told = notifyJobs(env);
        if (told !== '') writeError(env, told);
        shell.stopAsked = false;
        const answer = await screen
          .ask(await promptText(env, continuing ? 'PS2' : 'PS1'), view)
          .catch((error: unknown) => {
            if (!terminalIsGone()) throw error;
            hangUp();
            return { kind: 'end' } as const;
          });
        // Ink's streams make the terminal non-blocking; programs expect it as every shell gives it.
        for (const fd of [0, 1, 2]) setBlocking(fd);
        if (answer.kind === 'line') {
          waiting = answer.text.split(/(?<=\n)/);
          return waiting.shift() ?? '';
        }
        if (answer.kind === 'edit') {
          // The line is called up from the history, where `fc` takes its own place (XCU sh, `v`).
          if (answer.entry === undefined) history.add(answer.text);
          return `fc -e vi${answer.entry === undefined ? '' : ` ${answer.entry}`}\n`;
        }
        if (answer.kind === 'interrupt') {
          env.status = 130;
          if (continuing) return undefined;
          continue;
        }
        if (env.options.ignoreeof && !continuing) {
          writeError(env, 'Use "exit" to leave the shell.\n');
          continue;
        }
        if (!continuing && warnOfStopped(env)) continue;
        return undefined;
      }
    },
    env,
    (text, program) => {
      if (!(env.options.nolog && program !== undefined && definesOnly(program))) history.add(text);
    },
  );
  return outcome;
}
