/** GPIO lines as programs name them, wherever they are: by number, by the device's name, or by machine and number. */
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import { WireError } from '../../wire/errors.js';
import type { DeviceInfo } from '../../wire/graph.js';
import type { RuntimeName } from '../../wire/ids.js';
import type { Devices } from './devices.js';
import { openFarLine } from './far-line.js';
import type { Level, ProgramLine } from './gpio-line.js';

/** `4`, `'lamp'`, `'/dev/lamp'`, `'pi3:7'`, `'/net/pi3/dev/lamp'`. */
export type LineName = number | string;

export interface LinesOptions {
  readonly name: RuntimeName;
  readonly devices: Devices;
  /** Devices of the other machines that are up, in the order of their names. */
  readonly others: () => readonly { readonly runtime: RuntimeName; readonly devices: readonly DeviceInfo[] }[];
  /** Whether the program's user may use a device of this machine. @throws WireError EACCES */
  readonly mayUse: (device: string) => void | Promise<void>;
  readonly openDevice: (
    path: string,
    mode: 'read' | 'write',
    where: RuntimeName,
  ) => Promise<StreamReader | StreamWriter>;
}

interface Found {
  readonly runtime: RuntimeName;
  readonly device: DeviceInfo;
}

/** @throws WireError ENODEV, EINVAL for a device that is no line or a direction it has not, EACCES; EHOSTDOWN */
export async function openLine(
  name: LineName,
  direction: unknown,
  { name: self, devices, others, mayUse, openDevice }: LinesOptions,
): Promise<ProgramLine> {
  const found = findLine(name, direction, [{ runtime: self, devices: devices.infos() }, ...others()]);
  const { device, runtime } = found;
  if (device.driver !== 'gpio') throw new WireError('EINVAL', `/dev/${device.name} is no GPIO line`);
  const has = device.direction === 'in' ? 'in' : 'out';
  if (direction !== undefined && direction !== has)
    throw new WireError('EINVAL', `GPIO line ${name} is an ${has === 'in' ? 'input' : 'output'} here`);
  if (runtime !== self) {
    const path = `/dev/${device.name}`;
    return openFarLine(has, {
      read: () => openDevice(path, 'read', runtime) as Promise<StreamReader>,
      write: () => openDevice(path, 'write', runtime) as Promise<StreamWriter>,
    });
  }
  await mayUse(device.name);
  const line = devices.line(device.line!);
  // The line itself is the machine's, and other programs' too.
  return {
    direction: has,
    read: () => line.read(),
    write: (level: Level) => line.write(level),
    watch: (...given) => line.watch(...given),
    close: () => {},
  };
}

type Machine = { readonly runtime: RuntimeName; readonly devices: readonly DeviceInfo[] };

/** Of several that fit, this machine's comes first. */
function findLine(name: LineName, direction: unknown, machines: readonly Machine[]): Found {
  const pick = (fits: (device: DeviceInfo, runtime: RuntimeName) => boolean): Found | undefined => {
    for (const { runtime, devices } of machines) {
      const device = devices.find((each) => fits(each, runtime));
      if (device !== undefined) return { runtime, device };
    }
    return undefined;
  };
  if (typeof name === 'number') {
    const found =
      pick((d) => d.line === name && (direction === undefined || d.direction === direction)) ??
      pick((d) => d.line === name);
    if (found === undefined) throw new WireError('ENODEV', `no GPIO line ${name} in the cluster`);
    return found;
  }
  const numbered = /^([^/:]+):(\d+)$/.exec(name);
  const there = /^\/net\/([^/]+)\/dev\/([^/]+)$/.exec(name);
  const plain = /^(?:\/dev\/)?([^/:]+)$/.exec(name);
  const found =
    numbered !== null
      ? pick((d, runtime) => runtime === numbered[1] && d.line === Number(numbered[2]))
      : there !== null
        ? pick((d, runtime) => runtime === there[1] && d.name === there[2])
        : plain !== null
          ? pick((d) => d.name === plain[1])
          : undefined;
  if (found === undefined) throw new WireError('ENODEV', `${name}: no such GPIO line in the cluster`);
  return found;
}
