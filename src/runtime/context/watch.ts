/** `watch` and `watchFile` on another machine: its events come over the channel; a watched file's status is asked for. */
import { EventEmitter } from 'node:events';
import type { BigIntStats, Stats } from 'node:fs';
import type { FileEvent } from '../../wire/files.js';
import { type AnyFunction, nameIn, type Options } from './arguments.js';
import { type Channel, deliver } from './channel.js';
import { aborted, systemError } from './error.js';
import type { Place } from './paths.js';
import { run, runSync } from './run.js';
import { toStats } from './stats.js';
import * as s from './steps.js';

interface WatchOptions extends Options {
  readonly persistent?: boolean;
}

export class Watches {
  private readonly watchers = new Map<number, Watcher>();
  private readonly files = new Map<string, StatWatcher>();

  constructor(private readonly channel: Channel) {
    channel.listen((event) => {
      const { type, handle, event: what, name, code } = event as FileEvent;
      if (type === 'file.event') this.watchers.get(handle)?.tell(what, name, code);
    });
  }

  watch(place: Place, options: WatchOptions, listener: AnyFunction | undefined): Watcher {
    let handle: number;
    try {
      handle = runSync(this.channel, s.watch(place, options.recursive ?? false));
    } catch (error) {
      throw Object.assign(error as Error, { filename: place.given });
    }
    const watcher = new Watcher(this.channel, options, () => {
      this.watchers.delete(handle);
      run(this.channel, s.unwatch(handle)).catch(() => {});
    });
    this.watchers.set(handle, watcher);
    if (listener !== undefined) watcher.on('change', listener);
    return watcher;
  }

  /** `fs.promises.watch`. */
  async *iterate(place: Place, options: WatchOptions): AsyncGenerator<{ eventType: string; filename: unknown }> {
    const { signal } = options;
    if (signal?.aborted) throw aborted(signal);
    const watcher = this.watch(place, options, undefined);
    const queue: { eventType: string; filename: unknown }[] = [];
    let failure: Error | undefined;
    let wake: () => void = () => {};
    watcher.on('change', (eventType, filename) => {
      queue.push({ eventType, filename });
      wake();
    });
    watcher.on('error', (error: Error) => {
      failure = error;
      wake();
    });
    const abort = () => {
      failure = aborted(signal!);
      wake();
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for (;;) {
        const next = queue.shift();
        if (failure !== undefined) throw failure;
        if (next !== undefined) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      watcher.close();
    }
  }

  watchFile(
    place: Place,
    options: { interval?: number; bigint?: boolean; persistent?: boolean },
    listener: AnyFunction,
  ) {
    const known = this.files.get(place.full) ?? new StatWatcher(this.channel, place, options);
    this.files.set(place.full, known);
    known.on('change', listener);
    return known;
  }

  unwatchFile(place: Place, listener: AnyFunction | undefined): void {
    const known = this.files.get(place.full);
    if (known === undefined) return;
    if (listener === undefined) known.removeAllListeners('change');
    else known.off('change', listener);
    if (known.listenerCount('change') > 0) return;
    known.stop();
    this.files.delete(place.full);
  }
}

class Watcher extends EventEmitter {
  private held: boolean;
  private closed = false;

  constructor(
    private readonly channel: Channel,
    private readonly options: WatchOptions,
    private readonly stop: () => void,
  ) {
    super();
    this.held = options.persistent !== false;
    if (this.held) channel.hold();
    options.signal?.addEventListener('abort', () => this.close(), { once: true });
  }

  tell(event: FileEvent['event'], name: string | undefined, code: string | undefined): void {
    if (this.closed) return;
    if (event === 'error') {
      this.emit('error', systemError(code ?? 'EIO', { syscall: 'watch' }));
      return;
    }
    this.emit('change', event, name === undefined ? null : nameIn(name, this.options.encoding));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.unref();
    this.stop();
    process.nextTick(() => this.emit('close'));
  }

  ref(): this {
    if (!this.held && !this.closed) this.channel.hold();
    this.held = !this.closed;
    return this;
  }
  unref(): this {
    if (this.held) this.channel.unhold();
    this.held = false;
    return this;
  }
}

class StatWatcher extends EventEmitter {
  private timer: NodeJS.Timeout | undefined;
  private last: Stats | BigIntStats | undefined;
  private stopped = false;
  private keeps: boolean;

  constructor(
    private readonly channel: Channel,
    private readonly place: Place,
    private readonly options: { interval?: number; bigint?: boolean; persistent?: boolean },
  ) {
    super();
    this.keeps = options.persistent !== false;
    this.look();
  }

  /** A file that is not there has a status of zeros. */
  private look(): void {
    const { bigint = false, interval = 5007 } = this.options;
    const found = run(this.channel, s.stat(this.place, true, 'stat')).then(
      (stat) => toStats(stat, bigint),
      () => zeroed(bigint),
    );
    deliver(found, (_error, now) => {
      if (this.stopped || now === undefined) return;
      const before = this.last;
      this.last = now;
      const missing = before === undefined && Number(now.nlink) === 0;
      if (missing) this.emit('change', now, now);
      else if (before !== undefined && differ(before, now)) this.emit('change', now, before);
      this.timer = setTimeout(() => this.look(), interval);
      if (!this.keeps) this.timer.unref();
    });
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }
  ref(): this {
    this.keeps = true;
    this.timer?.ref();
    return this;
  }
  unref(): this {
    this.keeps = false;
    this.timer?.unref();
    return this;
  }
}

const differ = (a: Stats | BigIntStats, b: Stats | BigIntStats): boolean =>
  (['mtimeMs', 'ctimeMs', 'size', 'ino', 'nlink'] as const).some((name) => a[name] !== b[name]);

function zeroed(bigint: boolean): Stats | BigIntStats {
  const none = {
    size: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    nlink: 0,
    dev: '0',
    ino: '0',
    rdev: '0',
    blksize: 0,
    blocks: 0,
    mtimeMs: 0,
  };
  const times = { atimeNs: '0', mtimeNs: '0', ctimeNs: '0', birthtimeNs: '0' };
  const made = toStats({ kind: 'file', ...none, ...times }, bigint);
  return Object.assign(made, { mode: bigint ? 0n : 0 });
}
