/**
 * The runtime's side of a program's system calls:
 *
 *     file REQUEST                          a file of the home runtime or of /net/RUNTIME, at its provider; see `wire/files.ts`
 *     file.pipe HANDLE, MODE · .piped HANDLE     a large file, in sequence, over a pipe; the program has opened its end
 *     module.start · .resolve · .load           the program itself, a module of the namespace; see `modules/modules.ts`
 *     process.spawn · .signal · .run · .sockets · .fork       children; see `processes.ts`
 *     device.open PATH, MODE · .read · .write · .close      /dev/NAME, wherever it is
 *     device.wait HANDLES, MILLISECONDS     which of them can be read without waiting, once one can
 *     net.listen · .unlisten · .connect · .datagrams      sockets in the namespace; see `network/network.ts`
 *     gpio.open · .read · .write · .watch · .unwatch · .close     lines of any machine, as the program names them
 */
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import { toErrorBody, WireError } from '../../wire/errors.js';
import type { FileEvent, FileOwner, FileRequest } from '../../wire/files.js';
import type { RuntimeName } from '../../wire/ids.js';
import type { Child, ChildSpec } from '../children.js';
import type { LineWatch, ProgramLine } from '../devices/gpio-line.js';
import type { LineName } from '../devices/lines.js';
import type { ForkSockets, ForkSpec, GivenDescriptor } from '../forks.js';
import { type LoadedModule, Modules } from '../modules/modules.js';
import type { Way } from '../modules/resolve.js';
import type { AgentNetwork } from '../network/network.js';
import type { BulkStreams } from './bulk.js';
import { encodeSyscall, type SyscallFrame } from './codec.js';
import { AgentFiles, type AskFile } from './files.js';
import { Processes, type RunLimits, type SpawnAnswer } from './processes.js';

export interface DispatchOptions {
  readonly home: RuntimeName;
  readonly owner: FileOwner;
  readonly file: AskFile;
  /** A GPIO line, wherever it is; see `devices/lines.ts`. */
  readonly openLine: (name: LineName, direction: unknown) => Promise<ProgramLine>;
  readonly bulk: BulkStreams;
  /** Directory of instrumented modules, kept from run to run. */
  readonly cache: string;
  /** The program's text, known from its plan. */
  readonly program: { readonly path: string; readonly text: string; readonly isAway: boolean } | undefined;
  /** Starts a child where its working directory is. */
  readonly spawn: (spec: ChildSpec) => Promise<Child>;
  /** Starts a child on this machine, in the program's context. */
  readonly fork: (spec: ForkSpec, text: string, given: ReadonlyMap<number, GivenDescriptor>) => Promise<Child>;
  readonly forkSockets: ForkSockets;
  readonly network: AgentNetwork;
  /** Opens a device of the cluster as a stream. */
  readonly openDevice: (path: string, mode: 'read' | 'write') => Promise<StreamReader | StreamWriter>;
}

interface Answer {
  readonly value?: unknown;
  readonly data?: Uint8Array;
}

/** A long text is not put into the JSON. */
const longText = 16 << 10;
function withText(loaded: LoadedModule): Answer {
  if (loaded.kind === 'module' || loaded.text.length < longText) return { value: loaded };
  return { value: { ...loaded, text: '' }, data: Buffer.from(loaded.text) };
}

/** An open device. What a read did not take of a chunk is kept for the next. */
interface OpenDevice {
  readonly reader?: StreamReader;
  readonly writer?: StreamWriter;
  rest: Uint8Array;
  /** Nothing comes any more. */
  over?: boolean;
  /** One read at a time, in the order they were asked. */
  reading: Promise<unknown>;
}

/** One program's calls. */
export class Dispatcher {
  private readonly lines = new Map<LineName, ProgramLine>();
  private readonly watches = new Map<LineName, LineWatch>();
  private readonly open = new Map<number, OpenDevice>();
  private readonly files: AgentFiles;
  private readonly modules: Modules;
  private readonly processes: Processes;
  private nextHandle = 1;
  private closed = false;

  constructor(
    private readonly options: DispatchOptions,
    /** Sends an event to the program; false: it does not keep up. */
    private readonly emit: (frame: Buffer) => boolean,
  ) {
    const { home, owner, file, cache, program, bulk } = options;
    this.files = new AgentFiles({ home, owner, ask: file, bulk });
    this.processes = new Processes({
      spawn: options.spawn,
      keep: (stream) => this.keep(stream),
      tell: (event) => void this.emit(encodeSyscall({ id: 0, event })),
    });
    this.modules = new Modules((request) => this.files.answer(request, new Uint8Array(0)), cache, program);
    // While its interpreter starts. What goes wrong, the program is told when it asks.
    if (program?.isAway) this.modules.start(program.path).catch(() => {});
  }

