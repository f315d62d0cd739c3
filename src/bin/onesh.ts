/**
 * `onesh`, the shell: command line, composition, exit. This file is the entry of the start-up snapshot, so nothing here
 * may look at the process before `main` runs.
 */
import { closeSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { startupSnapshot } from 'node:v8';
import { isName } from '../../grammar/index.js';
import { exitNow, libcLoaded, setDisposition } from '../host/libc.js';
import { isTerminal, loadModule, setModuleRoot } from '../host/modules.js';
import { setOption } from '../shell/builtins/environment.js';
import { builtins } from '../shell/builtins/index.js';
import { planText } from '../shell/exec/plan-only.js';
import { readState, restoreState } from '../shell/exec/state-text.js';
import { claimUsr1, restoreUsr1 } from '../shell/exec/traps.js';
import { FileTable } from '../shell/files.js';
import { Jobs } from '../shell/jobs.js';
import { errnoOf, type Outcome, reasonOf, ShellError } from '../shell/outcome.js';
import type { ClusterPort } from '../shell/plan/cluster.js';
import {
  evaluate,
  expandPrompt,
  finishSession,
  readStartup,
  runLines,
  runText,
  standardInput,
} from '../shell/session.js';
import { Env, type Shell } from '../shell/state.js';
import { runInteractive, type Screen } from '../shell/ui/interactive.js';
import { decodeBytes } from '../wire/bytes.js';
import { homeDirectory, makeLocal } from './local.js';

declare const ONESH_VERSION: string;

const usage = `usage: onesh [-abCefhimnuvx] [-o option] … [script [argument …]]
       onesh [options] -c commands [name [argument …]]
       onesh [options] -s [argument …]
       onesh --plan -c commands      print the plan of each pipeline as JSON and run none
       onesh --version | --help
`;

interface CommandLine {
  readonly options: (readonly [option: string, on: boolean, long: boolean])[];
  command: boolean;
  stdin: boolean;
  interactive: boolean;
  plan: boolean;
  subshell: number | undefined;
  operands: readonly string[];
}

/** XCU sh, OPTIONS. @throws ShellError status 2 */
function parseArguments(args: readonly string[]): CommandLine | 'help' | 'version' {
  const line: CommandLine = {
    options: [],
    command: false,
    stdin: false,
    interactive: false,
    plan: false,
    subshell: undefined,
    operands: [],
  };
  let i = 0;
  for (; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--help') return 'help';
    if (arg === '--version') return 'version';
    if (arg === '--plan') {
      line.plan = true;
      continue;
    }
    if (arg === '--subshell') {
      line.subshell = Number(args[++i]);
      continue;
    }
    if (arg === '--' || arg === '-') {
      i += 1;
      break;
    }
    if (arg.startsWith('--')) throw new ShellError(`unknown option ${arg}\n${usage.trimEnd()}`, 2);
    const on = arg[0] === '-';
    if (arg.length < 2 || !(on || arg[0] === '+')) break;
    for (const letter of arg.slice(1)) {
      if (letter === 'c' && on) line.command = true;
      else if (letter === 's') line.stdin = on;
      else if (letter === 'i') line.interactive = on;
      else if (letter === 'o') line.options.push([args[++i] ?? '', on, true]);
      else if (letter !== 'l') line.options.push([letter, on, false]);
    }
  }
  line.operands = args.slice(i);
  return line;
}

const prompts = [
  ['PS1', '$ '],
  ['PS2', '> '],
  ['PS4', '+ '],
] as const;

/** The launcher's own setting for the C library; nobody else would write the 1 like this. */
const launcherTunables = 'glibc.malloc.hugetlb=0x1';

/** Variables of the environment the shell was started in, and those it sets itself (XCU 2.5.3). */
function importEnvironment(env: Env): void {
  if (process.env.GLIBC_TUNABLES === launcherTunables) delete process.env.GLIBC_TUNABLES;
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && isName(name)) env.receive(name, value, true);
  }
  env.receive('IFS', ' \t\n', false);
  env.receive('OPTIND', '1', false);
  env.receive('PPID', String(env.shell.ppid), false);
  for (const [name, value] of prompts) if (env.get(name) === undefined) env.receive(name, value, false);
  env.cwd = workingDirectory(env.get('PWD'));
  env.set('PWD', env.cwd);
  env.umask = process.umask();
}

