/** Lines of real chips: sysfs through the `onoff` package, or libgpiod's tools, which work on the kernels where sysfs is gone. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { loadModule } from '../../host/modules.js';
import { WireError } from '../../wire/errors.js';
import type { GpioConfig } from './config.js';
import type { GpioLine, Level, LineWatch } from './gpio-line.js';

/** The part of the onoff package used here. */
interface OnoffGpio {
  readSync(): Level;
  writeSync(level: Level): void;
  watch(callback: (error: Error | null | undefined, level: Level) => void): void;
  unwatchAll(): void;
  unexport(): void;
}
interface Onoff {
  readonly Gpio: new (line: number, direction: 'in' | 'out', edge?: 'both') => OnoffGpio;
}

/** The onoff package, when it is installed and its native part loads. */
export function findOnoff(): Onoff | undefined {
  try {
    return loadModule<Onoff>('onoff');
  } catch {
    return undefined;
  }
}

/** @throws WireError ENODEV when the package is not installed; its own error when the line cannot be exported */
export function openOnoffLine(config: GpioConfig): GpioLine {
  const module = findOnoff();
  if (module === undefined)
    throw new WireError('ENODEV', `GPIO line ${config.line}: the onoff package is not installed`);
  const gpio =
    config.direction === 'in' ? new module.Gpio(config.line, 'in', 'both') : new module.Gpio(config.line, 'out');
  return shared({
    read: () => gpio.readSync(),
    write: (level) => gpio.writeSync(level),
    watch: (changed, failed) => {
      const level = gpio.readSync();
      gpio.watch((error, now) => (error ? failed(error) : changed(now)));
      return { level, stop: () => gpio.unwatchAll() };
    },
    close: () => gpio.unexport(),
  });
}

let detected: number | undefined;

/** Major version of libgpiod's tools: 1, 2, or 0 when they are not installed. Their options differ. Asked once. */
export function libgpiodVersion(): number {
  if (detected === undefined) {
    try {
      const text = execFileSync('gpioget', ['--version'], { encoding: 'utf8', timeout: 2000 });
      detected = Number(/v(\d+)\./.exec(text)?.[1] ?? 1);
    } catch {
      detected = 0;
    }
  }
  return detected;
}

/** Asks for the tools again: they may have been installed since. */
export function forgetLibgpiod(): void {
  detected = undefined;
}

/** @throws WireError ENODEV when the tools are not installed */
export function openLibgpiodLine(config: GpioConfig): GpioLine {
  const version = libgpiodVersion();
  if (version === 0)
    throw new WireError(
      'ENODEV',
      `GPIO line ${config.line}: libgpiod's tools (gpioget, gpioset, gpiomon) are not installed`,
    );
  const two = version >= 2;
  const chip = two ? ['-c', config.chipName] : [config.chipName];
  const line = String(config.line);
  /** While gpiomon or gpioset has the line, no second process can: its level is what they last said. */
  let known: Level | undefined;
  const writer = new Setter(
    { once: [two ? '--toggle=0' : '--mode=exit', ...chip], hold: [...(two ? [] : ['--mode=signal']), ...chip] },
    config.line,
  );
  const get = (): Level => {
    const args = [...(two ? ['--numeric'] : []), ...chip, line];
    const text = execFileSync('gpioget', args, { encoding: 'utf8', timeout: 2000, stdio: ['ignore', 'pipe', 'pipe'] });
    return text.trim() === '1' ? 1 : 0;
  };
  return shared({
    read: () => known ?? get(),
    write: (level) => {
      known = level;
      writer.set(level);
    },
    watch: (changed, failed) => {
      const level = get();
      known = level;
      // Version 1 buffers its output unless told not to.
      const args = [...(two ? [] : ['--line-buffered']), '--format=%e', ...chip, line];
      const monitor = spawn('gpiomon', args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
      let stopped = false;
      monitor.on('error', failed);
      monitor.on('exit', () => {
        if (!stopped) failed(new WireError('EIO', `GPIO line ${line}: gpiomon has ended`));
      });
      monitor.stdout.on('data', (data: Buffer) => {
        for (const character of data.toString('latin1')) {
          // Falling is 0 in version 1 and 2 in version 2.
          const now = character === '1' ? 1 : character === '0' || character === '2' ? 0 : undefined;
          if (now === undefined) continue;
          known = now;
          changed(now);
        }
      });
      return {
        level,
        stop: () => {
          stopped = true;
          known = undefined;
          monitor.kill();
        },
      };
    },
    close: () => writer.close(),
  });
}

/**
 * Keeps an output at a level. gpioset holds the line for as long as it runs, and does not say when it has set it: so one run sets
 * the level and ends, and a second holds it, which the next change may end at any moment.
 */
class Setter {
  private holder: ChildProcess | undefined;
  private wanted: Level[] = [];
  private closed = false;

  constructor(
    /** Options of a gpioset that ends at once, and of one that stays. */
    private readonly options: { readonly once: readonly string[]; readonly hold: readonly string[] },
    private readonly line: number,
  ) {}

  set(level: Level): void {
    this.wanted.push(level);
    if (this.wanted.length === 1) void this.work();
  }

  private async work(): Promise<void> {
    for (let level = this.wanted[0]; level !== undefined; level = this.wanted[0]) {
      await ended(this.holder, 'SIGTERM');
      const pair = `${this.line}=${level}`;
      await ended(spawn('gpioset', [...this.options.once, pair], { stdio: 'ignore', detached: true }));
      this.wanted.shift();
      if (this.wanted.length > 0 || this.closed) continue;
      this.holder = spawn('gpioset', [...this.options.hold, pair], { stdio: 'ignore', detached: true });
      this.holder.on('error', () => {});
    }
  }

  close(): void {
    this.closed = true;
    this.wanted = [];
    this.holder?.kill();
  }
}

/** Resolves when a process has ended or could not be started; `signal` makes it. */
function ended(child: ChildProcess | undefined, signal?: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
    if (signal !== undefined) child.kill(signal);
  });
}

/** One watch of the hardware, however many listen: the tools allow one per line. */
function shared(line: GpioLine): GpioLine {
  const listeners = new Set<{ changed: (level: Level) => void; failed: (error: Error) => void }>();
  let watch: LineWatch | undefined;
  let level: Level = 0;
  return {
    ...line,
    watch: (changed, failed) => {
      const listener = { changed, failed };
      if (watch === undefined) {
        watch = line.watch(
          (now) => {
            level = now;
            for (const each of [...listeners]) each.changed(now);
          },
          (error) => {
            watch = undefined;
            for (const each of [...listeners]) each.failed(error);
          },
        );
        level = watch.level;
      }
      listeners.add(listener);
      return {
        level,
        stop: () => {
          if (!listeners.delete(listener) || listeners.size > 0) return;
          watch?.stop();
          watch = undefined;
        },
      };
    },
    close: () => {
      watch?.stop();
      line.close();
    },
  };
}
