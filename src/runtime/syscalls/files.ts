/**
 * A program's file requests: namespace paths become a provider and a path there, the program's handles the provider's, and
 * positions are kept here, so that a read in sequence says where it is.
 */
import { toErrorBody, WireError } from '../../wire/errors.js';
import type { FileEvent, FileOwner, FileReply, FileRequest } from '../../wire/files.js';
import { isRuntimeName, type RuntimeName } from '../../wire/ids.js';
import type { FileAnswer } from '../files/service.js';
import { type BridgedPipe, bridgeInput, bridgeOutput, closeQuietly } from '../pipes.js';
import { type BulkStreams, bulkFrom, PipedWrites, pipeCapacity, ReadAhead, WriteBehind } from './bulk.js';

/** Asks a runtime's file service, this one's included. */
export type AskFile = (runtime: RuntimeName, request: FileRequest, bytes: Uint8Array) => Promise<FileAnswer>;

/** Who provides a context's path, and the path there. */
export function provide(path: string, home: RuntimeName): { readonly runtime: RuntimeName; readonly path: string } {
  const found = /^\/net\/([^/]+)(\/.*)?$/.exec(path);
  if (found !== null && isRuntimeName(found[1]!)) return { runtime: found[1], path: found[2] ?? '/' };
  return { runtime: home, path };
}

interface OpenFile {
  readonly runtime: RuntimeName;
  /** The provider's number for it. */
  readonly remote: number;
  /** It has a position; what has none is read and written in sequence. */
  readonly seekable: boolean;
  readonly append: boolean;
  /** Which file of its provider it is. */
  readonly identity: string | undefined;
  readonly path: string;
  position: number;
  /** Calls that use the position follow one another. */
  last: Promise<unknown>;
  ahead?: ReadAhead | undefined;
  behind?: WriteBehind | PipedWrites | undefined;
  /** The program reads, or writes, over it. */
  pipe?: BridgedPipe | undefined;
  /** Where the next call must be to be in sequence, and how many bytes have been. */
  next: number;
  run: number;
}

const none = new Uint8Array(0);
/** Errors that say that the provider is not there: what an open file says of it is EIO. */
const unreachable = new Set(['EHOSTDOWN', 'ETIMEDOUT', 'ENOTCONN', 'ECANCELED']);

const lost = (error: unknown): unknown =>
  unreachable.has(toErrorBody(error).code) ? new WireError('EIO', 'input/output error', { cause: error }) : error;

/** Calls that may change what is in a file. */
const changes = new Set<FileRequest['type']>(['file.write', 'file.save', 'file.truncate', 'file.copy']);

/** The files of one program. */
export class AgentFiles {
  private readonly open = new Map<number, OpenFile>();
  private readonly providers = new Set<RuntimeName>();
  private next = 1;
  private closed = false;

  constructor(
    private readonly options: {
      readonly home: RuntimeName;
      readonly owner: FileOwner;
      readonly ask: AskFile;
      readonly bulk: BulkStreams | undefined;
    },
  ) {}

  /** @throws the provider's error; EXDEV, EBADF, EHOSTDOWN; EIO for an open file whose provider is lost */
  async answer(request: FileRequest, bytes: Uint8Array): Promise<FileAnswer> {
    const settled = this.settleFor(request);
    if (settled !== undefined) await settled;
    if ('handle' in request && request.handle !== undefined) return this.byHandle(request, bytes);
    if (!('path' in request) || request.path === undefined) throw new WireError('EINVAL', `${request.type} of what?`);
    return this.byPath(request, bytes);
  }