/** PWD when it names the working directory without dots (XCU sh, PWD), else the physical path. */
function workingDirectory(pwd: string | undefined): string {
  try {
    if (pwd === process.cwd()) return pwd;
    if (pwd?.startsWith('/') && !/\/\.{1,2}(\/|$)/.test(pwd)) {
      const [a, b] = [statSync(pwd), statSync('.')];
      if (a.dev === b.dev && a.ino === b.ino) return pwd;
    }
    return process.cwd();
  } catch {
    return '/';
  }
}

/** Signals that were ignored when the launcher started (it says so in a variable): they stay so (XCU 2.12). */
function ignoredSignals(): ReadonlySet<number> {
  const mask = process.env.ONESH_IGNORED;
  if (mask === undefined) return new Set();
  delete process.env.ONESH_IGNORED;
  const bits = Number(mask);
  const ignored = new Set<number>();
  restoreUsr1();
  for (let n = 1; n < 32; n++) if ((bits >>> (n - 1)) & 1) ignored.add(n);
  for (const n of [constants.signals.SIGINT, constants.signals.SIGTERM, constants.signals.SIGUSR1])
    if (ignored.has(n)) setDisposition(n, 'ignore');
  return ignored;
}

/** The launcher says it (in a variable) where there are none but the standard three. */
function descriptorsAtStart(): FileTable {
  if (process.env.ONESH_DESCRIPTORS === undefined) return FileTable.inherited();
  delete process.env.ONESH_DESCRIPTORS;
  return FileTable.standard();
}

/** The directory of the bundle: beside the snapshot when started from one. */
function distribution(): string {
  const at = process.execArgv.indexOf('--snapshot-blob');
  if (at >= 0) return path.dirname(path.resolve(process.execArgv[at + 1]!));
  return typeof __dirname === 'string' ? __dirname : process.cwd();
}

function makeShell(
  interactive: boolean,
  name: string,
  pid: number,
): { shell: Shell; cluster: () => Promise<ClusterPort> | undefined } {
  const dist = distribution();
  setModuleRoot(dist);
  const local = makeLocal();
  let connected: Promise<ClusterPort> | undefined;
  const connect = (): Promise<ClusterPort> => {
    const { openCluster } = loadModule<typeof import('./cluster.js')>('./cluster.cjs');
    return openCluster({ home: homeDirectory(), clustered: local.clustered(), dist });
  };
  const shell: Shell = {
    activity: { concurrent: 0 },
    jobs: new Jobs(),
    builtins,
    name,
    pid,
    ppid: process.ppid,
    interactive,
    cluster: () => (connected ??= connect()),
    clustered: local.clustered,
    deviceNames: () => local.devices().names,
    hasGpio: () => local.devices().gpio,
    get self() {
      return [path.join(dist, '..', 'bin', 'onesh')];
    },
    get wasm() {
      return [process.execPath, path.join(dist, 'wasm.cjs')];
    },
    evaluate,
    expandPrompt,
    flushes: new Set(),
    pendingSignals: [],
    onSignal: undefined,
    interrupted: undefined,
    stopAsked: false,
    exitAsked: false,
    jobWarning: 0,
    history: undefined,
    terminal: undefined,
    ignoredAtStart: ignoredSignals(),
    budget: 256,
    lastYield: 0,
  };
  return { shell, cluster: () => connected };
}

/** Reads a script. @throws ShellError 126, 127 */
function readScript(file: string, env: Env): string {
  let target = file;
  if (!file.includes('/') && statSync(file, { throwIfNoEntry: false }) === undefined) {
    // XCU sh: a name without a slash may be found in PATH.
    for (const directory of (env.get('PATH') ?? '').split(':')) {
      if (statSync(path.join(directory, file), { throwIfNoEntry: false })?.isFile()) {
        target = path.join(directory, file);
        break;
      }
    }
  }
  try {
    const bytes = readFileSync(target);
    return decodeBytes(bytes);
  } catch (error) {
    throw new ShellError(`cannot open ${file}: ${reasonOf(error)}`, errnoOf(error) === 'ENOENT' ? 127 : 126);
  }
}

