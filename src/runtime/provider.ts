/**
 * Paths that this runtime provides, as streams: its devices, its host's files. An edge with a path at its end is opened here,
 * for an agent of this runtime directly, for any other through a stream.
 */
import { pump, type StreamReader, type StreamWriter } from '../stream/stream.js';
import type { Streams } from '../stream/streams.js';
import { toErrorBody, WireError } from '../wire/errors.js';
import type { Endpoint } from '../wire/graph.js';
import type { RuntimeName, SessionId } from '../wire/ids.js';
import type { RoutedEdge } from '../wire/messages.js';
import type { Authority } from './authority/authority.js';
import type { Devices } from './devices/devices.js';
import { openHostReader, openHostWriter } from './host-files.js';
import { type BridgedPipe, bridgeInput, bridgeOutput } from './pipes.js';

export type OpenMode = 'read' | 'write' | 'append';

export interface ProviderOptions {
  readonly name: RuntimeName;
  readonly streams: Streams;
  readonly devices: Devices;
  /** True for a machine that is known to be gone. */
  readonly isLost: (runtime: RuntimeName) => boolean;
  /** Who may use what; without it everything here is the one user's own. */
  readonly authority?: Authority | undefined;
}

type PathEnd = Extract<Endpoint, { kind: 'path' }>;

/** A stream between a path here and the other end of its edge. */
interface Moving {
  readonly session: SessionId;
  readonly other: RuntimeName;
  stop(reason: Error): void;
}

/** Edges are opened once, however often and by whichever request they are named; so many are remembered. */
const remembered = 10_000;

export class Provider {
  private readonly opened = new Set<string>();
  private readonly moving = new Set<Moving>();

  constructor(private readonly options: ProviderOptions) {}

  openPath(path: string, mode: 'read', session: SessionId): Promise<StreamReader>;
  openPath(path: string, mode: 'write' | 'append', session: SessionId): Promise<StreamWriter>;
  openPath(path: string, mode: OpenMode, session: SessionId): Promise<StreamReader | StreamWriter>;
  /**
   * Opens `/dev/NAME` of a device here, `/net/NAME/…` of this runtime, or a path of this host.
   * @throws WireError ENODEV, EACCES, EISDIR, EINVAL; the system's error
   */
  async openPath(path: string, mode: OpenMode, session: SessionId): Promise<StreamReader | StreamWriter> {
    const { devices, name, authority } = this.options;
    const device = /^\/dev\/([^/]+)$/.exec(path)?.[1];
    if (device !== undefined && devices.has(device)) {
      await authority?.device(session, device);
      return mode === 'read' ? devices.openRead(device) : devices.openWrite(device);
    }
    const net = /^\/net\/([^/]+)(\/.*)?$/.exec(path);
    if (net !== null && net[1] !== name) throw new WireError('ENODEV', `${path}: not provided by ${name}`, { path });
    const host = net === null ? path : (net[2] ?? '/');
    if (!host.startsWith('/') || host.includes('\0'))
      throw new WireError('EINVAL', `${path}: not an absolute path`, { path });
    const flags = mode === 'read' ? (['O_RDONLY'] as const) : (['O_WRONLY', 'O_CREAT'] as const);
    const confined = await authority?.file(session, { type: 'file.open', path: host, flags, mode: 0o666 });
    const at = confined?.request.path ?? host;
    try {
      return await (mode === 'read' ? openHostReader(at) : openHostWriter(at, mode, confined?.fresh));
    } catch (error) {
      throw confined?.fault(error) ?? error;
    } finally {
      await confined?.release();
    }
  }

  /** True the first time an edge is named. */
  private claim(edge: RoutedEdge): boolean {
    if (this.opened.has(edge.id)) return false;
    this.opened.add(edge.id);
    if (this.opened.size > remembered) for (const oldest of this.opened) return this.opened.delete(oldest);
    return true;
  }

  /** The path at this end of an edge; when it cannot be opened, the edge may be asked for again. */
  private openEnd(edge: RoutedEdge, end: PathEnd, mode: 'read', session: SessionId): Promise<StreamReader>;
  private openEnd(edge: RoutedEdge, end: PathEnd, mode: 'write', session: SessionId): Promise<StreamWriter>;
  private async openEnd(edge: RoutedEdge, end: PathEnd, mode: 'read' | 'write', session: SessionId) {
    try {
      return await this.openPath(end.path, mode === 'write' && end.mode === 'append' ? 'append' : mode, session);
    } catch (error) {
      this.opened.delete(edge.id);
      // By the name that the session knows it by.
      const { code, message } = toErrorBody(error);
      throw new WireError(code, message, { path: end.path, cause: error });
    }
  }

  private isHere(end: Endpoint): end is PathEnd {
    return end.kind === 'path' && end.provider === this.options.name;
  }

  /** A pipe for an agent of `session` here, joined to the other end of `edge`. */
  async bridge(edge: RoutedEdge, input: boolean, session: SessionId): Promise<BridgedPipe> {
    const { streams, name, isLost } = this.options;
    const end = input ? edge.from : edge.to;
    const other = input ? edge.fromRuntime : edge.toRuntime;
    if (this.isHere(end) && this.claim(edge)) {
      return input
        ? bridgeInput(await this.openEnd(edge, end, 'read', session))
        : bridgeOutput(await this.openEnd(edge, end, 'write', session));
    }
    if (other !== name && isLost(other)) throw new WireError('EHOSTDOWN', `${other} is lost`);
    return input ? bridgeInput(await streams.openReader(edge)) : bridgeOutput(streams.openWriter(edge));
  }

  /** Opens this end of an edge whose path is provided here, and moves its bytes until it ends. @throws see {@link openPath} */
  async openEdge(edge: RoutedEdge, session: SessionId): Promise<void> {
    const { streams } = this.options;
    const { from, to } = edge;
    if (!this.isHere(from) && !this.isHere(to)) throw new WireError('EINVAL', `edge ${edge.id} has no end here`);
    if (!this.claim(edge)) return;
    if (this.isHere(from)) {
      const reader = await this.openEnd(edge, from, 'read', session);
      const writer = streams.openWriter(edge);
      this.move(edge.toRuntime, session, reader, writer);
    } else if (this.isHere(to)) {
      const writer = await this.openEnd(edge, to, 'write', session);
      const reader = await streams.openReader(edge).catch((error) => {
        writer.abort();
        throw error;
      });
      this.move(edge.fromRuntime, session, reader, writer);
    }
  }

  private move(other: RuntimeName, session: SessionId, reader: StreamReader, writer: StreamWriter): void {
    const entry: Moving = {
      session,
      other,
      stop: (reason) => {
        writer.abort(reason);
        reader.cancel();
      },
    };
    this.moving.add(entry);
    const over = () => this.moving.delete(entry);
    pump(reader, writer).then(over, over);
  }

  /** Ends streams whose other end is on a lost machine. */
  breakStreams(runtime: RuntimeName): void {
    for (const each of this.moving)
      if (each.other === runtime) each.stop(new WireError('EHOSTDOWN', `${runtime} is lost`));
  }

  endSession(session: SessionId): void {
    for (const each of this.moving)
      if (each.session === session) each.stop(new WireError('ECANCELED', 'the session has ended'));
  }

  close(): void {
    for (const each of this.moving) each.stop(new WireError('EHOSTDOWN', `${this.options.name} is stopping`));
  }
}