  /** Answers one call; the answer is a frame whatever happens. */
  async answer({ head, bytes }: SyscallFrame): Promise<Buffer> {
    try {
      const { value, data } = await this.run(head.call ?? '', head.args ?? [], bytes);
      return encodeSyscall({ id: head.id, value }, data);
    } catch (error) {
      const { code, message } = toErrorBody(error);
      return encodeSyscall({ id: head.id, error: { code, message } });
    }
  }

  private async run(call: string, args: readonly unknown[], bytes: Uint8Array): Promise<Answer> {
    switch (call) {
      case 'file': {
        const { reply, bytes: data } = await this.files.answer(args[0] as FileRequest, bytes);
        return data === undefined ? { value: reply } : { value: reply, data };
      }
      case 'file.pipe':
        return { value: await this.files.pipe(Number(args[0]), args[1] === 'read' ? 'read' : 'write') };
      case 'file.piped':
        this.files.piped(Number(args[0]));
        return {};
      case 'module.resolve': {
        const [specifier, from, way, extensions] = args as [string, string, Way, readonly string[]];
        return { value: await this.modules.resolve(specifier, from, way, extensions) };
      }
      case 'module.load':
        return withText(await this.modules.load(String(args[0]), args[1] === 'import' ? 'import' : 'require'));
      case 'module.start': {
        const { path, loaded } = await this.modules.start(String(args[0]));
        const { value, data } = withText(loaded);
        return { value: { path, loaded: value }, ...(data === undefined ? {} : { data }) };
      }
      case 'process.spawn':
        await this.files.settleAll();
        return { value: await this.processes.spawn(args[0] as ChildSpec) };
      case 'process.sockets':
        return { value: await this.options.forkSockets.open(Number(args[0])) };
      case 'process.fork':
        return { value: await this.fork(args[0] as ForkSpec) };
      case 'process.signal':
        await this.processes.signal(String(args[0]), String(args[1]));
        return {};
      case 'process.wait':
        return { value: await this.processes.wait(String(args[0])) };
      case 'process.run':
        await this.files.settleAll();
        return this.processes.run(args[0] as ChildSpec, args[1] as RunLimits, bytes);
      case 'device.open':
        return { value: await this.openDevice(String(args[0]), args[1] === 'read' ? 'read' : 'write') };
      case 'device.read':
        return { data: await this.readDevice(this.device(args[0]), Number(args[1])) };
      case 'device.wait':
        return { value: await this.waitForDevices(args[0] as readonly number[], args[1] as number | null) };
      case 'device.write':
        await this.device(args[0]).writer?.write(Buffer.from(bytes));
        return {};
      case 'device.close': {
        const device = this.device(args[0]);
        this.open.delete(Number(args[0]));
        device.reader?.cancel();
        await device.writer?.end();
        return {};
      }
      case 'net.listen': {
        const transport = args[0] === 'udp' ? 'udp' : 'tcp';
        return { value: this.options.network.listen(transport, String(args[1]), Number(args[2])) };
      }
      case 'net.unlisten':
        this.options.network.unlisten(Number(args[0]));
        return {};
      case 'net.connect':
        return { value: await this.options.network.connect(String(args[0]), Number(args[1]), args[2] === true) };
      case 'net.datagrams':
        return { value: await this.options.network.datagrams(String(args[0]), Number(args[1])) };
      default: {
        const [name, value] = args;
        return this.gpio(call, typeof name === 'string' ? name : Number(name), value);
      }
    }
  }

  private async fork(spec: ForkSpec): Promise<SpawnAnswer> {
    const { fork, forkSockets } = this.options;
    const [text, given] = await Promise.all([
      this.modules.text(spec.program),
      forkSockets.take(spec.stdio),
      this.files.settleAll(),
    ]);
    return this.processes.adopt(await fork(spec, text, given));
  }

  // --- devices --------------------------------------------------------------------------------------------------------

  private async openDevice(path: string, mode: 'read' | 'write'): Promise<number> {
    const stream = await this.options.openDevice(path, mode);
    return this.keep(mode === 'read' ? { reader: stream as StreamReader } : { writer: stream as StreamWriter });
  }

  /** A handle of the program's for a stream. */
  private keep(stream: { readonly reader?: StreamReader; readonly writer?: StreamWriter }): number {
    const handle = this.nextHandle++;
    this.open.set(handle, { ...stream, rest: new Uint8Array(0), reading: Promise.resolve() });
    if (this.closed) this.close();
    return handle;
  }