/** `-i` with a script: as interactive as that can be. */
async function startInteractive(env: Env): Promise<void> {
  if (!env.shell.interactive) return;
  env.options.interactive = true;
  await readStartup(env);
}

/** All that can be read from a descriptor, which is closed: the programs of a subshell are not to have it. */
function takeText(fd: number): string {
  const text = readFileSync(fd, 'utf8');
  closeSync(fd);
  return text;
}

async function run(line: CommandLine): Promise<number> {
  const fromInput = !line.command && (line.stdin || line.operands.length === 0) && line.subshell === undefined;
  const interactive = line.interactive || (fromInput && !line.plan && isTerminal(0) && isTerminal(2));
  const state = line.subshell === undefined ? undefined : readState(takeText(line.subshell));
  const { shell, cluster } = makeShell(
    interactive,
    line.command ? (line.operands[1] ?? 'onesh') : (state?.name ?? 'onesh'),
    state?.pid ?? process.pid,
  );
  const env = new Env(shell, undefined, descriptorsAtStart());
  const close = async (outcome: Outcome): Promise<number> => {
    const status = await finishSession(env, outcome);
    await (await cluster()?.catch(() => undefined))?.close();
    // The handlers that held it back are gone: it ends this process as it would have.
    if (shell.interrupted !== undefined && !interactive) process.kill(process.pid, shell.interrupted);
    return status;
  };
  importEnvironment(env);
  for (const [option, on, long] of line.options) setOption(env, option, on, long);
  if (state !== undefined) return close(await runText(restoreState(state, env), env));
  if (line.command) {
    const text = line.operands[0];
    if (text === undefined) throw new ShellError('-c requires an argument', 2);
    env.positional = line.operands.slice(2);
    await startInteractive(env);
    if (line.plan) return close(await planText(text, env));
    return close(await runText(text, env));
  }
  if (!fromInput) {
    const [file, ...args] = line.operands;
    const text = readScript(file!, env);
    env.positional = args;
    env.source = file;
    await startInteractive(env);
    if (line.plan) return close(await planText(text, env));
    return close(await runText(text, env));
  }
  env.positional = line.operands;
  env.options.stdin = true;
  if (interactive) {
    const screen = await loadModule<{ load(): Promise<Screen> }>('./tui-loader.cjs').load();
    return close(await runInteractive(env, screen));
  }
  return close(await runLines(standardInput(env), env));
}

/** Ends the process with a status, or by the signal that ended the shell's last program for a trap-less shell. */
function leave(status: number): never {
  // Worker threads may be blocked in the kernel; nothing of theirs is ours to wait for.
  if (libcLoaded()) exitNow(status);
  process.exit(status);
}

/** The exit status of a command line. */
async function start(args: readonly string[]): Promise<number> {
  try {
    const line = parseArguments(args);
    if (line === 'help' || line === 'version') {
      process.stdout.write(line === 'help' ? usage : `onesh ${ONESH_VERSION}\n`);
      return 0;
    }
    return await run(line);
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    process.stderr.write(`onesh: ${error.message}\n`);
    return error.status;
  }
}

function main(): void {
  claimUsr1();
  // A snapshot has no script argument.
  void start(process.argv.slice(process.execArgv.includes('--snapshot-blob') ? 1 : 2)).then(leave);
}

/** Run while the snapshot is made, so that it holds the code of what nearly every script does, compiled. */
const warmUp = `
x=1 y="$x b"; f() { local z=$1; [ "$z" = 1 ] && return 0; return 1; }; f 1 || :
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); case $i in 1*) continue ;; *) : ;; esac; done
for w in a "$y" $y; do x=$(printf %s "$w"); x=\${x#a}\${x%b}\${#x}\${z:-q}; done
if ! false; then set -- a b; shift; fi; { eval 'x=2'; } ; (cd /; x=3); unset x; export y
test -d / && test -n "$*" -a 1 -eq 1; command -v cd >/dev/null; trap : 0; trap - 0; echo "$@" >/dev/null 2>&1
read x <<EOF
$y
EOF
`;

if (startupSnapshot.isBuildingSnapshot()) {
  startupSnapshot.setDeserializeMainFunction(main);
  void start(['-c', warmUp, 'onesh']);
} else main();
