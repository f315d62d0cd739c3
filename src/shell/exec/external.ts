/** Utilities that are programs of this machine: look-up (XCU 2.9.1.4), start, wait. */
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import os from 'node:os';
import { SystemError, spawn } from '../../host/libc.js';
import { encodeBytes } from '../../wire/bytes.js';
import { HostProcess, inForeground, type Job, jobStatus, type Stage } from '../jobs.js';
import { absolute } from '../namespace.js';
import { done, type MaybePromise, type Outcome, ShellError, signalName, signalText, then } from '../outcome.js';
import { writeError } from '../report.js';
import type { Env } from '../state.js';
import { withLimits } from './limits.js';
import { inheritedSignals, restoreUsr1 } from './traps.js';

/** A utility's file, relative where its name or its entry in PATH was: a script sees it as `$0`. */
export type Lookup = { readonly path: string } | { readonly status: 126 | 127; readonly message: string };

const bytes = (path: string): string | Buffer => (path.isWellFormed() ? path : encodeBytes(path));

function isExecutable(path: string): boolean {
  try {
    accessSync(bytes(path), constants.X_OK);
    return statSync(bytes(path)).isFile();
  } catch {
    return false;
  }
}

/** Where `name` is, in PATH or as a path; 126 and 127 as XCU 2.8.2. */
export function lookup(name: string, env: Env, searchPath?: string): Lookup {
  if (name.includes('/')) {
    const path = absolute(name, env);
    if (isExecutable(path)) return { path: name };
    const found = statSync(bytes(path), { throwIfNoEntry: false });
    if (found === undefined) return { status: 127, message: `${name}: not found` };
    return { status: 126, message: `${name}: ${found.isDirectory() ? 'Is a directory' : 'Permission denied'}` };
  }
  const known = searchPath === undefined ? env.hashed.get(name) : undefined;
  // It may be gone since, and another in its place.
  if (known !== undefined && isExecutable(known)) {
    if (env.owner) env.remembered.add(name);
    return { path: known };
  }
  let denied: string | undefined;
  for (const directory of (searchPath ?? env.get('PATH') ?? '').split(':')) {
    const found = directory === '' ? `./${name}` : `${directory}/${name}`;
    const path = absolute(found, env);
    if (isExecutable(path)) {
      if (searchPath === undefined && directory.startsWith('/')) {
        env.hashed.set(name, path);
        if (env.owner) env.remembered.add(name);
      }
      return { path: found };
    }
    if (denied === undefined && name !== '' && statSync(bytes(path), { throwIfNoEntry: false })?.isFile())
      denied = path;
  }
  return denied === undefined
    ? { status: 127, message: `${name}: not found` }
    : { status: 126, message: `${name}: Permission denied` };
}

/** A program ready to start: what is left of a simple command after expansion. */
export interface Launch {
  readonly path: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly text: string;
}

/** Signals that Node ignores for itself. */
const nodeSignals = ['SIGPIPE', 'SIGXFSZ'] as const;
/** Signals an interactive shell ignores and its programs must not. */
const jobSignals = ['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGINT', 'SIGQUIT', 'SIGTERM', ...nodeSignals] as const;

/** Signals to reset in a program: those this process ignores for reasons of its own. */
export function signalDefaults(env: Env): number[] {
  const names = env.shell.interactive ? jobSignals : nodeSignals;
  return names
    .map((name) => os.constants.signals[name])
    .filter((n) => env.traps.get(n) !== 'ignore' && !env.shell.ignoredAtStart.has(n));
}