  private device(handle: unknown): OpenDevice {
    const device = this.open.get(Number(handle));
    if (device === undefined) throw new WireError('EBADF', 'bad file descriptor');
    return device;
  }

  /** At most `length` bytes, none at end of stream. */
  private readDevice(device: OpenDevice, length: number): Promise<Uint8Array> {
    const read = async () => {
      await this.fill(device);
      const part = device.rest.subarray(0, length);
      device.rest = device.rest.subarray(part.length);
      return part;
    };
    const mine = device.reading.then(read, read);
    device.reading = mine.catch(() => {});
    return mine;
  }

  /** Something to read is here, or the end. */
  private async fill(device: OpenDevice): Promise<void> {
    if (device.reader === undefined) throw new WireError('EBADF', 'bad file descriptor');
    if (device.rest.length > 0 || device.over) return;
    const next = await device.reader.read();
    if (next === undefined) device.over = true;
    else device.rest = next;
  }

  /** `ms` null: however long it takes. What has failed does not wait either. */
  private async waitForDevices(handles: readonly number[], ms: number | null): Promise<boolean[]> {
    const devices = handles.map((handle) => this.device(handle));
    const isReady = (device: OpenDevice): boolean => device.rest.length > 0 || device.over === true;
    const filled = devices.map((device) => {
      const mine = device.reading.then(() => this.fill(device));
      device.reading = mine.catch(() => {});
      return mine.catch(() => {
        device.over = true;
      });
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      if (ms !== null) timer = setTimeout(resolve, ms);
    });
    await Promise.race([...filled, late]);
    clearTimeout(timer);
    return devices.map(isReady);
  }

  // --- GPIO -----------------------------------------------------------------------------------------------------------

  private async gpio(call: string, name: LineName, value: unknown): Promise<Answer> {
    switch (call) {
      case 'gpio.open': {
        // Several objects of a program may have one line.
        const line = this.lines.get(name);
        const opened = await this.options.openLine(name, value);
        if (line !== undefined || this.closed) opened.close();
        else this.lines.set(name, opened);
        return {};
      }
      case 'gpio.read':
        return { value: this.line(name).read() };
      case 'gpio.write': {
        const line = this.line(name);
        if (line.direction === 'in') throw new WireError('EPERM', `GPIO line ${name} is an input`);
        await line.write(value === 1 ? 1 : 0);
        return {};
      }
      case 'gpio.watch':
        this.watch(name);
        return {};
      case 'gpio.unwatch':
        this.watches.get(name)?.stop();
        this.watches.delete(name);
        return {};
      case 'gpio.close':
        this.watches.get(name)?.stop();
        this.watches.delete(name);
        this.lines.get(name)?.close();
        this.lines.delete(name);
        return {};
      default:
        throw new WireError('ENOSYS', `${call}: no such system call`);
    }
  }

  private watch(name: LineName): void {
    if (this.watches.has(name)) return;
    const send = (event: object) => {
      if (this.emit(encodeSyscall({ id: 0, event }))) return;
      for (const watch of this.watches.values()) watch.hold?.(true);
    };
    const watch = this.line(name).watch(
      (level) => send({ gpio: name, level }),
      (error) => send({ gpio: name, error: error.message }),
    );
    this.watches.set(name, watch);
  }

  private line(name: LineName): ProgramLine {
    const line = this.lines.get(name);
    if (line === undefined) throw new WireError('EBADF', `GPIO line ${name} is not open`);
    return line;
  }

  /** The program takes events again. */
  resume(): void {
    for (const watch of this.watches.values()) watch.hold?.(false);
  }

  /** Something that the program watches has changed at `runtime`. */
  tell(event: FileEvent, runtime: RuntimeName): void {
    const known = this.files.translate(event, runtime);
    if (known !== undefined) this.emit(encodeSyscall({ id: 0, event: known }));
  }

  /** A machine is lost. */
  lose(runtime: RuntimeName): void {
    this.files.lose(runtime);
  }

  /** The program has ended. */
  close(): void {
    this.closed = true;
    this.options.network.close();
    this.options.forkSockets.close();
    this.files.close();
    for (const watch of this.watches.values()) watch.stop();
    this.watches.clear();
    for (const line of this.lines.values()) line.close();
    this.lines.clear();
    for (const { reader, writer } of this.open.values()) {
      reader?.cancel();
      // What was written before the program ended is written.
      writer?.end().catch(() => {});
    }
    this.open.clear();
  }
}
