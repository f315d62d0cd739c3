/** stat(2) through the namespace. */
import { lstatSync, statSync } from 'node:fs';
import { encodeBytes } from '../../wire/bytes.js';
import { type FileStat, kindOf } from '../../wire/files.js';
import { locate } from '../namespace.js';
import type { MaybePromise } from '../outcome.js';
import type { Env } from '../state.js';

/** What is known of a file, wherever it is. */
export interface Found {
  readonly kind: FileStat['kind'];
  readonly size: number;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly dev: number | string;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly remote: boolean;
}

/** The file at a path of the namespace; undefined: there is none, or it cannot be asked for. */
export function stat(path: string, env: Env, follow: boolean): MaybePromise<Found | undefined> {
  if (path === '') return undefined;
  const place = locate(path, env);
  if (place.kind === 'host') {
    const bytes = place.path.isWellFormed() ? place.path : encodeBytes(place.path);
    try {
      const s = follow ? statSync(bytes, { throwIfNoEntry: false }) : lstatSync(bytes, { throwIfNoEntry: false });
      return s === undefined
        ? undefined
        : {
            kind: kindOf(s),
            size: s.size,
            mode: s.mode,
            mtimeMs: s.mtimeMs,
            dev: s.dev,
            ino: s.ino,
            uid: s.uid,
            gid: s.gid,
            remote: false,
          };
    } catch {
      return undefined;
    }
  }
  return env.shell.cluster().then(async (cluster) => {
    if (place.kind === 'device') {
      const { runtimes } = await cluster.inventory();
      const known = runtimes.some((r) => r.devices.some((d) => d.name === place.name));
      return known
        ? { kind: 'character', size: 0, mode: 0o666, mtimeMs: 0, dev: 'device', ino: 0, uid: 0, gid: 0, remote: true }
        : undefined;
    }
    try {
      const reply = await cluster.file(place.runtime, { type: 'file.stat', path: place.hostPath, follow });
      if (reply.type !== 'file.stat.reply') return undefined;
      const { stat: s } = reply;
      return {
        kind: s.kind,
        size: s.size,
        mode: s.mode,
        mtimeMs: s.mtimeMs,
        dev: place.runtime,
        ino: Number(s.ino),
        uid: s.uid,
        gid: s.gid,
        remote: true,
      };
    } catch {
      return undefined;
    }
  });
}
