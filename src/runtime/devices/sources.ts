/** The reading side of each device driver but GPIO's lines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, createReadStream, type FSWatcher, fstatSync, openSync, readSync, watch } from 'node:fs';
import type { Bus } from '../../bus/bus.js';
import { connectMqtt } from '../../bus/mqtt.js';
import { killGroup } from '../../host/libc.js';
import type { CommandConfig, FileConfig, MqttConfig, SimulatedConfig } from './config.js';
import type { Source } from './shared-source.js';

/** Milliseconds between SIGTERM and SIGKILL for a device's command. */
const grace = 2000;
const followEvery = 500;

/**
 * A sensor that is not there: one reading a line, a temperature in degrees Celsius around 21, on a wave of 126 readings with
 * noise. The same configuration gives the same readings.
 */
export function simulatedSource(config: SimulatedConfig): Source {
  let timer: NodeJS.Timeout | undefined;
  let n = 0;
  let state = config.seed >>> 0 || 1;
  let tick: () => void = () => {};
  const noise = () => {
    // xorshift32: enough for a sensor's noise.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32 - 0.5;
  };
  const phase = () => (n / 20) % (2 * Math.PI);
  const shapes = {
    sine: () => Math.sin(phase()),
    square: () => (phase() < Math.PI ? 1 : -1),
    saw: () => phase() / Math.PI - 1,
    noise: () => 2 * noise(),
  };
  return {
    start(push, end) {
      tick = () => {
        if (config.count !== undefined && n >= config.count) {
          clearInterval(timer);
          end();
          return;
        }
        const value = 21 + 2 * shapes[config.wave]() + noise() / 2;
        n += 1;
        push(Buffer.from(`${value.toFixed(2)}\n`));
      };
      timer = setInterval(tick, config.intervalMs);
    },
    hold(on) {
      clearInterval(timer);
      if (!on) timer = setInterval(tick, config.intervalMs);
    },
    stop() {
      clearInterval(timer);
    },
  };
}

/** What is appended to a file from now on. */
export function followSource(config: FileConfig): Source {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  let fd: number | undefined;
  let held = false;
  let look: () => void = () => {};
  const stop = () => {
    watcher?.close();
    clearInterval(timer);
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    start(push, end) {
      fd = openSync(config.path, 'r');
      let offset = fstatSync(fd).size;
      look = () => {
        try {
          while (!held && fd !== undefined) {
            if (fstatSync(fd).size < offset) offset = 0; // truncated
            const buffer = Buffer.allocUnsafe(65536);
            const got = readSync(fd, buffer, 0, buffer.length, offset);
            if (got === 0) return;
            offset += got;
            push(buffer.subarray(0, got));
          }
        } catch (error) {
          end(error as Error);
        }
      };
      watcher = watch(config.path, () => look());
      watcher.on('error', end);
      timer = setInterval(() => look(), followEvery);
    },
    hold(on) {
      held = on;
      if (!on) setImmediate(() => look());
    },
    stop,
  };
}

/** A host device or FIFO, read once for all. */
export function specialFileSource(config: FileConfig): Source {
  const stream = createReadStream(config.path);
  return {
    start(push, end) {
      stream.on('data', (chunk) => push(chunk as Buffer));
      stream.on('end', () => end());
      stream.on('error', (error) => end(error));
    },
    hold: (on) => {
      if (on) stream.pause();
      else stream.resume();
    },
    stop: () => stream.destroy(),
  };
}

/** Ends a command's process group, by force when it does not go. */
export function endCommand(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  killGroup(pid, 'SIGTERM');
  const timer = setTimeout(() => killGroup(pid, 'SIGKILL'), grace);
  child.once('exit', () => clearTimeout(timer));
}

export function commandSource(config: CommandConfig): Source {
  let child: ChildProcess | undefined;
  return {
    start(push, end) {
      child = spawn(config.argv[0]!, config.argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
      child.on('error', end);
      child.stdout?.on('data', (chunk: Buffer) => push(chunk));
      child.stdout?.on('end', () => end());
    },
    hold: (on) => {
      if (on) child?.stdout?.pause();
      else child?.stdout?.resume();
    },
    stop() {
      if (child !== undefined) endCommand(child);
    },
  };
}

/** The bus of a topic: the cluster's, or one to the broker that the device names. */
export async function deviceBus(config: MqttConfig, own: Bus): Promise<{ readonly bus: Bus; close(): Promise<void> }> {
  if (config.url === undefined) return { bus: own, close: async () => {} };
  const clientId = `onesh-device-${config.name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const bus = await connectMqtt({ url: config.url, clientId });
  return { bus, close: () => bus.close() };
}

/** Each message of the topic is a line. */
export function mqttSource(config: MqttConfig, own: Bus): Source {
  let stopped = false;
  let undo: () => void = () => {};
  return {
    start(push, end) {
      deviceBus(config, own)
        .then(async ({ bus, close }) => {
          const subscription = await bus.subscribe(
            config.topic,
            ({ payload }) => push(Buffer.concat([payload, Buffer.from('\n')])),
            { qos: 1 },
          );
          undo = () => void subscription.close().then(close, close);
          if (stopped) undo();
        })
        .catch(end);
    },
    stop() {
      stopped = true;
      undo();
    },
  };
}