  private async byPath(request: Extract<FileRequest, { path: string }>, bytes: Uint8Array): Promise<FileAnswer> {
    const { home, owner, ask } = this.options;
    const { runtime, path } = provide(request.path, home);
    let there: FileRequest = { ...request, path };
    if ('to' in there) {
      const target = provide(there.to, home);
      if (target.runtime !== runtime) throw new WireError('EXDEV', 'cross-device link not permitted');
      there = { ...there, to: target.path };
    }
    if (there.type !== 'file.open' && there.type !== 'file.watch' && there.type !== 'file.module')
      return { ...this.mapped(await ask(runtime, there, bytes), request.path, runtime) };
    this.providers.add(runtime);
    const answer = await ask(runtime, { ...there, owner }, bytes);
    if (answer.reply.type !== 'file.opened') return answer;
    const handle = this.next++;
    this.open.set(handle, {
      runtime,
      remote: answer.reply.handle,
      seekable: answer.reply.kind !== 'character',
      append: there.type === 'file.open' && there.flags.includes('O_APPEND'),
      identity: answer.reply.kind === 'file' ? answer.reply.file : undefined,
      path,
      position: 0,
      last: Promise.resolve(),
      next: 0,
      run: 0,
    });
    // It ended while this was under way.
    if (this.closed) this.close();
    return { reply: { ...answer.reply, handle } };
  }

  /** A path in an answer is the namespace's again. */
  private mapped(answer: FileAnswer, asked: string, runtime: RuntimeName): FileAnswer {
    const { reply } = answer;
    if (reply.type !== 'file.path' || reply.path === undefined || !reply.path.startsWith('/')) return answer;
    const net = `/net/${runtime}`;
    return asked === net || asked.startsWith(`${net}/`) ? { reply: { ...reply, path: net + reply.path } } : answer;
  }

  private async byHandle(
    request: Extract<FileRequest, { handle?: number }> & { readonly handle?: number },
    bytes: Uint8Array,
  ): Promise<FileAnswer> {
    const file = this.open.get(request.handle ?? 0);
    if (file === undefined) throw new WireError('EBADF', 'bad file descriptor');
    const ask = async (offset?: number): Promise<FileAnswer> => {
      const at = offset === undefined ? {} : { offset };
      try {
        return await this.options.ask(file.runtime, { ...request, ...at, handle: file.remote } as FileRequest, bytes);
      } catch (error) {
        throw lost(error);
      }
    };
    switch (request.type) {
      case 'file.close':
        this.open.delete(request.handle!);
        await file.last;
        file.ahead?.cancel();
        if (file.behind === undefined) file.pipe?.break();
        await this.endWriting(file);
        return ask();
      case 'file.seek':
        return this.inOrder(file, async () => position(await this.seek(file, request)));
      case 'file.read':
        if (!file.seekable) return ask();
        return this.inOrder(file, () => this.read(file, request, ask));
      case 'file.write':
        return this.inOrder(file, () => this.write(file, request.offset, bytes, ask));
      default:
        return ask();
    }
  }

  /** Regular files, from the stream that is ahead where there is one. */
  private async read(
    file: OpenFile,
    { offset, length }: { readonly offset?: number; readonly length: number },
    ask: (at: number) => Promise<FileAnswer>,
  ): Promise<FileAnswer> {
    const at = offset ?? file.position;
    let answer: FileAnswer | undefined;
    if (file.ahead !== undefined && file.ahead.at === at) {
      const bytes = await file.ahead.read(length).catch(() => undefined);
      if (bytes === undefined || bytes.length === 0) this.dropAhead(file);
      else answer = { reply: { type: 'file.data', eof: false }, bytes };
    } else this.dropAhead(file);
    answer ??= await ask(at);
    const got = answer.bytes?.length ?? 0;
    if (offset === undefined) file.position += got;
    file.run = at === file.next ? file.run + got : got;
    file.next = at + got;
    if (got > 0 && file.run >= bulkFrom && file.ahead === undefined && file.identity !== undefined)
      file.ahead = await this.openAhead(file, file.next);
    return answer;
  }

  private dropAhead(file: OpenFile): void {
    file.ahead?.cancel();
    file.ahead = undefined;
  }