/** Starts a program with the environment's descriptors. @throws ShellError 126, 127 */
export function start(
  launch: Launch,
  env: Env,
  group: number | undefined,
  ignore?: readonly number[],
  foreground = false,
): HostProcess {
  restoreUsr1();
  const inherited = inheritedSignals(env);
  const options = {
    env: launch.environment,
    fds: env.files.hostMap(),
    // A directory of another machine is none of this one.
    cwd: env.cwd === process.cwd() || env.cwd.startsWith('/net/') ? undefined : env.cwd,
    umask: env.umask === process.umask() ? undefined : env.umask,
    group,
    terminal: foreground && group === 0 ? env.shell.terminal : undefined,
    ignore: inherited.ignore.length === 0 ? ignore : [...(ignore ?? []), ...inherited.ignore],
    defaults: inherited.defaults.length === 0 ? signalDefaults(env) : [...signalDefaults(env), ...inherited.defaults],
  };
  let pid: number;
  try {
    pid = spawn({ ...withLimits(launch.path, launch.argv, env), ...options });
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const name = launch.argv[0]!;
    if (error.code === 'ENOEXEC') return startScript(launch, env, options);
    env.hashed.delete(name);
    if (error.code === 'ENOENT') {
      const interpreter = readInterpreter(absolute(launch.path, env));
      throw new ShellError(
        interpreter === undefined
          ? `${name}: not found`
          : `${name}: ${interpreter}: bad interpreter: No such file or directory`,
        127,
      );
    }
    if (error.code === 'EACCES') throw new ShellError(`${name}: Permission denied`, 126);
    if (error.code === 'E2BIG') throw new ShellError(`${name}: Argument list too long`, 126);
    throw new ShellError(`${name}: ${error.code}`, 126, 'utility', { cause: error });
  }
  return new HostProcess(pid, launch.text, env.shell.activity);
}

/** A file the kernel cannot execute is a shell script, unless it looks binary (XCU 2.9.1.6). */
function startScript(
  launch: Launch,
  env: Env,
  options: Omit<Parameters<typeof spawn>[0], 'file' | 'argv'>,
): HostProcess {
  const head = Buffer.alloc(256);
  const fd = openSync(bytes(absolute(launch.path, env)), 'r');
  const length = readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  const line = head.subarray(0, length);
  if (line.toString('latin1', 0, 4) === '\0asm') {
    // A WebAssembly command at home: a process like any other, with its descriptors.
    const argv = [...env.shell.wasm, absolute(launch.path, env), ...launch.argv];
    return new HostProcess(spawn({ ...options, file: argv[0]!, argv }), launch.text, env.shell.activity);
  }
  const nul = line.indexOf(0);
  const elf = line.toString('latin1', 0, 4) === '\x7fELF';
  if (elf || (nul >= 0 && (line.indexOf(10) < 0 || nul < line.indexOf(10))))
    throw new ShellError(`${launch.argv[0]}: Exec format error`, 126);
  const argv = [...env.shell.self, launch.path, ...launch.argv.slice(1)];
  const pid = spawn({ ...options, file: argv[0]!, argv });
  return new HostProcess(pid, launch.text, env.shell.activity);
}

function readInterpreter(path: string): string | undefined {
  try {
    const fd = openSync(bytes(path), 'r');
    const head = Buffer.alloc(256);
    const length = readSync(fd, head, 0, head.length, 0);
    closeSync(fd);
    return /^#![ \t]*(\S+)/.exec(head.toString('latin1', 0, length))?.[1];
  } catch {
    return undefined;
  }
}

/** The environment of a program: exported variables and the command's own assignments. */
export function programEnvironment(env: Env, assignments: readonly (readonly [string, string])[]): readonly string[] {
  const base = env.environment();
  if (assignments.length === 0) return base;
  const own = new Map(assignments);
  const kept = base.filter((entry) => !own.has(entry.slice(0, entry.indexOf('='))));
  return [...kept, ...[...own].map(([name, value]) => `${name}=${value}`)];
}

/** Lets the output of programs in a command substitution flow before they are waited for. */
export function drainCapture(env: Env, node: object): void {
  const { capture } = env;
  if (capture === undefined || !capture.file.piped) return;
  // Nothing else will write: read to the end here and now.
  if (capture.sole === node && env.shell.activity.concurrent === 0) capture.file.slurp();
  else capture.file.drain(env.shell.activity);
}

