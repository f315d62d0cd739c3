/**
 * What the shell may know of this machine's runtime without connecting to anything: its directory, the devices its
 * configuration names, and whether a runtime is up. A few file look-ups, made when a script first names a device.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Where a runtime keeps its state: `$ONESH_HOME`, else the XDG state directory. */
export const homeDirectory = (): string =>
  process.env.ONESH_HOME || path.join(process.env.XDG_STATE_HOME || path.join(homedir(), '.local/state'), 'onesh');

/** The configuration file; beside the state when `$ONESH_HOME` is set. */
export const configurationFile = (): string =>
  process.env.ONESH_HOME
    ? path.join(process.env.ONESH_HOME, 'runtime.json')
    : path.join(process.env.XDG_CONFIG_HOME || path.join(homedir(), '.config'), 'onesh', 'runtime.json');

/** Devices of a runtime whose configuration names none: one simulated sensor, so that there is something to read. */
export const defaultDevices = [{ name: 'sensor1', driver: 'simulated' }] as const;

interface Declared {
  readonly names: ReadonlySet<string>;
  readonly gpio: boolean;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Missing, or wrong in a way that the runtime reports when it is started.
    return undefined;
  }
}

/** What one shell knows of this machine; each part is looked up once. Kept by the shell: nothing of it may enter the snapshot. */
export interface Local {
  /** Devices that the configuration declares. */
  devices(): Declared;
  /** True when a runtime of a cluster is up on this machine under this home. */
  clustered(): boolean;
}

export function makeLocal(): Local {
  let declared: Declared | undefined;
  let clustered: boolean | undefined;
  return {
    devices: () => {
      if (declared === undefined) {
        const value = readJson(configurationFile()) as { devices?: { name?: unknown; driver?: unknown }[] } | undefined;
        const devices = Array.isArray(value?.devices) ? value.devices : defaultDevices;
        const gpio = devices.some((d) => d.driver === 'gpio');
        declared = { names: new Set(devices.map((d) => String(d.name))), gpio };
      }
      return declared;
    },
    clustered: () => {
      if (clustered === undefined) {
        const daemon = readJson(path.join(homeDirectory(), 'daemon.json')) as { pid?: unknown } | undefined;
        clustered = typeof daemon?.pid === 'number' && isAlive(daemon.pid);
      }
      return clustered;
    },
  };
}

/** True while a process with this id runs: one that only waits for somebody to ask how it ended does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return true; // no /proc
  }
}
