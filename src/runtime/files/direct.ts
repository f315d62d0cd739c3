/**
 * File requests between runtimes that have a direct connection: no broker, no signature for each, no base64. A pair of streams
 * carries them, which lose nothing and double nothing when the connection breaks and comes again; what is asked while there is
 * none goes over the bus (`ask.ts`).
 *
 *     file.direct NAME (bus) -> both ends are opened -> requests this way, answers that way, in frames of the system-call channel
 */
import type { Peer } from '../../bus/peer.js';
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import type { DirectPair, Streams } from '../../stream/streams.js';
import { fromErrorBody, toErrorBody, WireError } from '../../wire/errors.js';
import { type FileReply, type FileRequest, isFileRequest } from '../../wire/files.js';
import { newStreamId, type RuntimeName } from '../../wire/ids.js';
import type { Sender } from '../../wire/messages.js';
import { isBody } from '../../wire/schema.js';
import { topics } from '../../wire/topics.js';
import { encodeSyscall, FrameSplitter, type SyscallFrame } from '../syscalls/codec.js';
import type { FileAnswer } from './service.js';

type Answer = (request: FileRequest, bytes: Uint8Array, from: Sender) => Promise<FileAnswer>;

interface Waiting {
  resolve(answer: FileAnswer): void;
  reject(error: Error): void;
}

/** Our requests to one runtime. */
interface Line {
  readonly pair: DirectPair;
  /** The other side has opened its ends. */
  ready: boolean;
  used: number;
  readonly waiting: Map<number, Waiting>;
}

/** A line that is not used for so long is given up, in milliseconds. */
const idleMs = 60_000;
/** After a line broke or was refused, another is not tried sooner. */
const retryMs = 10_000;

export class DirectFiles {
  private readonly lines = new Map<RuntimeName, Line>();
  /** Lines that others have to us. */
  private readonly served = new Map<RuntimeName, DirectPair>();
  private readonly notBefore = new Map<RuntimeName, number>();
  private readonly timer: NodeJS.Timeout;
  private next = 1;

  constructor(
    private readonly options: {
      readonly name: RuntimeName;
      readonly peer: Peer;
      readonly streams: Streams;
      readonly answer: Answer;
    },
  ) {
    this.timer = setInterval(() => this.sweep(), idleMs / 2);
    this.timer.unref();
  }

  // --- asking ---------------------------------------------------------------------------------------------------------

  /** undefined: there is no direct connection now. */
  ask(runtime: RuntimeName, request: FileRequest, bytes: Uint8Array): Promise<FileAnswer> | undefined {
    const line = this.lines.get(runtime) ?? this.open(runtime);
    if (line === undefined || !line.ready || !line.pair.open) return undefined;
    line.used = performance.now();
    const id = this.next++;
    return new Promise((resolve, reject) => {
      line.waiting.set(id, { resolve, reject });
      line.pair.writer.write(encodeSyscall({ id, args: [request] }, bytes)).catch(() => {
        // Whoever reads the answers says why.
      });
    });
  }

  /** Begins a line; what is asked meanwhile goes over the bus. */
  private open(runtime: RuntimeName): Line | undefined {
    const { name, peer, streams } = this.options;
    if (performance.now() < (this.notBefore.get(runtime) ?? 0)) return undefined;
    this.notBefore.set(runtime, performance.now() + retryMs);
    const own = newStreamId();
    const pair = streams.openDirect({ runtime, ...directions(name, runtime, own) });
    if (pair === undefined) return undefined;
    const line: Line = { pair, ready: false, used: performance.now(), waiting: new Map() };
    this.lines.set(runtime, line);
    peer.request(topics.runtimeInbox(peer.cluster, runtime), { type: 'file.direct', name: own }).then(
      () => {
        line.ready = true;
      },
      (error: Error) => this.drop(runtime, line, error),
    );
    readFrames(pair.reader, ({ head, bytes }) => {
      const waiting = line.waiting.get(head.id);
      line.waiting.delete(head.id);
      if (head.error !== undefined) waiting?.reject(fromErrorBody({ type: 'error', ...(head.error as ErrorHead) }));
      else waiting?.resolve(toAnswer(head.value as FileReply, bytes));
    }).then(
      () => this.drop(runtime, line, new WireError('ENOTCONN', `${runtime} has closed the connection`)),
      (error: Error) => this.drop(runtime, line, error),
    );
    return line;
  }

