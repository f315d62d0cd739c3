/** The other runtimes of the cluster, as their retained status tells: who is lost, and where each device is. */
import type { DeviceInfo } from '../wire/graph.js';
import type { RuntimeName } from '../wire/ids.js';
import type { RuntimeStatus } from '../wire/messages.js';

interface Life {
  readonly incarnation: number;
  readonly online: boolean;
  readonly devices: readonly DeviceInfo[];
}

export class Neighbours {
  private readonly lives = new Map<RuntimeName, Life>();

  constructor(private readonly self: RuntimeName) {}

  /** Takes note of a status; true when a life has ended with it, its own or the one before. A status of a former life is none. */
  hear(status: RuntimeStatus): boolean {
    const known = this.lives.get(status.name);
    if (known !== undefined && status.incarnation < known.incarnation) return false;
    const online = status.state === 'online';
    const devices = online ? (status.info?.devices ?? []) : [];
    this.lives.set(status.name, { incarnation: status.incarnation, online, devices });
    // A new life means that the old one has ended, whether anybody saw it or not.
    return !online || (known?.online === true && status.incarnation > known.incarnation);
  }

  /** A machine that is a member no more: gone, and its devices with it. */
  forget(runtime: RuntimeName): void {
    this.lives.set(runtime, { incarnation: 0, online: false, devices: [] });
  }

  /** True for a machine that was here and is gone; one that was never heard of may just be new. */
  isLost(runtime: RuntimeName): boolean {
    return runtime !== this.self && this.lives.get(runtime)?.online === false;
  }

  /** Those that are online. */
  online(): RuntimeName[] {
    return [...this.lives].flatMap(([name, { online }]) => (online && name !== this.self ? [name] : []));
  }

  /** Devices by name; where two machines have one of the same name, the first machine by name. */
  devices(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, { devices }] of [...this.lives].sort(([a], [b]) => (a < b ? 1 : -1)))
      for (const device of devices) found[device.name] = name;
    return found;
  }

  /** Those that are up, with their devices, in the order of their names. */
  machines(): { readonly runtime: RuntimeName; readonly devices: readonly DeviceInfo[] }[] {
    return [...this.lives]
      .filter(([name, { online }]) => online && name !== this.self)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([runtime, { devices }]) => ({ runtime, devices }));
  }

  whereIs(device: string): RuntimeName | undefined {
    const found = this.devices();
    return Object.hasOwn(found, device) ? (found[device] as RuntimeName) : undefined;
  }
}
