/**
 * The session's namespace, as far as a path alone tells: `/` is the home runtime's own file system; `/dev/NAME` (devices) and
 * `/net/RUNTIME/…` (every runtime's files) are grafted into it. Longest prefix wins.
 */
import { existsSync } from 'node:fs';
import { isDeviceName, isRuntimeName, type RuntimeName } from '../wire/ids.js';
import type { Env } from './state.js';

export type Place =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'device'; readonly path: string; readonly name: string }
  | { readonly kind: 'net'; readonly path: string; readonly runtime: RuntimeName; readonly hostPath: string };

/** `path` made absolute and lexically normal, from the environment's working directory. */
export function absolute(path: string, env: Env): string {
  return path.startsWith('/') ? path : env.cwd === '/' ? `/${path}` : `${env.cwd}/${path}`;
}

/** Removes `.`, `..` and doubled slashes. Only for paths outside the host's file system, which has symbolic links. */
export function normalise(path: string): string {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') out.pop();
    else out.push(part);
  }
  return `/${out.join('/')}`;
}

/** True when no path from here can be anything but the host's: the answer for nearly every word of every script. */
export function isHostText(path: string, env: Env): boolean {
  const first = path.charCodeAt(0);
  if (first === 47)
    return !path.startsWith('/dev/') && !path.startsWith('/net/') && !path.includes('/../') && path !== '/net';
  return !env.cwd.startsWith('/net/');
}

/** Who provides a path. A name in /dev that the host has too is the host's, unless the configuration declares it. */
export function locate(path: string, env: Env): Place {
  if (isHostText(path, env)) return { kind: 'host', path: absolute(path, env) };
  const full = absolute(path, env);
  const normal = normalise(full);
  const net = /^\/net\/([^/]+)(\/.*)?$/.exec(normal);
  if (net !== null && isRuntimeName(net[1]!)) {
    return { kind: 'net', path: normal, runtime: net[1], hostPath: net[2] ?? '/' };
  }
  const device = /^\/dev\/([^/]+)$/.exec(normal);
  if (device !== null && isDeviceName(device[1]!)) {
    const name = device[1]!;
    if (env.shell.deviceNames().has(name) || (env.shell.clustered() && !existsSync(full))) {
      return { kind: 'device', path: normal, name };
    }
  }
  return { kind: 'host', path: full };
}