  private drop(runtime: RuntimeName, line: Line, reason: Error): void {
    if (this.lines.get(runtime) === line) this.lines.delete(runtime);
    line.pair.reader.cancel();
    line.pair.writer.abort(reason);
    for (const { reject } of line.waiting.values()) reject(reason);
    line.waiting.clear();
  }

  // --- answering ------------------------------------------------------------------------------------------------------

  /** Opens this end of a line from `runtime`; it replaces one that was there. @throws WireError ENOSYS: no direct connections */
  accept(runtime: RuntimeName, line: string): void {
    const { name, streams } = this.options;
    const { towards, from } = directions(runtime, name, line);
    const pair = streams.openDirect({ runtime, towards: from, from: towards });
    if (pair === undefined) throw new WireError('ENOSYS', 'no direct connections here');
    this.hangUp(runtime);
    this.served.set(runtime, pair);
    const { reader, writer } = pair;
    const over = (): void => {
      if (this.served.get(runtime) === pair) this.served.delete(runtime);
    };
    readFrames(reader, (frame) => void this.answer(frame, writer, runtime)).then(
      () => {
        over();
        writer.end().catch(() => {});
      },
      (error: Error) => {
        over();
        writer.abort(error);
      },
    );
  }

  private async answer({ head, bytes }: SyscallFrame, writer: StreamWriter, runtime: RuntimeName): Promise<void> {
    let frame: Buffer;
    try {
      const request = head.args?.[0] as FileRequest;
      // As the schema has it, bytes are in the message.
      if (!isBody({ data: '', ...request }) || !isFileRequest(request))
        throw new WireError('EPROTO', 'not a file request');
      const { reply, bytes: data } = await this.options.answer(request, bytes, { runtime });
      frame = encodeSyscall({ id: head.id, value: reply }, data);
    } catch (error) {
      const { code, message } = toErrorBody(error);
      frame = encodeSyscall({ id: head.id, error: { code, message } });
    }
    await writer.write(frame).catch(() => {});
  }

  private hangUp(runtime: RuntimeName): void {
    const pair = this.served.get(runtime);
    this.served.delete(runtime);
    pair?.reader.cancel();
    pair?.writer.abort(new WireError('ECANCELED', 'another line has taken its place'));
  }

  // --- the end --------------------------------------------------------------------------------------------------------

  /** A machine is lost: what waits for it fails now. */
  lose(runtime: RuntimeName): void {
    const line = this.lines.get(runtime);
    if (line !== undefined) this.drop(runtime, line, new WireError('EHOSTDOWN', `${runtime} is lost`));
    this.hangUp(runtime);
    this.notBefore.delete(runtime);
  }

  private sweep(): void {
    const now = performance.now();
    for (const [runtime, line] of this.lines) {
      if (line.waiting.size > 0 || now - line.used < idleMs) continue;
      this.lines.delete(runtime);
      this.notBefore.delete(runtime);
      line.pair.writer.end().catch(() => {});
    }
  }

  close(): void {
    clearInterval(this.timer);
    for (const runtime of new Set([...this.lines.keys(), ...this.served.keys()])) this.lose(runtime);
  }
}

interface ErrorHead {
  readonly code: WireError['code'];
  readonly message: string;
}

/** Both directions of a line that `asker` has to `provider`, as the asker has them. */
function directions(asker: RuntimeName, provider: RuntimeName, line: string) {
  return { towards: `files/${asker}/${provider}/${line}/ask`, from: `files/${asker}/${provider}/${line}/answer` };
}

const toAnswer = (reply: FileReply, bytes: Uint8Array): FileAnswer =>
  reply.type === 'file.data' ? { reply, bytes } : { reply };

/** Until the stream ends. @throws why it broke; EPROTO for what is no frame */
async function readFrames(reader: StreamReader, take: (frame: SyscallFrame) => void): Promise<void> {
  const splitter = new FrameSplitter();
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read())
    for (const frame of splitter.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))) take(frame);
}