  private async write(
    file: OpenFile,
    offset: number | undefined,
    bytes: Uint8Array,
    ask: (at?: number) => Promise<FileAnswer>,
  ): Promise<FileAnswer> {
    if (!file.seekable || file.append) {
      const answer = await ask();
      if (answer.reply.type === 'file.written') file.position = answer.reply.position ?? file.position;
      return answer;
    }
    const at = offset ?? file.position;
    const end = at + bytes.length;
    const answer: FileAnswer = { reply: { type: 'file.written', size: bytes.length } };
    if (file.behind !== undefined && file.behind.at === at) {
      try {
        await file.behind.write(bytes);
      } catch (error) {
        await this.settle(file);
        throw lost(error);
      }
    } else {
      await this.settle(file);
      await ask(at);
    }
    if (offset === undefined) file.position = end;
    file.run = at === file.next ? file.run + bytes.length : bytes.length;
    file.next = end;
    if (file.run >= bulkFrom && file.behind === undefined && file.identity !== undefined)
      file.behind = await this.openBehind(file, end);
    return answer;
  }

  // --- streams of large files -----------------------------------------------------------------------------------------

  private async openAhead(file: OpenFile, offset: number): Promise<ReadAhead | undefined> {
    const { bulk, ask } = this.options;
    if (bulk === undefined) return undefined;
    const edge = bulk.edge(file.runtime, file.path, 'read');
    const reader = await bulk.openReader(edge);
    try {
      const request = { type: 'file.stream', handle: file.remote, offset, direction: 'read', edge } as const;
      await ask(file.runtime, request, none);
      return new ReadAhead(reader, offset);
    } catch {
      reader.cancel();
      return undefined;
    }
  }

  private async openBehind(file: OpenFile, offset: number): Promise<WriteBehind | undefined> {
    const { bulk, ask } = this.options;
    if (bulk === undefined) return undefined;
    const edge = bulk.edge(file.runtime, file.path, 'write');
    try {
      const request = { type: 'file.stream', handle: file.remote, offset, direction: 'write', edge } as const;
      await ask(file.runtime, request, none);
    } catch {
      return undefined;
    }
    return new WriteBehind(bulk.openWriter(edge), offset);
  }

  /**
   * A pipe over which the program reads, or writes, from where the file stands; the program says where it has got to (`file.seek`)
   * before it goes on without. @throws WireError ENOSYS: there is to be none
   */
  pipe(handle: number, mode: 'read' | 'write'): Promise<{ readonly path: string; readonly at: number }> {
    const file = this.open.get(handle);
    const { bulk, ask } = this.options;
    if (file === undefined || bulk === undefined || file.identity === undefined || file.append)
      throw new WireError('ENOSYS', 'no pipe for this file');
    return this.inOrder(file, async () => {
      this.dropAhead(file);
      await this.settle(file);
      file.pipe?.break();
      const edge = bulk.edge(file.runtime, file.path, mode);
      const at = file.position;
      const request = { type: 'file.stream', handle: file.remote, offset: at, direction: mode, edge } as const;
      const reader = mode === 'read' ? await bulk.openReader(edge) : undefined;
      try {
        await ask(file.runtime, request, none);
      } catch (error) {
        reader?.cancel();
        throw error;
      }
      const pipe =
        reader === undefined ? bridgeOutput(bulk.openWriter(edge), pipeCapacity) : bridgeInput(reader, pipeCapacity);
      file.pipe = pipe;
      if (reader === undefined) file.behind = new PipedWrites(pipe);
      return { path: `/proc/${process.pid}/fd/${pipe.theirs}`, at };
    });
  }

  /** The program has its end of the pipe, or does not want it. */
  piped(handle: number): void {
    const file = this.open.get(handle);
    if (file?.pipe !== undefined) closeQuietly(file.pipe.theirs);
  }

