/** Names of hosts that mean something in the cluster, and what a program is told of them. */
import { isRuntimeName } from '../../wire/ids.js';

/** Whoever listens, wherever; below it, programs by name. */
export const clusterName = 'cluster';

/** May be meant for the cluster: one label, or `PROGRAM.cluster`. */
export const mayBeOfCluster = (host: string): boolean =>
  host !== 'localhost' && !/^\d+$/.test(host) && (isRuntimeName(host) || host.endsWith(`.${clusterName}`));

/** Where a program is to connect instead. */
export type Instead = { readonly path: string } | { readonly host: string; readonly port: number };
