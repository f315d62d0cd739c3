/** The devices of one runtime: `/dev/NAME` to read and write, and GPIO lines for programs that open them by number. */
import type { ChildProcess } from 'node:child_process';
import { statSync } from 'node:fs';
import type { Bus } from '../../bus/bus.js';
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import { WireError } from '../../wire/errors.js';
import type { DeviceInfo } from '../../wire/graph.js';
import { openHostReader, openHostWriter } from '../host-files.js';
import { type DeviceConfig, deviceInfo, type GpioConfig } from './config.js';
import { openGpioLine } from './gpio.js';
import type { GpioLine, LineWatch } from './gpio-line.js';
import { type Policy, SharedSource, type Source } from './shared-source.js';
import { commandSource, endCommand, followSource, mqttSource, simulatedSource, specialFileSource } from './sources.js';
import { lineWriter, openCommandWriter, openMqttWriter } from './writers.js';

export class Devices {
  private readonly byName = new Map<string, DeviceConfig>();
  private readonly sources = new Map<string, SharedSource>();
  private readonly lines = new Map<number, GpioLine>();
  private readonly commands = new Set<ChildProcess>();

  constructor(
    configs: readonly DeviceConfig[],
    private readonly bus: Bus,
  ) {
    for (const config of configs) this.byName.set(config.name, config);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  private config(name: string): DeviceConfig {
    const config = this.byName.get(name);
    if (config === undefined) throw new WireError('ENODEV', `/dev/${name}: no such device`, { path: `/dev/${name}` });
    return config;
  }

  /** @throws WireError ENODEV; EACCES for a device that is only written; the system's error */
  async openRead(name: string): Promise<StreamReader> {
    const config = this.config(name);
    // A file is read from its start by every reader; what follows shares one source.
    if (config.driver === 'file' && !config.follow && statSync(config.path).isFile())
      return openHostReader(config.path);
    let shared = this.sources.get(name);
    if (shared === undefined) {
      const policy: Policy = 'policy' in config ? config.policy : 'block';
      shared = new SharedSource(() => this.source(config), policy);
      this.sources.set(name, shared);
    }
    return shared.open();
  }

  private source(config: DeviceConfig): Source {
    switch (config.driver) {
      case 'simulated':
        return simulatedSource(config);
      case 'file':
        return config.follow ? followSource(config) : specialFileSource(config);
      case 'command':
        return commandSource(config);
      case 'mqtt':
        return mqttSource(config, this.bus);
      case 'gpio':
        return this.gpioSource(config);
      default:
        return config satisfies never;
    }
  }

  /** The level now, then a line for each edge. */
  private gpioSource(config: GpioConfig): Source {
    const line = this.line(config.line);
    let level = 0;
    let watch: LineWatch | undefined;
    const source: Source = {
      start: (push, end) => {
        watch = line.watch((now) => {
          level = now;
          push(Buffer.from(`${now}\n`));
        }, end);
        level = watch.level;
        const { hold } = watch;
        if (hold !== undefined) source.hold = hold;
      },
      greet: () => Buffer.from(`${level}\n`),
      stop: () => watch?.stop(),
    };
    return source;
  }

  /** @throws WireError ENODEV; EACCES for a device that is only read; the system's error */
  async openWrite(name: string): Promise<StreamWriter> {
    const config = this.config(name);
    switch (config.driver) {
      case 'file':
        return openHostWriter(config.path, 'append');
      case 'command':
        return openCommandWriter(config, (child) => {
          this.commands.add(child);
          child.once('exit', () => this.commands.delete(child));
        });
      case 'mqtt':
        return openMqttWriter(config, this.bus);
      case 'gpio':
        if (config.direction === 'in')
          throw new WireError('EACCES', `/dev/${name}: GPIO line ${config.line} is an input`, { path: `/dev/${name}` });
        return lineWriter(this.line(config.line));
      case 'simulated':
        throw new WireError('EACCES', `/dev/${name}: a simulated sensor cannot be written`, { path: `/dev/${name}` });
      default:
        return config satisfies never;
    }
  }

  /** True when a program finds any GPIO line here. */
  get hasGpio(): boolean {
    return [...this.byName.values()].some((d) => d.driver === 'gpio');
  }

  /** All of them, as the cluster is told. */
  infos(): DeviceInfo[] {
    return [...this.byName.values()].map(deviceInfo);
  }

  private gpioConfig(number: number): GpioConfig {
    for (const config of this.byName.values()) if (config.driver === 'gpio' && config.line === number) return config;
    throw new WireError('ENODEV', `no GPIO line ${number} on this runtime`);
  }

  /** A GPIO line by number, opened once. @throws WireError ENODEV when no device of this runtime has it */
  line(number: number): GpioLine {
    let line = this.lines.get(number);
    if (line === undefined) {
      line = openGpioLine(this.gpioConfig(number));
      this.lines.set(number, line);
    }
    return line;
  }

  close(): void {
    for (const source of this.sources.values()) source.close();
    for (const line of this.lines.values()) line.close();
    for (const child of this.commands) endCommand(child);
    this.lines.clear();
  }
}
