/**
 * Devices of a runtime, as its configuration file declares them: name, driver, options. Checked when the runtime starts, with
 * an error that names the field.
 *
 *     { "name": "sensor1", "driver": "simulated", "intervalMs": 100, "count": 50, "seed": 7, "wave": "sine" }
 *     { "name": "syslog",  "driver": "file", "path": "/var/log/syslog", "follow": true }
 *     { "name": "camera",  "driver": "command", "argv": ["raspivid", "-o", "-"] }
 *     { "name": "meter",   "driver": "mqtt", "topic": "house/power", "url": "mqtt://192.0.2.7" }
 *     { "name": "button",  "driver": "gpio", "line": 4, "direction": "in", "chip": "auto" }
 */
import * as v from 'valibot';
import type { DeviceInfo } from '../../wire/graph.js';
import { isDeviceName } from '../../wire/ids.js';

/** Names in /dev that every host has: a device of ours must not hide one. */
const hostNames = new Set([
  'null',
  'zero',
  'full',
  'tty',
  'random',
  'urandom',
  'console',
  'stdin',
  'stdout',
  'stderr',
  'fd',
  'pts',
  'shm',
  'ptmx',
]);

const name = v.pipe(
  v.string(),
  v.check(isDeviceName, 'must be 1 to 64 letters, digits, dots, hyphens or underscores'),
  v.check((text) => !hostNames.has(text), 'is the name of a host device'),
);
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/**
 * What a reader that falls behind costs: `block` holds the source (and so every reader) back, `drop-oldest` drops that reader's
 * oldest readings beyond 64 KiB. A line of real hardware and a broker's topic cannot be held back: there `block` keeps 4 MiB
 * for a reader, then drops its oldest.
 */
const policy = v.optional(v.picklist(['block', 'drop-oldest']), 'block');

const simulated = v.strictObject({
  name,
  driver: v.literal('simulated'),
  /** Milliseconds between readings. */
  intervalMs: v.optional(v.pipe(v.number(), v.minValue(1)), 100),
  /** Readings before the device ends; without it, it never does. */
  count: v.optional(count),
  seed: v.optional(count, 1),
  wave: v.optional(v.picklist(['sine', 'square', 'saw', 'noise']), 'sine'),
  policy,
});
const file = v.strictObject({
  name,
  driver: v.literal('file'),
  path: v.pipe(
    v.string(),
    v.check((text) => text.startsWith('/'), 'must be an absolute path'),
  ),
  /** Reading begins with what is written from then on, like `tail -n 0 -f`; else it is the file from its start to its end. */
  follow: v.optional(v.boolean(), false),
});
const command = v.strictObject({
  name,
  driver: v.literal('command'),
  argv: v.pipe(v.array(v.string()), v.minLength(1)),
});
const mqtt = v.strictObject({
  name,
  driver: v.literal('mqtt'),
  topic: v.pipe(v.string(), v.minLength(1)),
  /** Broker of the topic; the cluster's own by default. */
  url: v.optional(v.pipe(v.string(), v.regex(/^(mqtts?|wss?|tcp|ssl):\/\//, 'must be an mqtt: or ws: URL'))),
  policy,
});
const gpioFields = v.strictObject({
  name,
  driver: v.literal('gpio'),
  line: count,
  direction: v.picklist(['in', 'out']),
  /** `emulated` keeps the lines in files of `dir`; `auto` takes sysfs through onoff where it exists, else libgpiod's tools. */
  chip: v.optional(v.picklist(['auto', 'emulated', 'onoff', 'libgpiod']), 'auto'),
  dir: v.optional(v.string()),
  /** libgpiod's chip name. */
  chipName: v.optional(v.string(), 'gpiochip0'),
  policy,
});
const gpio = v.pipe(
  gpioFields,
  v.forward(
    v.check((config) => config.chip !== 'emulated' || config.dir !== undefined, 'is needed for an emulated chip'),
    ['dir'],
  ),
);

const device = v.variant('driver', [simulated, file, command, mqtt, gpio]);

/** A device as configured, defaults filled in. */
export type DeviceConfig = v.InferOutput<typeof device>;
export type SimulatedConfig = v.InferOutput<typeof simulated>;
export type FileConfig = v.InferOutput<typeof file>;
export type CommandConfig = v.InferOutput<typeof command>;
export type MqttConfig = v.InferOutput<typeof mqtt>;
export type GpioConfig = v.InferOutput<typeof gpio>;

const devices = v.pipe(
  v.array(device),
  v.check((list) => new Set(list.map((d) => d.name)).size === list.length, 'two devices have the same name'),
  v.check((list) => {
    const lines = list.flatMap((d) => (d.driver === 'gpio' ? [d.line] : []));
    return new Set(lines).size === lines.length;
  }, 'two devices have the same GPIO line'),
);

/** Checks a list of devices. @throws Error whose message names the device, the field and what is wrong */
export function parseDevices(value: unknown): readonly DeviceConfig[] {
  const result = v.safeParse(devices, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  throw new Error(`devices${where === null ? '' : `.${where}`}: ${issue.message}`);
}

/** What the cluster is told of a device. */
export function deviceInfo(config: DeviceConfig): DeviceInfo {
  switch (config.driver) {
    case 'gpio':
      return { name: config.name, driver: 'gpio', direction: config.direction, line: config.line };
    case 'simulated':
      return { name: config.name, driver: 'simulated', direction: 'in' };
    default:
      return { name: config.name, driver: config.driver, direction: 'inout' };
  }
}
