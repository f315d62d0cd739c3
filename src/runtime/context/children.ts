/**
 * `child_process` away from home: what is forked runs beside its parent (`forked.ts`). Any other child whose working directory is another machine's runs there, an agent of its own, with
 * its streams bridged. One whose working directory is the host's is the host's own.
 */
import type * as childProcesses from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { posix as path } from 'node:path';
import type * as stream from 'node:stream';
import { promisify } from 'node:util';
import type { ChildSpec } from '../children.js';
import type { Resolution } from '../modules/resolve.js';
import type { ChildEvent, RunAnswer, RunLimits, SpawnAnswer } from '../syscalls/processes.js';
import { type AnyFunction, toBytes } from './arguments.js';
import type { Channel } from './channel.js';
import { aborted, notAvailable, systemError } from './error.js';
import { makeFork } from './forked.js';
import { builtin } from './host.js';
import { installMessages, type MessagesAt, withMessages } from './messages.js';
import type { Paths, Place } from './paths.js';
import { Planned } from './planned.js';

interface Options {
  readonly cwd?: string | URL;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly argv0?: string;
  readonly stdio?: unknown;
  readonly shell?: boolean | string;
  readonly input?: unknown;
  readonly timeout?: number;
  readonly killSignal?: string | number;
  readonly maxBuffer?: number;
  readonly encoding?: string | null;
  readonly serialization?: string;
  readonly execPath?: string;
  readonly execArgv?: readonly string[];
  readonly silent?: boolean;
  readonly signal?: AbortSignal;
}

type Stdio = 'pipe' | 'ignore' | 'inherit';

/** A call's arguments, in order. */
interface Asked {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: Options;
  /** A text of a shell’s, of none in particular. */
  readonly text?: string;
}

const megabyte = 1024 * 1024;
/** The last messages of a child that has ended come within so many milliseconds. */
const messagesMs = 1000;

/** The forms of `spawn`'s and `execFile`'s arguments. */
function asked([command, second, third]: readonly unknown[]): Asked {
  const args = Array.isArray(second) ? second.map(String) : [];
  const options = ((Array.isArray(second) ? third : (third ?? second)) ?? {}) as Options;
  return withShell({ command: String(command), args, options: typeof options === 'object' ? options : {} });
}

/** With `shell`, words are a shell's. */
function withShell({ command, args, options }: Asked): Asked {
  const { shell } = options;
  if (!shell) return { command, args, options };
  const text = [command, ...args].join(' ');
  if (typeof shell === 'string') return { command: shell, args: ['-c', text], options };
  return { command: '/bin/sh', args: ['-c', text], options, text };
}

const messagesAt = ({ stdio }: Options): number => (Array.isArray(stdio) ? stdio.indexOf('ipc') : -1);

/** The descriptor for messages, if there is to be one. */
function messagesOf(options: Options): MessagesAt | undefined {
  const { serialization = 'json' } = options;
  const at = messagesAt(options);
  if (at < 0) return undefined;
  if (at < 3) throw notAvailable('messages over a standard stream');
  return { fd: at, serialization: serialization === 'advanced' ? 'advanced' : 'json' };
}

function stdioOf(value: unknown, otherwise: Stdio): readonly Stdio[] {
  const list = Array.isArray(value) ? value : [value, value, value];
  const more = [...new Set(list.slice(3))].filter((each) => each !== 'ignore' && each !== null && each !== undefined);
  if (more.some((each) => each !== 'ipc')) throw notAvailable('a child’s descriptor beyond the standard three');
  return [0, 1, 2].map((fd) => {
    const each: unknown = list[fd];
    if (each === undefined || each === null) return otherwise;
    if (each === 'pipe' || each === 'overlapped') return 'pipe';
    if (each === 'ignore' || each === 'inherit') return each;
    const own = [process.stdin, process.stdout, process.stderr][fd];
    if (each === fd || each === own) return 'inherit';
    throw notAvailable('this kind of a child’s stdio');
  });
}

