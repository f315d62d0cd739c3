/**
 * The namespace as a program in a context sees it: `/` is the home runtime's, `/net/RUNTIME` that runtime's, `/dev/NAME` a
 * device of the cluster. A path whose provider is the program's own host is the host's, unless its user is confined there.
 */
import { posix as path } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import type { ContextDescription } from '../syscalls/codec.js';
import { hostFs } from './host.js';
import type { Near } from './near.js';

/** A path, resolved. */
export interface Place {
  /** As the program gave it, for error messages. */
  readonly given: string;
  /** Absolute in the namespace. */
  readonly full: string;
  /** What to give the host's own call, when the host provides it. */
  readonly host: string | Buffer | undefined;
  /** The runtime that provides it; of two paths it tells whether they are on one machine. */
  readonly provider: string;
  /** It is a device of the cluster. */
  readonly device: boolean;
}

/** Every process's own, on every machine; but not what leads from there to all of the machine. */
const everywhere =
  /^\/(dev\/(null|zero|full|random|urandom|tty|stdin|stdout|stderr|ptmx|fd|fd\/\d+|pts|pts\/\d+)|proc\/self(\/(?!root|cwd|\.\.)[^/]+|\/fd\/\d+)?)\/?$/;
const sharedMemory = /^\/dev\/shm(\/.*)?$/;
const leadsUp = /\/\.\.(\/|$)/;

export class Paths {
  constructor(
    private readonly description: ContextDescription,
    private readonly near: Near,
  ) {}

  get sameHost(): boolean {
    return this.near.sameHost;
  }

  get cwd(): string {
    return this.near.cwd;
  }

  absolute(text: string): string {
    return path.resolve(this.cwd, text);
  }

  /** The text of anything `fs` takes for a path; undefined for what is none, of which Node itself says what is wrong. */
  textOf(value: unknown): string | undefined {
    let text: string;
    try {
      if (typeof value === 'string') text = value;
      else if (value instanceof URL) text = fileURLToPath(value);
      else if (value instanceof Uint8Array) text = decodeBytes(value);
      else return undefined;
    } catch {
      return undefined;
    }
    return text.includes('\0') ? undefined : text;
  }

  isPlain(text: string): boolean {
    return this.near.isPlain(text);
  }

  /**
   * A path made absolute. `..` behind a symbolic link, and what a trailing slash asks for, are the provider's affair; only where
   * the beginning of a path tells who that is, it is made plain.
   */
  private resolve(given: string): string {
    // POSIX: the empty path names nothing.
    if (given === '') return '';
    const plain = this.absolute(given);
    if (plain.startsWith('/net/') || plain.startsWith('/dev/') || plain === '/') return plain;
    const raw = given.startsWith('/') ? given : `${this.cwd === '/' ? '' : this.cwd}/${given}`;
    return /\/\.\.?(\/|$)|\/$|\/\//.test(raw) ? raw : plain;
  }

  locate(given: string): Place {
    const full = this.resolve(given);
    const { runtime, home, devices, directory, confined } = this.description;
    const net = /^\/net\/([^/]+)(\/.*)?$/.exec(full);
    if (net !== null) {
      const host = net[1] === runtime && (this.sameHost || !confined) ? toHost(net[2] ?? '/') : undefined;
      return { given, full, host, provider: net[1]!, device: false };
    }
    const name = /^\/dev\/([^/]+)$/.exec(full)?.[1];
    if (name !== undefined && Object.hasOwn(devices, name)) {
      // A name that the host has too is the host's, unless its own configuration declares it.
      const declared = devices[name] === runtime;
      if (declared || !this.sameHost || !hostFs.existsSync(full))
        return { given, full, host: undefined, provider: devices[name]!, device: true };
    }
    // Copies of modules are here, whoever has the originals.
    const own = (!confined && sharedMemory.test(full)) || full.startsWith(`${directory}/`);
    const here = this.sameHost || everywhere.test(full) || (own && !leadsUp.test(full));
    return { given, full, host: here ? toHost(full) : undefined, provider: here ? runtime : home, device: false };
  }

  /** A namespace path as the program would give it from where it is. */
  relative(full: string): string {
    return path.relative(this.cwd, full);
  }

  /** Goes to a directory that is there. */
  change(place: Place): void {
    this.near.inCwd = this.sameHost && place.host === place.full;
    this.near.cwd = path.resolve(place.full);
  }
}

/** Names that are not UTF-8 are bytes to the host. */
const toHost = (text: string): string | Buffer => (text.isWellFormed() ? text : encodeBytes(text));