  private async endWriting(file: OpenFile): Promise<void> {
    const { behind } = file;
    file.behind = undefined;
    file.run = 0;
    // What went wrong, the provider says.
    await behind?.end().catch(() => {});
    if (behind instanceof PipedWrites) file.pipe = undefined;
  }

  /** What was written behind is written. @throws why it could not be */
  private async settle(file: OpenFile): Promise<void> {
    if (file.behind === undefined) return;
    await this.endWriting(file);
    await this.options.ask(file.runtime, { type: 'file.settle', handle: file.remote }, none).catch((error) => {
      throw lost(error);
    });
  }

  /** A program sees its own writes: what a call may look at is settled, and what it may change is not read from what was. */
  private settleFor(request: FileRequest): Promise<unknown> | undefined {
    const handle = 'handle' in request ? request.handle : undefined;
    const own = handle === undefined ? undefined : this.open.get(handle);
    const same = (file: OpenFile): boolean =>
      own === undefined || (file.identity === own.identity && file.runtime === own.runtime);
    const waits: Promise<void>[] = [];
    for (const file of this.open.values()) {
      if (file.ahead !== undefined && changes.has(request.type) && same(file)) this.dropAhead(file);
      if (file.behind === undefined || !same(file)) continue;
      if (
        file === own &&
        (request.type === 'file.write' || request.type === 'file.seek' || request.type === 'file.close')
      )
        continue;
      waits.push(this.inOrder(file, () => this.settle(file)));
    }
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  /** All that the program has written is written, for others that it starts. */
  async settleAll(): Promise<void> {
    await Promise.all([...this.open.values()].map((file) => this.inOrder(file, () => this.settle(file))));
  }

  /** A machine is lost: nobody waits for its streams. */
  lose(runtime: RuntimeName): void {
    for (const file of this.open.values()) {
      if (file.runtime !== runtime) continue;
      file.ahead?.cancel();
      if (file.behind === undefined) file.pipe?.break();
      file.behind?.abort(new WireError('EHOSTDOWN', `${runtime} is lost`));
    }
  }

  private async seek(file: OpenFile, { offset, whence }: Extract<FileRequest, { type: 'file.seek' }>): Promise<number> {
    if (!file.seekable) throw new WireError('ESPIPE', 'illegal seek');
    let base = whence === 'current' ? file.position : 0;
    if (whence === 'end') {
      const { reply } = await this.options.ask(
        file.runtime,
        { type: 'file.stat', handle: file.remote, follow: true },
        none,
      );
      base = reply.type === 'file.stat.reply' ? reply.stat.size : 0;
    }
    if (base + offset < 0) throw new WireError('EINVAL', 'a position before the beginning');
    file.position = base + offset;
    return file.position;
  }

  private inOrder<T>(file: OpenFile, run: () => Promise<T>): Promise<T> {
    const mine = file.last.then(run);
    file.last = mine.catch(() => {});
    return mine;
  }

  /** An event of a watch, with the handle that the program knows. */
  translate(event: FileEvent, runtime: RuntimeName): FileEvent | undefined {
    for (const [handle, file] of this.open)
      if (file.remote === event.handle && file.runtime === runtime) return { ...event, handle };
    return undefined;
  }

  /** The program has ended: whatever it has open anywhere is closed. */
  close(): void {
    this.closed = true;
    const files = [...this.open.values()];
    this.open.clear();
    const { owner, ask } = this.options;
    for (const file of files) {
      file.ahead?.cancel();
      if (file.behind === undefined) file.pipe?.break();
    }
    // What it had written is written.
    const written = Promise.allSettled(files.map((file) => this.inOrder(file, () => this.settle(file))));
    void written.then(() => {
      for (const runtime of this.providers) ask(runtime, { type: 'file.release', owner }, none).catch(() => {});
    });
  }
}

const position = (at: number): { readonly reply: FileReply } => ({ reply: { type: 'file.position', position: at } });