/** `exists`: whether there is such a file in the namespace. */
export function installChildren(channel: Channel, paths: Paths, exists: (path: string) => boolean): void {
  const childProcess = builtin<typeof childProcesses>('node:child_process');
  const { Readable, Writable } = builtin<typeof stream>('node:stream');
  const host = { ...childProcess };
  const waiting = new Map<string, (event: ChildEvent) => void>();
  channel.listen((event) => {
    const told = event as ChildEvent;
    if (told.type === 'child') waiting.get(told.agent)?.(told);
  });

  const { shell: onesh, gpio } = channel.description;
  const plan = new Planned({ paths, exists, gpio: gpio && paths.sameHost });

  /** Where a child with these options runs; undefined: on this host. */
  const placeOf = ({ cwd }: Options): Place | undefined => {
    const place = paths.locate(paths.textOf(cwd ?? paths.cwd) ?? paths.cwd);
    return place.host === undefined ? place : undefined;
  };
  /** Options for the host's own call. */
  const onHost = (options: Options): Options => {
    const place = paths.locate(paths.textOf(options.cwd ?? paths.cwd) ?? paths.cwd);
    return { ...options, cwd: String(place.host) };
  };
  /** At home, in a directory of the host's: the host's own call, unchanged. */
  const isPlain = (given: readonly unknown[]): boolean => {
    const options = given.find((each) => typeof each === 'object' && each !== null && !Array.isArray(each)) as
      | Options
      | undefined;
    const cwd = options?.cwd === undefined || options.cwd === null ? '.' : paths.textOf(options.cwd);
    return paths.sameHost && (cwd === undefined || paths.isPlain(cwd));
  };
  /** What the shell of the home runtime is to plan. */
  const plannedAt = ({ command, args, options, text }: Asked, place: Place): string | undefined => {
    if (place.provider !== channel.description.home || messagesAt(options) >= 0) return undefined;
    const isText = text !== undefined;
    return plan.textOf(isText ? { command: text, args: [], isText } : { command, args, isText }, place.full);
  };
  const specOf = (what: Asked, place: Place, pipes: readonly boolean[]): ChildSpec => {
    const { command, args, options } = what;
    const planned = plannedAt(what, place);
    return {
      command,
      args,
      ...(planned === undefined ? {} : { planned }),
      ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
      cwd: place.full,
      env: environmentOf(
        planned === undefined || options.env === undefined ? options.env : { ...clusterVariables(), ...options.env },
      ),
      umask: process.umask(),
      pipes,
    };
  };
  const call = (name: string, args: readonly unknown[], where: object, bytes?: Uint8Array) => {
    const { head, bytes: data } = channel.callSync(name, args, bytes);
    if (head.error !== undefined) throw systemError(head.error.code, where, head.error.message);
    return { value: head.value, data };
  };
  /** As Node words it. */
  const spawnError = (code: string, syscall: string, { command, args }: Asked): Error =>
    Object.assign(systemError(code, { syscall }), {
      message: `${syscall} ${code}`,
      path: command,
      spawnargs: args,
    });

  // --- spawn ----------------------------------------------------------------------------------------------------------

  const reader = (handle: number): stream.Readable =>
    new Readable({
      read() {
        channel.call('device.read', [handle, 65_536]).then(({ head, bytes }) => {
          if (head.error !== undefined)
            this.destroy(systemError(head.error.code, { syscall: 'read' }, head.error.message));
          else this.push(bytes.length === 0 ? null : Buffer.from(bytes));
        });
      },
    });
  const writer = (handle: number): stream.Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        channel.call('device.write', [handle], chunk).then(({ head }) => {
          done(
            head.error === undefined ? null : systemError(head.error.code, { syscall: 'write' }, head.error.message),
          );
        });
      },
      final(done) {
        channel.call('device.close', [handle]).then(() => done());
      },
    });

  const spawnAt = (what: Asked, place: Place): ChildProcess => {
    const { options } = what;
    const stdio = stdioOf(options.stdio, 'pipe');
    const child = new childProcess.ChildProcess();
    Object.assign(child, { spawnfile: what.command, spawnargs: [options.argv0 ?? what.command, ...what.args] });
    const piped = stdio.map((each) => each !== 'ignore');
    const messages = messagesOf(options);
    const spec =
      messages === undefined ? specOf(what, place, piped) : withMessages(specOf(what, place, piped), messages);
    const { value } = call('process.spawn', [spec], { syscall: `spawn ${what.command}` });
    const answer = value as SpawnAnswer;
    if ('failed' in answer) {
      process.nextTick(() => {
        Object.assign(child, { exitCode: -(constants.errno as Record<string, number>)[answer.failed]! });
        child.emit('error', spawnError(answer.failed, `spawn ${what.command}`, what));
      });
      const ends = stdio.map((each, fd) =>
        each !== 'pipe' ? null : fd === 0 ? new Writable({ write: (_c, _e, done) => done() }) : Readable.from([]),
      );
      return Object.assign(child, { stdin: ends[0], stdout: ends[1], stderr: ends[2], stdio: ends });
    }
    const { agent, pid, handles } = answer;
    const ends = handles
      .slice(0, 3)
      .map((handle, fd) => (handle === null ? null : fd === 0 ? writer(handle) : reader(handle)));
    const [stdin, stdout, stderr] = ends as [stream.Writable | null, stream.Readable | null, stream.Readable | null];
    if (stdio[0] === 'inherit') process.stdin.pipe(stdin!);
    if (stdio[1] === 'inherit') stdout!.pipe(process.stdout, { end: false });
    if (stdio[2] === 'inherit') stderr!.pipe(process.stderr, { end: false });
    stdin?.on('error', () => {});
    const shown = ends.map((end, fd) => (stdio[fd] === 'pipe' ? end : null));
    Object.assign(child, { pid, stdin: shown[0], stdout: shown[1], stderr: shown[2], stdio: shown });
    let held = true;
    channel.hold();
    const release = (): void => {
      if (held) channel.unhold();
      held = false;
    };
    Object.assign(child, {
      ref: () => {
        if (!held && child.exitCode === null && child.signalCode === null) {
          held = true;
          channel.hold();
        }
      },
      unref: release,
      kill: (signal?: string | number) => {
        const name = signalName(signal ?? 'SIGTERM');
        if (child.exitCode !== null || child.signalCode !== null) return false;
        const { error } = channel.callSync('process.signal', [agent, name]).head;
        if (error === undefined) Object.assign(child, { killed: true });
        return error === undefined;
      },
    });
    const messageHandle = handles[3];
    const disconnected =
      messageHandle == null || messages === undefined
        ? undefined
        : installMessages(channel, child, messageHandle, messages.serialization);
    const closed = Promise.all([
      disconnected,
      ...[stdout, stderr].map((end) =>
        end === null ? undefined : new Promise((resolve) => end.once('close', resolve)),
      ),
    ]);
    waiting.set(agent, async ({ status = null, signal = null }) => {
      waiting.delete(agent);
      // Messages that were sent before the end are told before it; a grandchild may hold their channel open.
      if (disconnected !== undefined) await atMost(disconnected, messagesMs);
      Object.assign(child, { exitCode: status, signalCode: signal });
      stdin?.destroy();
      child.emit('exit', status, signal);
      // What nobody reads is not waited for.
      for (const end of [stdout, stderr]) if (end !== null && end.readableFlowing === null) end.resume();
      void closed.then(() => {
        release();
        child.emit('close', status, signal);
      });
    });
    process.nextTick(() => child.emit('spawn'));
    endBy(child, options);
    return child;
  };

  const spawnAsked = (what: Asked): ChildProcess => {
    const place = placeOf(what.options);
    if (place !== undefined) return spawnAt(what, place);
    const { shell: _, ...options } = onHost(what.options);
    return host.spawn(what.command, [...what.args], options as object);
  };

  const spawn = (...given: unknown[]): ChildProcess => spawnAsked(asked(given));

  // --- execFile, exec -------------------------------------------------------------------------------------------------

  /** As Node's `execFile`, on any `spawn`. */
  const collect = (what: Asked, named: string, callback: AnyFunction | undefined): ChildProcess => {
    const { encoding = 'utf8', maxBuffer = megabyte, timeout = 0, killSignal = 'SIGTERM' } = what.options;
    const child = spawnAsked({ ...what, options: { ...what.options, shell: false, timeout: 0, stdio: 'pipe' } });
    const parts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let failure: Error | undefined;
    let killed = false;
    let over = false;
    const stop = (): void => {
      killed = true;
      child.kill(signalName(killSignal) as NodeJS.Signals);
    };
    const timer = timeout > 0 ? setTimeout(stop, timeout) : undefined;
    for (const name of ['stdout', 'stderr'] as const) {
      let size = 0;
      child[name]?.on('data', (chunk: Buffer) => {
        parts[name].push(chunk.subarray(0, Math.max(0, maxBuffer - size)));
        size += chunk.length;
        if (size <= maxBuffer || failure !== undefined) return;
        failure = Object.assign(new RangeError(`${name} maxBuffer length exceeded`), {
          code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
        });
        stop();
      });
    }
    const finish = (status: number | null, signal: string | null): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      const [stdout, stderr] = (['stdout', 'stderr'] as const).map((name) => {
        const whole = Buffer.concat(parts[name]);
        return encoding && encoding !== 'buffer' && Buffer.isEncoding(encoding) ? whole.toString(encoding) : whole;
      });
      if (failure === undefined && status === 0 && signal === null) {
        callback?.(null, stdout, stderr);
        return;
      }
      const error =
        failure ??
        Object.assign(new Error(`Command failed: ${named}\n${String(stderr)}`), {
          code: status,
          killed: child.killed || killed,
          signal,
        });
      callback?.(Object.assign(error, { cmd: named }), stdout, stderr);
    };
    child.on('close', finish);
    child.on('error', (error) => {
      failure = error;
      finish(null, null);
    });
    return child;
  };

  const namedBy = ({ command, args }: Asked): string => [command, ...args].join(' ');
  const callbackOf = (given: readonly unknown[]): AnyFunction | undefined =>
    given.find((each) => typeof each === 'function') as AnyFunction | undefined;
  const withoutCallback = (given: readonly unknown[]): unknown[] => given.filter((each) => typeof each !== 'function');
  const execFile = (...given: unknown[]): ChildProcess => {
    const what = asked(withoutCallback(given));
    return collect(what, namedBy(what), callbackOf(given));
  };
  const execOf = (given: readonly unknown[]): Asked => {
    const [command, options] = withoutCallback(given) as [string, Options | undefined];
    return withShell({ command, args: [], options: { ...options, shell: options?.shell || true } });
  };
  const exec = (...given: unknown[]): ChildProcess => collect(execOf(given), String(given[0]), callbackOf(given));
  for (const run of [exec, execFile]) {
    Object.defineProperty(run, promisify.custom, {
      value: (...given: unknown[]) => {
        let child: ChildProcess | undefined;
        const promise = new Promise((resolve, reject) => {
          child = run(...given, (error: Error | null, stdout: unknown, stderr: unknown) => {
            if (error === null) resolve({ stdout, stderr });
            else reject(Object.assign(error, { stdout, stderr }));
          });
        });
        return Object.assign(promise, { child });
      },
    });
  }

  // --- the synchronous forms ------------------------------------------------------------------------------------------

  type Result = childProcesses.SpawnSyncReturns<string | Buffer>;

  const runAt = (what: Asked, place: Place, otherwise: Stdio): Result => {
    const { options } = what;
    const { encoding = 'buffer', timeout = 0, killSignal = 'SIGTERM', maxBuffer = megabyte } = options;
    const stdio = stdioOf(options.stdio, 'pipe');
    const limits: RunLimits = { timeout, killSignal: signalName(killSignal), maxBuffer };
    const input = options.input === undefined || options.input === null ? new Uint8Array(0) : toBytes(options.input);
    const spec = specOf(what, place, [stdio[0] !== 'ignore', stdio[1] !== 'ignore', stdio[2] !== 'ignore']);
    void otherwise;
    const { value, data } = call('process.run', [spec, limits], { syscall: `spawnSync ${what.command}` }, input);
    const answer = value as RunAnswer;
    const fail = (code: string) => spawnError(code, `spawnSync ${what.command}`, what);
    if ('failed' in answer)
      return {
        error: fail(answer.failed),
        status: null,
        signal: null,
        output: null,
        pid: 0,
        stdout: null,
        stderr: null,
      } as never;
    const { pid, status = null, signal = null, split, error } = answer;
    const text = (bytes: Uint8Array): string | Buffer => {
      const whole = Buffer.from(bytes);
      return encoding && encoding !== 'buffer' ? whole.toString(encoding as BufferEncoding) : whole;
    };
    const outputs = [data.subarray(0, split), data.subarray(split)].map((bytes, i) => {
      if (stdio[i + 1] === 'inherit') (i === 0 ? process.stdout : process.stderr).write(bytes);
      return stdio[i + 1] === 'pipe' ? text(bytes) : null;
    });
    const result = { status, signal, output: [null, ...outputs], pid, stdout: outputs[0], stderr: outputs[1] };
    return (error === undefined ? result : { error: fail(error), ...result }) as Result;
  };

  const runAsked = (what: Asked): Result => {
    const place = placeOf(what.options);
    if (place !== undefined) return runAt(what, place, 'pipe');
    const { shell: _, ...options } = onHost(what.options);
    return host.spawnSync(what.command, [...what.args], options as object) as Result;
  };
  const spawnSync = (...given: unknown[]): Result => runAsked(asked(given));
  /** Throws for a failure, as `execFileSync` does, and passes standard error on. */
  const checked = (what: Asked, named: string): string | Buffer | null => {
    const result = runAsked({ ...what, options: { ...what.options, shell: false } });
    const { stdio } = what.options;
    if (stdio === undefined && result.stderr) process.stderr.write(result.stderr);
    const { error, status, stderr } = result;
    if (error === undefined && status === 0) return result.stdout;
    const failure = error ?? new Error(`Command failed: ${named}${stderr?.length ? `\n${String(stderr)}` : ''}`);
    throw Object.assign(failure, result);
  };
  const execFileSync = (...given: unknown[]): unknown => {
    const what = asked(given);
    return checked(what, namedBy(what));
  };
  const execSync = (...given: unknown[]): unknown => checked(execOf(given), String(given[0]));

  // --- fork -----------------------------------------------------------------------------------------------------------

  const forkBeside = makeFork(channel, (agent, hear) => {
    waiting.set(agent, (event) => {
      waiting.delete(agent);
      hear(event);
    });
  });
  /** What is to run on this machine, in this context; undefined for what only a Node.js of the host’s can be, or say. */
  const besideOf = (file: unknown, { cwd: given, env, execPath, execArgv }: Options, all: readonly unknown[]) => {
    const text = paths.textOf(file);
    const cwd = paths.textOf(given ?? paths.cwd);
    if (text === undefined || cwd === undefined || !all.includes('ipc')) return undefined;
    if ((execPath ?? process.execPath) !== process.execPath || (execArgv ?? process.execArgv).length > 0)
      return undefined;
    const directory = paths.locate(cwd).full;
    const named = path.resolve(directory, text);
    const { value } = call('module.resolve', [named, named, 'require', ['.js', '.json', '.node']], { syscall: 'fork' });
    const found = value as Resolution;
    if (!('path' in found)) return undefined;
    const program = found.path.startsWith(named) ? found.path : named;
    return { program, cwd: directory, env: environmentOf(env), umask: process.umask() };
  };
  const fork = (file: unknown, ...given: unknown[]): ChildProcess => {
    const args = Array.isArray(given[0]) ? given[0].map(String) : [];
    const options = ((Array.isArray(given[0]) ? given[1] : (given[1] ?? given[0])) ?? {}) as Options;
    const { execPath = process.execPath, execArgv = process.execArgv, silent, stdio } = options;
    const three = typeof stdio === 'string' ? stdio : silent ? 'pipe' : 'inherit';
    const all = Array.isArray(stdio) ? stdio : [three, three, three, 'ipc'];
    const beside = paths.sameHost && !isForkedBeside([file, ...given]) ? undefined : besideOf(file, options, all);
    if (beside !== undefined) {
      const child = forkBeside({ ...beside, args, stdio: all, serialization: options.serialization ?? 'json' });
      endBy(child, options);
      return child;
    }
    const place = placeOf(options);
    if (place === undefined) return host.fork(file as string, args, onHost(options) as object);
    // Node says what is wrong with these.
    if (paths.textOf(file) === undefined || !all.includes('ipc'))
      return host.fork(file as string, args, options as object);
    const command = { command: execPath, args: [...execArgv, paths.textOf(file)!, ...args] };
    return spawnAt({ ...command, options: { ...options, stdio: all, shell: false } }, place);
  };

  // --- what the shell plans ---------------------------------------------------------------------------------------------

  /** The arguments of a call of the host's: those given, or what starts the shell. */
  const planned = (name: string, given: readonly unknown[]): readonly unknown[] => {
    if (onesh === undefined || name === 'fork' || typeof given[0] !== 'string') return given;
    const [command, second, third] = withoutCallback(given);
    const args = Array.isArray(second) ? second.map(String) : [];
    const options = ((Array.isArray(second) ? third : (third ?? second)) ?? {}) as Options;
    // A shell that the program names, and one that is sent messages, are what they are.
    if (typeof options.shell === 'string' || messagesAt(options) >= 0) return given;
    const isText = options.shell === true || name === 'exec' || name === 'execSync';
    const cwd = paths.textOf(options.cwd ?? paths.cwd) ?? paths.cwd;
    const text = plan.textOf({ command: command as string, args, isText }, paths.absolute(cwd));
    if (text === undefined) return given;
    const callback = callbackOf(given);
    const env = options.env === undefined ? {} : { env: { ...clusterVariables(), ...options.env } };
    return [text, { ...options, ...env, shell: onesh }, ...(callback === undefined ? [] : [callback])];
  };

  /** A child of a program at home that could do nothing as the host's own. */
  const isForkedBeside = (given: readonly unknown[]): boolean => {
    const [file, args, options] = given;
    const { cwd } = ((Array.isArray(args) ? options : args) ?? {}) as Options;
    const words = Array.isArray(args) ? args.map(String) : [];
    const at = paths.textOf(cwd ?? paths.cwd) ?? paths.cwd;
    return isPlain(given) && plan.concerns([paths.textOf(file) ?? '', ...words], paths.absolute(at));
  };

  const isHosts = (name: string, given: readonly unknown[]): boolean =>
    isPlain(given) && !(name === 'fork' && isForkedBeside(given));
  const own: Readonly<Record<string, AnyFunction>> = {
    spawn,
    exec,
    execFile,
    spawnSync,
    execSync,
    execFileSync,
    fork,
  };
  for (const [name, run] of Object.entries(own)) {
    const real = host[name as keyof typeof host] as AnyFunction;
    const choose = (...given: unknown[]): unknown =>
      isHosts(name, given) ? real(...planned(name, given)) : run(...given);
    const promised = (run as { [promisify.custom]?: AnyFunction })[promisify.custom];
    if (promised !== undefined) {
      const realPromised = (real as { [promisify.custom]?: AnyFunction })[promisify.custom]!;
      const chosen = (...given: unknown[]): unknown =>
        isHosts(name, given) ? realPromised(...planned(name, given)) : promised(...given);
      Object.defineProperty(choose, promisify.custom, { value: chosen });
    }
    Object.assign(childProcess, { [name]: choose });
  }
}

/** By what a shell finds its cluster, where its environment is made for it. */
const clusterVariables = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ['ONESH_HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'HOME', 'PATH'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );

/** Variables as strings; the program's own where none are given. */
const environmentOf = (env: Options['env']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env ?? process.env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const],
    ),
  );

/** Ends a child as the options of its parent say: after a time, or when they are aborted. */
function endBy(child: ChildProcess, { timeout = 0, killSignal = 'SIGTERM', signal }: Options): void {
  const kill = (): boolean => child.kill(signalName(killSignal) as NodeJS.Signals);
  if (timeout > 0) {
    const timer = setTimeout(kill, timeout);
    child.once('exit', () => clearTimeout(timer));
  }
  signal?.addEventListener('abort', () => {
    kill();
    child.emit('error', aborted(signal));
  });
}

function signalName(signal: string | number): string {
  if (typeof signal === 'string') return signal;
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? 'SIGTERM';
}

/** Waits for `event`, `ms` at most. */
async function atMost(event: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([event, late]);
  clearTimeout(timer);
}
