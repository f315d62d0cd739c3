/**
 * A GPIO line of another machine, over the streams of its device: the level now and each edge come as lines `0` and `1`, levels to
 * be set go as such lines.
 */
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import { WireError } from '../../wire/errors.js';
import type { Level, LineWatch, ProgramLine } from './gpio-line.js';

export interface FarLineStreams {
  read(): Promise<StreamReader>;
  write(): Promise<StreamWriter>;
}

interface Watcher {
  changed(level: Level): void;
  failed(error: Error): void;
}

/** Resolves once its level is known. @throws what opening the streams throws; EIO when the device says nothing */
export async function openFarLine(direction: 'in' | 'out', streams: FarLineStreams): Promise<ProgramLine> {
  const writer = direction === 'out' ? await streams.write() : undefined;
  const reader = await streams.read().catch((error) => {
    writer?.abort(error as Error);
    throw error;
  });
  const line = new FarLine(direction, reader, writer);
  await line.known;
  return line;
}

class FarLine implements ProgramLine {
  readonly known: Promise<void>;
  private level: Level | undefined;
  private failure: Error | undefined;
  /** What this program has set, which it sees at once. */
  private set: Level | undefined;
  private readonly watchers = new Set<Watcher>();
  /** Resolves when edges may come again; undefined while they may. */
  private held: Promise<void> | undefined;
  private release: () => void = () => {};

  constructor(
    readonly direction: 'in' | 'out',
    private readonly reader: StreamReader,
    private readonly writer: StreamWriter | undefined,
  ) {
    this.known = this.begin();
  }

  private async begin(): Promise<void> {
    // A writer may have lines to itself; a device says its level first.
    while (this.level === undefined) {
      const chunk = await this.reader.read();
      if (chunk === undefined) throw new WireError('EIO', 'the line of the other machine says nothing');
      this.take(chunk);
    }
    void this.follow();
  }

  private async follow(): Promise<void> {
    try {
      for (;;) {
        await this.held;
        const chunk = await this.reader.read();
        if (chunk === undefined) throw new WireError('EIO', 'the line of the other machine has gone');
        this.take(chunk);
      }
    } catch (error) {
      this.failure = new WireError('EIO', (error as Error).message, { cause: error });
      for (const watcher of [...this.watchers]) watcher.failed(this.failure);
    }
  }

  private take(chunk: Uint8Array): void {
    for (const character of chunk) {
      if (character !== 48 && character !== 49) continue;
      const first = this.level === undefined;
      this.level = character === 49 ? 1 : 0;
      if (!first) for (const watcher of [...this.watchers]) watcher.changed(this.level);
    }
  }

  read(): Level {
    if (this.failure !== undefined) throw this.failure;
    return this.set ?? this.level ?? 0;
  }

  async write(level: Level): Promise<void> {
    this.set = level;
    await this.writer?.write(Buffer.from(`${level}\n`));
  }

  watch(changed: (level: Level) => void, failed: (error: Error) => void): LineWatch {
    const watcher: Watcher = { changed, failed };
    this.watchers.add(watcher);
    if (this.failure !== undefined) failed(this.failure);
    return {
      level: this.level ?? 0,
      hold: (on) => this.hold(on),
      stop: () => {
        this.watchers.delete(watcher);
      },
    };
  }

  private hold(on: boolean): void {
    if (on === (this.held !== undefined)) return;
    if (on) {
      this.held = new Promise((resolve) => {
        this.release = resolve;
      });
      return;
    }
    this.held = undefined;
    this.release();
  }

  close(): void {
    this.watchers.clear();
    this.hold(false);
    this.reader.cancel();
    // What was set before the program ended is set.
    this.writer?.end().catch(() => {});
  }
}
