/**
 * Processes of Node.js that wait for a program to become (`context/waiting.ts`), so that a start does not wait for them. Only
 * a machine that runs such programs has any: as many as were started together lately, and none that memory is short for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import {
  type CallEnds,
  decodeSyscall,
  encodeSyscall,
  type StartOrder,
  startedCall,
  waitingVariable,
} from './syscalls/codec.js';
import { type CallChannels, type OpenedCalls, openCalls } from './syscalls/serve.js';

/** Its status and its signal. Heard from its start on: a program may be over before anybody has heard that it has begun. */
export type Exited = Promise<readonly [status: number | null, signal: NodeJS.Signals | null]>;

export const exitOf = (child: ChildProcess): Exited =>
  new Promise((resolve) => child.once('exit', (status, signal) => resolve([status, signal])));

/** A process that is a program now, and its channels where it has any. */
export interface Launched {
  readonly child: ChildProcess;
  readonly exited: Exited;
  readonly calls: CallChannels | undefined;
}

/** `lately`: while programs are started; `always`: one is made on the spot when there is none. */
export type Policy = 'never' | 'lately' | 'always';

/** They are made so long after a program was started, in milliseconds: it goes first. */
const calmMs = 400;
/** And kept so long after the last, in milliseconds. */
const keepMs = 5 * 60_000;
/** At most so many, and each needs so many bytes of memory that nobody uses. */
const most = 4;
const memoryOfOne = 256 << 20;
/** Milliseconds in which one becomes the program, else another is made. */
const becomeMs = 5000;

/** What of an environment Node.js reads only when it starts, or hands to what it links: a process that waits may differ in none. */
const readAtStart = /^(?:NODE_(?!ENV$)|LD_|UV_|OPENSSL_|SSL_|ICU_|GLIBC_|MALLOC_)/;
const locale = /^(?:LANG|LC_.*)$/;

/** What a process is made with; undefined when no process that waits can be for `environment`. */
function madeWith(environment: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const made: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (readAtStart.test(name)) return undefined;
    if (locale.test(name)) made[name] = value;
  }
  return made;
}

const keyOf = (made: Readonly<Record<string, string>>): string => JSON.stringify(Object.entries(made).sort());

/** One of them. */
export class WaitingProcess implements Launched {
  readonly child: ChildProcess;
  readonly exited: Exited;
  readonly calls: CallChannels;
  readonly ends: CallEnds;
  readonly key: string;

  /** `made`: its whole environment. @throws SystemError EMFILE, EAGAIN … */
  constructor(contextFile: string, made: Readonly<Record<string, string>>, gone: (process: WaitingProcess) => void) {
    const opened: OpenedCalls = openCalls(3);
    this.ends = opened.ends;
    this.key = keyOf(made);
    try {
      // Room for what is shown in place of it.
      const args = ['--require', contextFile, 'waiting'.padEnd(256)];
      this.child = spawn(process.execPath, args, {
        stdio: ['ignore', 'ignore', 'ignore', ...opened.stdio],
        env: { ...made, [waitingVariable]: JSON.stringify(opened.ends) },
        cwd: '/',
        detached: true,
      });
    } catch (error) {
      opened.close();
      throw error;
    } finally {
      opened.inherited();
    }
    this.exited = exitOf(this.child);
    this.calls = opened.joined(this.child);
    for (const socket of Object.values(this.calls)) if (typeof socket !== 'function') socket.on('error', () => {});
    this.child.once('error', () => gone(this));
    void this.exited.then(() => gone(this));
  }

  /** Resolves false when it cannot, or does not in time: then it has ended. */
  async become(order: StartOrder): Promise<boolean> {
    const { requests, replies } = this.calls;
    const answered = new Promise<boolean>((resolve) => {
      requests.once('data', (chunk: Buffer) => {
        // The program may have called already. What is so short comes whole.
        const size = 4 + chunk.readUInt32BE(0);
        requests.pause();
        if (chunk.length > size) requests.unshift(chunk.subarray(size));
        resolve(decodeSyscall(chunk.subarray(4, size)).head.call === startedCall);
      });
      requests.once('close', () => resolve(false));
      setTimeout(() => resolve(false), becomeMs).unref();
    });
    replies.write(encodeSyscall({ id: 0, value: order }));
    const became = await answered;
    if (!became) await this.end();
    return became;
  }

  /** Resolves once it has ended. */
  async end(): Promise<void> {
    const { child } = this;
    child.kill('SIGKILL');
    if (child.pid !== undefined) await this.exited;
    this.calls.close();
  }
}

export class WaitingProcesses {
  private readonly idle = new Set<WaitingProcess>();
  /** Programs started within one calm, by what their process is made with. */
  private wanted = 0;
  private made: Record<string, string> | undefined;
  private calm: NodeJS.Timeout | undefined;
  private keeping: NodeJS.Timeout | undefined;

  constructor(
    private readonly contextFile: string,
    private readonly policy: Policy = 'lately',
  ) {}

  /** One for a program with this environment; undefined when there is none. */
  take(environment: Readonly<Record<string, string>>): WaitingProcess | undefined {
    const made = madeWith(environment);
    if (made === undefined || this.policy === 'never') return undefined;
    const key = keyOf(made);
    let found = [...this.idle].find((process) => process.key === key);
    if (found === undefined && this.policy === 'always') found = this.make(made);
    if (found !== undefined) this.idle.delete(found);
    return found;
  }

  /** A program has been started: the next of its kind is to find a process that waits. */
  expect(environment: Readonly<Record<string, string>>): void {
    const made = madeWith(environment);
    if (made === undefined || this.policy !== 'lately') return;
    this.made = made;
    if (this.calm === undefined) this.wanted = 0;
    this.wanted += 1;
    clearTimeout(this.calm);
    this.calm = setTimeout(() => this.fill(), calmMs);
    this.calm.unref();
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.clear(), keepMs);
    this.keeping.unref();
  }

  private fill(): void {
    this.calm = undefined;
    const { made } = this;
    if (made === undefined) return;
    const key = keyOf(made);
    for (const process of this.idle) if (process.key !== key) void process.end();
    const room = Math.min(this.wanted, most, Math.floor(os.freemem() / memoryOfOne));
    try {
      while (this.idle.size < room) this.idle.add(this.make(made));
    } catch {
      // This machine has no room for more; the next program is started as ever.
    }
  }

  private make(made: Readonly<Record<string, string>>): WaitingProcess {
    return new WaitingProcess(this.contextFile, made, (process) => this.idle.delete(process));
  }

  private clear(): void {
    for (const process of this.idle) void process.end();
    this.idle.clear();
  }

  close(): void {
    clearTimeout(this.calm);
    clearTimeout(this.keeping);
    this.made = undefined;
    this.clear();
  }
}