/** Says how a signal ended a foreground command, as dash does: nothing for INT, which interrupts the session, and PIPE. */
export function sayEnded(env: Env, stages: readonly Stage[]): void {
  const last = stages.at(-1);
  if (last?.endedBy === undefined) return;
  const name = signalName(last.endedBy) ?? '';
  if (name === 'INT') {
    // Ctrl-C ends all that was entered, as if the shell had had it too.
    if (env.shell.interactive) env.shell.interrupted ??= last.endedBy;
    return;
  }
  if (name === 'PIPE') return;
  const core = last instanceof HostProcess && last.core ? ' (core dumped)' : '';
  writeError(env, `${signalText[name] ?? `Signal ${last.endedBy}`}${core}\n`);
}

/** Waits for stages in the foreground and gives their status. With job control they may also stop (XCU 2.11). */
export function waitForeground(
  stages: readonly Stage[],
  text: string,
  group: number | undefined,
  env: Env,
): MaybePromise<Outcome> {
  const { shell } = env;
  const outcome = () => {
    sayEnded(env, stages);
    return done(jobStatus(stages, env.options.pipefail));
  };
  const stops = env.options.monitor && !env.subshell;
  if (!stops && hasTraps(env)) return waitWithTraps(stages, env).then(outcome);
  if (!stops) return then(waitAll(stages, false, 0), outcome);
  const waited =
    shell.terminal === undefined
      ? waitAll(stages, true, 0)
      : inForeground(shell, group, stages, () => waitAll(stages, true, 0));
  return then(waited, () => {
    if (stages.every((s) => s.state === 'done')) return outcome();
    const job = shell.jobs.add(text, stages, group, env);
    announceStopped(env, job);
    return done(stages.find((s) => s.state === 'stopped')?.status ?? 0);
  });
}

/** A trapped signal must be able to reach this process while a program runs, though its action waits (XCU 2.12). */
const hasTraps = (env: Env): boolean => {
  for (const [signal, action] of env.traps) if (signal !== 0 && action !== 'ignore') return true;
  return false;
};

/**
 * True while a signal to this process may be on its way: any thread may be chosen to take it, and until that has run nobody knows of
 * it here. Threads that sleep are taking none.
 */
function signalsUnderWay(): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    const mask = (name: string) => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`);
    if ((mask('ShdPnd') & ~mask('SigBlk')) !== 0n) return true;
    return readdirSync('/proc/self/task').some(
      (thread) =>
        Number(thread) !== process.pid &&
        / R /.test(readFileSync(`/proc/self/task/${thread}/stat`, 'latin1').slice(0, 40)),
    );
  } catch {
    return false;
  }
}

/** Milliseconds that threads are waited for: one may be busy with something else. */
const threadPatience = 200;

/** Resolves when the signals that have arrived are known. */
export async function signalsDelivered(): Promise<void> {
  const end = performance.now() + threadPatience;
  do {
    // One immediate is not enough: it runs in the turn of the event loop that is under way.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  } while (signalsUnderWay() && performance.now() < end);
}

async function waitWithTraps(stages: readonly Stage[], env: Env): Promise<void> {
  const { activity } = env.shell;
  activity.concurrent += 1;
  try {
    await waitAll(stages, false, 0);
    // A signal may have come with the program's end.
    await signalsDelivered();
  } finally {
    activity.concurrent -= 1;
  }
}

export function announceStopped(env: Env, job: Job): void {
  job.notified = true;
  writeError(env, `\n[${job.id}]${env.shell.jobs.mark(job)} Stopped  ${job.text}\n`);
}

/** Waits for each stage in turn; with `stops`, until the job as a whole no longer runs. */
export function waitAll(stages: readonly Stage[], stops: boolean, from: number): MaybePromise<void> {
  for (let i = from; i < stages.length; i++) {
    const wait = stages[i]!.wait(stops);
    if (wait instanceof Promise) return wait.then(() => waitAll(stages, stops, i + 1));
  }
}

/** `[1] 4711`, in an interactive shell (XCU 2.9.3.1). */
export function announceStarted(env: Env, job: Job): void {
  if (env.shell.interactive && !env.subshell) writeError(env, `[${job.id}] ${job.pid ?? ''}\n`);
}
