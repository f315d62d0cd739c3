/**
 * A program's children elsewhere:
 *
 *     process.sockets COUNT     where to connect to for a child's pipes; process.fork SPEC    starts it: see `forks.ts`
 *     process.spawn SPEC        its pid and handles of its pipes and of its messages; `child` events tell what becomes of it
 *     process.signal ID, NAME
 *     process.wait ID           until it has ended; once
 *     process.run SPEC, LIMITS  until it has ended: status, and all that it wrote
 */

import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import { WireError } from '../../wire/errors.js';
import type { AgentId } from '../../wire/ids.js';
import type { Child, ChildSpec } from '../children.js';

/** A child has ended. */
export interface ChildEvent {
  readonly type: 'child';
  readonly agent: AgentId;
  readonly status?: number;
  readonly signal?: string;
}

/** Bounds of a child that is waited for. */
export interface RunLimits {
  /** Milliseconds; 0: none. */
  readonly timeout: number;
  readonly killSignal: string;
  readonly maxBuffer: number;
}

export type SpawnAnswer =
  | { readonly failed: 'ENOENT' | 'EACCES' }
  | { readonly agent: AgentId; readonly pid: number; readonly handles: readonly (number | null)[] };

export type RunAnswer =
  | { readonly failed: 'ENOENT' | 'EACCES' }
  | {
      readonly pid: number;
      readonly status?: number;
      readonly signal?: string;
      readonly error?: 'ETIMEDOUT' | 'ENOBUFS';
      /** Where standard error begins among the bytes. */
      readonly split: number;
    };

export interface ProcessOptions {
  readonly spawn: (spec: ChildSpec) => Promise<Child>;
  /** Gives a stream a handle of the program's. */
  readonly keep: (stream: { reader?: StreamReader; writer?: StreamWriter }) => number;
  readonly tell: (event: ChildEvent) => void;
}

/** A program that could not be started: what its shell status says. */
const faults: Readonly<Record<number, 'ENOENT' | 'EACCES'>> = { 127: 'ENOENT', 126: 'EACCES' };

export class Processes {
  private readonly children = new Map<string, Child>();
  private readonly ends = new Map<string, Promise<ChildEvent>>();

  constructor(private readonly options: ProcessOptions) {}

  async spawn(spec: ChildSpec): Promise<SpawnAnswer> {
    return this.adopt(await this.options.spawn(spec));
  }

  /** Tells of a child from here on. @throws WireError EIO: it was lost before it ran */
  async adopt(child: Child): Promise<SpawnAnswer> {
    const { pid, status = 0 } = await child.started;
    if (pid === undefined) {
      const failed = faults[status];
      if (failed === undefined) throw new WireError('EIO', 'the child was lost');
      child.stdout?.cancel();
      child.stderr?.cancel();
      child.messages?.reader.cancel();
      return { failed };
    }
    this.children.set(child.id, child);
    const end = child.ended.then(({ agent, signal, status: own = 0 }): ChildEvent => {
      this.children.delete(child.id);
      return { type: 'child', agent, ...(signal === undefined ? { status: own } : { signal }) };
    });
    this.ends.set(child.id, end);
    void end.then((event) => this.options.tell(event));
    const { stdin, stdout, stderr, messages } = child;
    const keep = (stream: { reader?: StreamReader; writer?: StreamWriter }) => this.options.keep(stream);
    const handles = [
      stdin === undefined ? null : keep({ writer: stdin }),
      stdout === undefined ? null : keep({ reader: stdout }),
      stderr === undefined ? null : keep({ reader: stderr }),
      messages === undefined ? null : keep(messages),
    ];
    return { agent: child.id, pid, handles };
  }

  async signal(id: string, name: string): Promise<void> {
    const child = this.children.get(id);
    if (child === undefined) throw new WireError('ESRCH', 'no such process');
    await child.signal(name);
  }

  /** @throws WireError ESRCH: no such child, or it has been waited for */
  async wait(id: string): Promise<ChildEvent> {
    const end = this.ends.get(id);
    if (end === undefined) throw new WireError('ESRCH', 'no such child');
    const event = await end;
    this.ends.delete(id);
    return event;
  }

  async run(
    spec: ChildSpec,
    { timeout, killSignal, maxBuffer }: RunLimits,
    input: Uint8Array,
  ): Promise<{ readonly value: RunAnswer; readonly data?: Uint8Array }> {
    const child = await this.options.spawn(spec);
    let error: 'ETIMEDOUT' | 'ENOBUFS' | undefined;
    const stop = (why: typeof error): void => {
      error ??= why;
      child.signal(killSignal).catch(() => {});
    };
    const timer = timeout > 0 ? setTimeout(() => stop('ETIMEDOUT'), timeout) : undefined;
    const feed = async (): Promise<void> => {
      if (input.length > 0) await child.stdin?.write(Buffer.from(input));
      await child.stdin?.end();
    };
    feed().catch(() => {});
    const whole = async (reader: StreamReader | undefined): Promise<Buffer> => {
      const parts: Uint8Array[] = [];
      let size = 0;
      for (let chunk = await reader?.read(); chunk !== undefined; chunk = await reader?.read()) {
        if (size + chunk.length > maxBuffer) stop('ENOBUFS');
        parts.push(chunk.subarray(0, Math.max(0, maxBuffer - size)));
        size += chunk.length;
      }
      return Buffer.concat(parts);
    };
    try {
      const { pid, status: early = 0 } = await child.started;
      if (pid === undefined) {
        const failed = faults[early];
        if (failed === undefined) throw new WireError('EIO', 'the child was lost');
        return { value: { failed } };
      }
      const [stdout, stderr, { status, signal }] = await Promise.all([
        whole(child.stdout),
        whole(child.stderr),
        child.ended,
      ]);
      const how = signal === undefined ? { status: status ?? 0 } : { signal };
      const value = { pid, split: stdout.length, ...how, ...(error === undefined ? {} : { error }) };
      return { value, data: Buffer.concat([stdout, stderr]) };
    } finally {
      clearTimeout(timer);
    }
  }
}
