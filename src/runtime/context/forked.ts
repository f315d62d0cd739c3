/**
 * `fork` of a program away from home: the child runs on its parent's machine, in the context that its parent has. Its streams and
 * its messages are joined by sockets of that machine, so handles go from the one to the other, and `cluster` works: all of it is
 * Node's own but for the step that would make a process of the host, which the runtime does here.
 *
 *     process.sockets COUNT      sockets of the runtime's to connect to
 *     process.fork SPEC          makes what is connected the child's descriptors, and starts it
 */

import type * as childProcesses from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type * as net from 'node:net';
import { constants } from 'node:os';
import type { ForkSpec, ForkStdio } from '../forks.js';
import type { ChildEvent, SpawnAnswer } from '../syscalls/processes.js';
import type { Channel } from './channel.js';
import { notAvailable, systemError } from './error.js';
import { builtin, hostFs } from './host.js';

/** What is forked; paths are the namespace's. */
export interface Forked extends Pick<ForkSpec, 'program' | 'args' | 'cwd' | 'env' | 'umask'> {
  readonly stdio: readonly unknown[];
  readonly serialization: string;
}

/** What Node's handle of a pipe is used for here. */
interface PipeHandle {
  connect(request: object, path: string): number;
}

/** As Node has got a child's descriptors ready. */
interface HostStdio {
  readonly type: string;
  readonly handle?: PipeHandle & { readonly fd?: number };
  readonly fd?: number;
}

/** What Node calls of its handle of a process. */
interface ProcessHandle {
  pid: number;
  onexit(status: number, signal: string): void;
  spawn(): number;
  kill(signal: number): number;
  ref(): void;
  unref(): void;
  hasRef(): boolean;
  close(): void;
}

interface Internals {
  _handle: ProcessHandle;
  spawn(options: SpawnOptions): number;
}

/** Node puts what it has got ready in the place of what it was given: newer versions hand it to the handle one by one. */
interface SpawnOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly stdio: readonly unknown[];
  readonly envPairs: readonly string[];
  readonly serialization: string;
}

const errnos = constants.errno as Readonly<Record<string, number>>;
const failure = (code: string): number => -(errnos[code] ?? constants.errno.EIO);

/** Node's class of requests to connect, which nothing public leads to. */
function connectRequest(): new () => object {
  let found: object | undefined;
  const handle = {
    connect: (request: object): number => {
      found = request;
      return 0;
    },
    close: () => {},
  };
  const { Socket } = builtin<typeof net>('node:net');
  const probe = new Socket({ handle, manualStart: true } as unknown as net.SocketConstructorOpts);
  probe.on('error', () => {});
  probe.connect({ path: '/dev/null' });
  probe.destroy();
  return found!.constructor as new () => object;
}

/** `listen` is called for what becomes of an agent. */
export function makeFork(channel: Channel, listen: (agent: string, hear: (event: ChildEvent) => void) => void) {
  let Request: (new () => object) | undefined;

  const call = (name: string, args: readonly unknown[]): unknown => {
    const { error, value } = channel.callSync(name, args).head;
    if (error !== undefined) throw systemError(error.code, { syscall: 'fork' }, error.message);
    return value;
  };

  /** Each descriptor as the runtime is told of it; what is a pipe here is connected to one of its sockets. */
  const join = (stdio: readonly HostStdio[]): ForkStdio[] => {
    const pipes = stdio.flatMap(({ type, handle }) =>
      (type === 'pipe' || type === 'overlapped') && handle !== undefined ? [handle] : [],
    );
    const sockets = call('process.sockets', [pipes.length]) as readonly string[];
    Request ??= connectRequest();
    for (const [i, pipe] of pipes.entries()) {
      const failed = pipe.connect(Object.assign(new Request(), { oncomplete: () => {} }), sockets[i]!);
      if (failed !== 0) throw systemError('ECONNREFUSED', { syscall: 'connect' });
    }
    let next = 0;
    return stdio.map(({ type, handle, fd }): ForkStdio => {
      if (type === 'ignore') return { kind: 'ignore' };
      if (handle !== undefined && pipes.includes(handle)) return { kind: 'socket', index: next++ };
      const own = fd ?? handle?.fd ?? -1;
      if (own < 0 || own > 2) throw notAvailable('this kind of a child’s stdio');
      return { kind: 'own', fd: own };
    });
  };

  return (forked: Forked): ChildProcess => {
    const { stdio, serialization, program, args, env, ...more } = forked;
    const child = new (builtin<typeof childProcesses>('node:child_process').ChildProcess)();
    const internals = child as unknown as Internals;
    const { onexit } = internals._handle;
    // A socket cannot be opened a second time: what the child says over it is passed on.
    const passed = stdio.map((each, fd) => fd < 3 && each === 'inherit' && hostFs.fstatSync(fd).isSocket());
    const options: SpawnOptions = {
      file: process.execPath,
      args: [process.execPath, program, ...args],
      stdio: stdio.map((each, fd) => (passed[fd] ? 'pipe' : each)),
      envPairs: [],
      serialization,
    };
    let agent = '';
    let held = false;
    const hold = (on: boolean): void => {
      if (held === on) return;
      held = on;
      if (on) channel.hold();
      else channel.unhold();
    };
    const handle: ProcessHandle = {
      pid: 0,
      onexit,
      spawn: () => {
        const given = Object.fromEntries(options.envPairs.map((pair) => pair.split('=', 2) as [string, string]));
        const spec: ForkSpec = {
          ...more,
          program,
          args,
          env: { ...env, ...given },
          stdio: join(options.stdio as readonly HostStdio[]),
        };
        const answer = call('process.fork', [spec]) as SpawnAnswer;
        if ('failed' in answer) return failure(answer.failed);
        agent = answer.agent;
        handle.pid = answer.pid;
        hold(true);
        listen(agent, ({ status = 0, signal = '' }) => handle.onexit(status, signal));
        return 0;
      },
      kill: (signal) => {
        if (signal === 0) return 0;
        const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
        if (name === undefined) return failure('EINVAL');
        const { error } = channel.callSync('process.signal', [agent, name]).head;
        return error === undefined ? 0 : failure(error.code);
      },
      ref: () => hold(true),
      unref: () => hold(false),
      hasRef: () => held,
      close: () => hold(false),
    };
    internals._handle = handle;
    if (internals.spawn(options) !== 0) return child;
    const { stdin, stdout, stderr } = child;
    if (passed[0] && stdin !== null) process.stdin.pipe(stdin);
    if (passed[1]) stdout?.pipe(process.stdout, { end: false });
    if (passed[2]) stderr?.pipe(process.stderr, { end: false });
    for (const [fd, name] of (['stdin', 'stdout', 'stderr'] as const).entries()) {
      if (!passed[fd]) continue;
      Object.assign(child, { [name]: null });
      child.stdio[fd as 0] = null;
    }
    return child;
  };
}
