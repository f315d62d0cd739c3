/**
 * The system-call channel between a program's context and its runtime: length-prefixed JSON, with the bytes of a read or
 * write behind it unencoded. The same frames go over the blocking pair (synchronous calls) and the other (asynchronous calls
 * and events).
 *
 *     u32 length of the rest | u32 length of the JSON | JSON | bytes        (big endian)
 */
export interface SyscallFrame {
  readonly head: SyscallHead;
  readonly bytes: Uint8Array;
}

/** `id` pairs an answer with its call; an event has none of its own but names its subscription. */
export interface SyscallHead {
  readonly id: number;
  readonly call?: string;
  readonly args?: readonly unknown[];
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly event?: unknown;
}

const none = new Uint8Array(0);

export function encodeSyscall(head: SyscallHead, bytes: Uint8Array = none): Buffer {
  const json = Buffer.from(JSON.stringify(head));
  const frame = Buffer.allocUnsafe(8 + json.length + bytes.length);
  frame.writeUInt32BE(4 + json.length + bytes.length, 0);
  frame.writeUInt32BE(json.length, 4);
  json.copy(frame, 8);
  frame.set(bytes, 8 + json.length);
  return frame;
}

/** A frame's content, its length prefix removed. */
export function decodeSyscall(content: Buffer): SyscallFrame {
  const length = content.readUInt32BE(0);
  return {
    head: JSON.parse(content.toString('utf8', 4, 4 + length)) as SyscallHead,
    bytes: content.subarray(4 + length),
  };
}

/** Cuts a byte stream into frames. */
export class FrameSplitter {
  /** Chunks are joined only once a frame is whole: joining at every chunk would copy a large frame many times. */
  private parts: Buffer[] = [];
  private size = 0;
  private wanted = 4;

  add(chunk: Buffer): SyscallFrame[] {
    this.parts.push(chunk);
    this.size += chunk.length;
    const frames: SyscallFrame[] = [];
    if (this.size < this.wanted) return frames;
    let rest = this.parts.length === 1 ? chunk : Buffer.concat(this.parts);
    this.wanted = 4;
    while (rest.length >= 4) {
      const whole = 4 + rest.readUInt32BE(0);
      this.wanted = whole;
      if (rest.length < whole) break;
      frames.push(decodeSyscall(rest.subarray(4, whole)));
      rest = rest.subarray(whole);
      this.wanted = 4;
    }
    this.parts = rest.length === 0 ? [] : [rest];
    this.size = rest.length;
    return frames;
  }
}

/** Descriptors of a program's ends of its channels. */
export interface CallEnds {
  readonly syncRequest: number;
  readonly syncReply: number;
  readonly channel: number;
}

/** What a context is told at its start, in the environment variable {@link contextVariable}. */
export interface ContextDescription extends CallEnds {
  readonly home: string;
  readonly runtime: string;
  readonly agent: string;
  /** Namespace paths of the program and its working directory. */
  readonly program: string;
  /** False: nothing is imported in the program's own text. */
  readonly imports?: boolean;
  /** The context loads the program; else Node.js runs its file as it stands. */
  readonly loads?: boolean;
  readonly cwd: string;
  /** The process was started in `cwd`: relative paths mean to the host what they mean here. */
  readonly inCwd: boolean;
  /** Of this agent alone, on its host; removed when it has ended. */
  readonly directory: string;
  /** Devices of the cluster by name, with the runtime of each: their paths are no file of the home runtime. */
  readonly devices: Readonly<Record<string, string>>;
  /** There are GPIO lines in the cluster. */
  readonly gpio: boolean;
  /** The program's user may not have all files of this machine: they are asked for as another machine's are. */
  readonly confined: boolean;
  /** The shell, where this machine has one. */
  readonly shell?: string;
}

export const contextVariable = 'ONESH_CONTEXT';

/** What a process that waits for its program is told once that is known: all that a start consists of. */
export interface StartOrder {
  readonly description: ContextDescription;
  /** The program's arguments, without its name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Working directory on this host. */
  readonly directory: string;
  readonly umask: number;
  /** What is to be its standard descriptors, in order: files of this host, which name the runtime's ends of pipes. */
  readonly stdio: readonly string[];
}

/** Set for a process that waits: JSON of its {@link CallEnds}. */
export const waitingVariable = 'ONESH_WAITING';
/** What it says once it is the program: until then the runtime holds the descriptors, too. */
export const startedCall = 'waiting.started';
/** It cannot be. */
export const failedCall = 'waiting.failed';
