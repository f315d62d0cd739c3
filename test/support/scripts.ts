/**
 * Runs one shell script and says what it did: with a shell of this machine, or with onesh inside this process, which costs no
 * process start. Both get a fresh directory with the same few files, the same environment, and files as standard streams.
 */
import {
  closeSync,
  type Dirent,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { killGroup, spawn as startProgram } from '../../src/host/libc.js';
import { builtins } from '../../src/shell/builtins/index.js';
import { FileTable, HostFile } from '../../src/shell/files.js';
import type { History } from '../../src/shell/history.js';
import { HostProcess, Jobs } from '../../src/shell/jobs.js';
import { evaluate, expandPrompt, finishSession, runText } from '../../src/shell/session.js';
import { Env, type Shell } from '../../src/shell/state.js';
import { decodeBytes, encodeBytes } from '../../src/wire/bytes.js';

/** A script to run, as `-c` text. */
export interface Script {
  readonly script: string;
  readonly stdin?: string;
  /** `$1` and on; `$0` is `sh`. */
  readonly args?: readonly string[];
}

export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status; 128+n after signal n; -1 when it did not end. */
  readonly status: number;
  /** Names and contents of what the script left in its directory, when asked for. */
  readonly files?: string;
}

/** The environment of every script: nothing of the caller's. */
export const environment = (home: string): Record<string, string> => ({
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: home,
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC0',
});

const root = process.env.ONESH_ROOT ?? process.cwd();
/** How to start onesh as a process of its own. */
export const onesh: readonly string[] = [path.join(root, 'bin/onesh')];
export const limitMs = 20_000;

/** Where files cost least. */
const memory = existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();

/** A fresh directory for one script, with what its streams are read from and written to beside it. */
export class Place {
  readonly base = mkdtempSync(path.join(memory, 'sh-'));
  readonly cwd = path.join(this.base, 'd');
  readonly out = path.join(this.base, 'out');
  readonly err = path.join(this.base, 'err');
  readonly fds: [number, number, number];

  constructor(stdin: string | undefined) {
    mkdirSync(this.cwd);
    for (const name of ['a.txt', 'b.txt', 'c.c']) writeFileSync(path.join(this.cwd, name), '');
    let input = '/dev/null';
    if (stdin !== undefined) {
      input = path.join(this.base, 'in');
      writeFileSync(input, encodeBytes(stdin));
    }
    this.fds = [openSync(input, 'r'), openSync(this.out, 'a'), openSync(this.err, 'a')];
  }

  /** Collects the results; the directory is gone afterwards. */
  finish(status: number, withFiles: boolean): Result {
    for (const fd of this.fds) closeSync(fd);
    const read = (file: string) => decodeBytes(readFileSync(file)).replaceAll(this.base, '/TMP');
    const result: Result = { stdout: read(this.out), stderr: read(this.err), status };
    const files = withFiles ? { files: listing(this.cwd).replaceAll(this.base, '/TMP') } : {};
    rmSync(this.base, { recursive: true, force: true });
    return { ...result, ...files };
  }
}

const entriesOf = (directory: string): Dirent[] =>
  readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));

function listing(directory: string): string {
  let text = '';
  const walk = (at: string) => {
    for (const entry of entriesOf(path.join(directory, at))) {
      const name = path.join(at, entry.name);
      if (entry.isDirectory()) {
        text += `${name}/\n`;
        walk(name);
      } else if (entry.isFile())
        text += `${name}: ${JSON.stringify(readFileSync(path.join(directory, name), 'latin1'))}\n`;
      else text += `${name}\n`;
    }
  };
  walk('');
  return text;
}

/** Runs a script with a shell of this machine: `shell` is its command line up to `-c`. */
export async function runProcess(shell: readonly string[], script: Script, withFiles = false): Promise<Result> {
  const place = new Place(script.stdin);
  const argv = [...shell, '-c', script.script, 'sh', ...(script.args ?? [])];
  const pid = startProgram({
    file: argv[0]!,
    argv,
    env: Object.entries(environment(place.cwd)).map(([name, value]) => `${name}=${value}`),
    fds: place.fds.map((fd, i) => [i, fd] as const),
    cwd: place.cwd,
    group: 0,
    defaults: [os.constants.signals.SIGPIPE, os.constants.signals.SIGXFSZ],
  });
  // Node's own way to start a process costs five times as much.
  const child = new HostProcess(pid, '', { concurrent: 1 });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(pid, 'SIGKILL');
  }, limitMs);
  await child.wait(false);
  clearTimeout(timer);
  return place.finish(late ? -1 : child.status, withFiles);
}

/** Runs a script with onesh in this process. What needs a process of its own is {@link runProcess}'s. */
export async function runHere(script: Script, withFiles = false, history?: History): Promise<Result> {
  const place = new Place(script.stdin);
  const before = { cwd: process.cwd(), umask: process.umask() };
  const shell: Shell = {
    activity: { concurrent: 0 },
    jobs: new Jobs(),
    builtins,
    name: 'sh',
    pid: process.pid,
    ppid: process.ppid,
    interactive: false,
    cluster: () => Promise.reject(new Error('there is no cluster here')),
    clustered: () => false,
    deviceNames: () => new Set(),
    hasGpio: () => false,
    self: onesh,
    wasm: [process.execPath, path.join(root, 'dist/wasm.cjs')],
    evaluate,
    expandPrompt,
    flushes: new Set(),
    pendingSignals: [],
    onSignal: undefined,
    interrupted: undefined,
    stopAsked: false,
    exitAsked: false,
    jobWarning: 0,
    history,
    terminal: undefined,
    ignoredAtStart: new Set(),
    budget: 256,
    lastYield: 0,
  };
  const env = new Env(shell, undefined, FileTable.empty());
  place.fds.forEach((fd, i) => {
    env.files.set(i, new HostFile(fd, false));
  });
  for (const [name, value] of Object.entries(environment(place.cwd))) env.declare(name, { value, exported: true });
  for (const [name, value] of Object.entries({ IFS: ' \t\n', OPTIND: '1', PPID: String(process.ppid) }))
    env.set(name, value);
  for (const [name, value] of Object.entries({ PS1: '$ ', PS2: '> ', PS4: '+ ' })) env.set(name, value);
  env.umask = before.umask;
  process.chdir(place.cwd);
  env.cwd = place.cwd;
  env.set('PWD', place.cwd);
  env.positional = script.args ?? [];
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    shell.interrupted = os.constants.signals.SIGINT;
  }, limitMs);
  try {
    const outcome = await runText(script.script, env);
    const status = await finishSession(env, outcome);
    env.files.releaseAll();
    return place.finish(late ? -1 : status, withFiles);
  } finally {
    clearTimeout(timer);
    process.chdir(before.cwd);
    process.umask(before.umask);
  }
}

/** True for a script that acts on the process it runs in: it cannot run inside the test's. */
export const needsProcess = ({ script }: Script): boolean =>
  /\bexec +(-- )?[^ \d<>&;]|\bkill\b.*\$(\$|PPID)|\btrap\b.*\b(HUP|INT|QUIT|ILL|TERM|KILL|STOP|PIPE|CHLD|[Uu](SR|sr)[12]|2 15|99)\b/s.test(
    script,
  );
