/**
 * `mount`: the session's namespace, one row for each place that something is grafted in at. Outside a cluster there is only the
 * host's own tree, and with any other words it is the host's utility that is meant.
 */
import type { DeviceInfo, Inventory } from '../../wire/graph.js';
import type { RuntimeName } from '../../wire/ids.js';
import { locate } from '../namespace.js';
import { type Outcome, ok } from '../outcome.js';
import { print } from '../report.js';
import type { Builtin, Env } from '../state.js';

/** One row of the table. Of two that fit a path, the one with the longer prefix has it. */
interface Mount {
  readonly path: string;
  readonly type: 'host' | 'device' | 'net';
  /** The runtime that serves it. */
  readonly provider: RuntimeName;
  readonly driver?: DeviceInfo['driver'];
  readonly direction?: DeviceInfo['direction'];
}

const access = { in: 'ro', out: 'wo', inout: 'rw' } as const satisfies Record<DeviceInfo['direction'], string>;

/** Sorted by path. A device is left out where its name is a file of the host, which comes first. */
function tableOf({ runtimes }: Inventory, home: RuntimeName, env: Env): Mount[] {
  const rows = new Map<string, Mount>([['/', { path: '/', type: 'host', provider: home }]]);
  for (const { name: provider, devices } of runtimes) {
    rows.set(`/net/${provider}`, { path: `/net/${provider}`, type: 'net', provider });
    for (const { name, driver, direction } of devices) {
      const path = `/dev/${name}`;
      if (!rows.has(path) && locate(path, env).kind === 'device')
        rows.set(path, { path, type: 'device', provider, driver, direction });
    }
  }
  return [...rows.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

const lineOf = ({ path, type, provider, driver, direction }: Mount): string =>
  `${provider} on ${path} type ${type}${direction === undefined ? '' : ` (${access[direction]},${driver})`}\n`;

async function mount(args: readonly string[], env: Env): Promise<Outcome> {
  const cluster = await env.shell.cluster();
  const rows = tableOf(await cluster.inventory(), cluster.home, env);
  await print(env, args[1] === '--json' ? `${JSON.stringify(rows, undefined, 2)}\n` : rows.map(lineOf).join(''));
  return ok;
}

export const mountUtility: Record<string, Builtin> = {
  mount: {
    special: false,
    takes: (words, env) =>
      (words.length === 1 || (words.length === 2 && words[1] === '--json')) && env.shell.clustered(),
    run: mount,
  },
};
