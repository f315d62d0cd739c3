/** `require('onoff')` in a context: the package's `Gpio`, and the paper's spelling `GPIO`, on lines of any runtime. */

import type { LineName } from '../devices/lines.js';
import type { SyscallFrame } from '../syscalls/codec.js';
import { type Channel, deliver } from './channel.js';
import { systemError } from './error.js';

type Level = 0 | 1;
type Callback<T = void> = (error: Error | null | undefined, value: T) => void;

interface GpioOptions {
  readonly activeLow?: boolean;
  readonly debounceTimeout?: number;
  readonly reconfigureDirection?: boolean;
}

function resultOf(frame: SyscallFrame): unknown {
  const { error, value } = frame.head;
  if (error !== undefined) throw Object.assign(systemError(error.code, {}, error.message), { message: error.message });
  return value;
}

export function makeOnoff(channel: Channel) {
  const watched = new Map<LineName, Set<(level: Level | undefined, error?: string) => void>>();
  channel.listen((event) => {
    const { gpio, level, error } = event as { gpio?: LineName; level?: Level; error?: string };
    if (gpio !== undefined) for (const each of [...(watched.get(gpio) ?? [])]) each(level, error);
  });

  class Gpio {
    static readonly HIGH = 1;
    static readonly LOW = 0;
    /** There are GPIO lines in the cluster. */
    static readonly accessible: boolean = channel.description.gpio;
    private readonly callbacks: Callback<Level>[] = [];
    private kind: string;
    private edges: string;
    private inverted: boolean;
    private readonly debounce: number;
    private timer: NodeJS.Timeout | undefined;
    private readonly changed: (level: Level | undefined, error?: string) => void;
    private watching = false;
    private closed = false;

    /**
     * As onoff's: `edge` may be left out, and then a watch sees both (the paper's programs give none). A line is also named as
     * `devices/lines.ts` has it.
     */
    constructor(
      private readonly line: LineName,
      direction: 'in' | 'out' | 'high' | 'low',
      edge?: 'none' | 'rising' | 'falling' | 'both' | GpioOptions,
      options: GpioOptions = {},
    ) {
      const given = typeof edge === 'object' ? edge : options;
      this.kind = direction === 'in' ? 'in' : 'out';
      this.edges = typeof edge === 'string' ? edge : 'both';
      this.inverted = given.activeLow ?? false;
      this.debounce = given.debounceTimeout ?? 0;
      resultOf(channel.callSync('gpio.open', [line, this.kind]));
      if (direction === 'high') this.writeSync(1);
      if (direction === 'low') this.writeSync(0);
      this.changed = (level, error) => {
        if (level === undefined) {
          for (const callback of [...this.callbacks]) callback(systemError('EIO', {}, error ?? ''), 0);
          return;
        }
        const seen = this.turn(level);
        if (
          (this.edges === 'rising' && seen === 0) ||
          (this.edges === 'falling' && seen === 1) ||
          this.edges === 'none'
        )
          return;
        const tell = (now: Level) => {
          for (const callback of [...this.callbacks]) callback(null, now);
        };
        if (this.debounce <= 0) tell(seen);
        else {
          clearTimeout(this.timer);
          this.timer = setTimeout(() => tell(this.readSync()), this.debounce);
        }
      };
    }

    /** The line, for a call. @throws ContextError EPERM once unexported, as onoff has it */
    private get open(): LineName {
      if (this.closed) throw systemError('EPERM', { syscall: 'gpio' });
      return this.line;
    }

    private turn(level: Level): Level {
      return this.inverted ? ((1 - level) as Level) : level;
    }

    readSync(): Level {
      return this.turn(resultOf(channel.callSync('gpio.read', [this.open])) as Level);
    }
    writeSync(value: Level): void {
      resultOf(channel.callSync('gpio.write', [this.open, this.turn(value ? 1 : 0)]));
    }

    read(callback?: Callback<Level>): Promise<Level> | undefined {
      const read = async () => this.turn(resultOf(await channel.call('gpio.read', [this.open])) as Level);
      return settle(read(), callback);
    }
    write(value: Level, callback?: Callback): Promise<void> | undefined {
      const write = async () => {
        resultOf(await channel.call('gpio.write', [this.open, this.turn(value ? 1 : 0)]));
      };
      return settle(write(), callback);
    }

    watch(callback: Callback<Level>): void {
      const line = this.open;
      this.callbacks.push(callback);
      if (this.watching) return;
      this.watching = true;
      const set = watched.get(line) ?? new Set();
      set.add(this.changed);
      watched.set(line, set);
      channel.hold();
      // Answered only once the runtime watches: no edge after this call is lost.
      resultOf(channel.callSync('gpio.watch', [line]));
    }
    unwatch(callback?: Callback<Level>): void {
      const at = callback === undefined ? -1 : this.callbacks.indexOf(callback);
      if (callback === undefined) this.callbacks.length = 0;
      else if (at >= 0) this.callbacks.splice(at, 1);
      if (this.callbacks.length > 0 || !this.watching) return;
      this.watching = false;
      channel.unhold();
      const set = watched.get(this.line);
      set?.delete(this.changed);
      if (set?.size === 0) resultOf(channel.callSync('gpio.unwatch', [this.line]));
    }
    unwatchAll(): void {
      this.unwatch();
    }

    direction(): string {
      return this.kind;
    }
    setDirection(direction: 'in' | 'out' | 'high' | 'low'): void {
      this.kind = direction === 'in' ? 'in' : 'out';
      if (direction === 'high') this.writeSync(1);
      if (direction === 'low') this.writeSync(0);
    }
    edge(): string {
      return this.edges;
    }
    setEdge(edge: string): void {
      this.edges = edge;
    }
    activeLow(): boolean {
      return this.inverted;
    }
    setActiveLow(invert: boolean): void {
      this.inverted = invert;
    }
    /** Gives the line back; nothing of this object works any more, and it keeps the process alive no longer. */
    unexport(): void {
      if (this.closed) return;
      this.unwatch();
      this.closed = true;
      clearTimeout(this.timer);
    }
  }

  return { Gpio, GPIO: Gpio };
}

/** With a callback the result goes there; without one it is a promise (as onoff's README says). */
function settle<T>(promise: Promise<T>, callback: Callback<T> | undefined): Promise<T> | undefined {
  if (callback === undefined) return promise;
  deliver(promise, (error, value) => callback(error, value as T));
  return undefined;
}
