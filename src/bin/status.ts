/** `oneos status`: what the cluster is made of and what runs on it, for people or as JSON. */
import type { RuntimeInfo } from '../wire/graph.js';
import type { BootRecord, JobRecord } from '../wire/messages.js';
import { askKernel, openClient } from './client.js';

export interface ClusterStatus {
  readonly cluster: string;
  readonly broker: string;
  /** The runtime that was asked. */
  readonly self: string;
  readonly runtimes: readonly (Pick<RuntimeInfo, 'name'> &
    Partial<RuntimeInfo> & { readonly state: 'online' | 'offline' })[];
  readonly kernelAgents: readonly {
    readonly service: string;
    readonly runtime: string;
    readonly state: 'online' | 'offline';
  }[];
  readonly devices: readonly (RuntimeInfo['devices'][number] & { readonly runtime: string })[];
  readonly jobs: readonly JobRecord[];
}

/** Puts together what the name server and the scheduler know. */
export function makeStatus(
  record: BootRecord,
  self: string,
  online: readonly RuntimeInfo[],
  jobs: readonly JobRecord[],
): ClusterStatus {
  const up = new Map<string, RuntimeInfo>(online.map((info) => [info.name, info]));
  const state = (name: string) => (up.has(name) ? 'online' : 'offline');
  return {
    cluster: record.cluster,
    broker: record.broker,
    self,
    runtimes: Object.keys(record.keys)
      .sort()
      .map((name) => ({ ...up.get(name), name: name as RuntimeInfo['name'], state: state(name) })),
    kernelAgents: Object.entries(record.services).map(([service, runtime]) => ({
      service,
      runtime,
      state: state(runtime),
    })),
    devices: online.flatMap((info) => info.devices.map((device) => ({ ...device, runtime: info.name }))),
    jobs,
  };
}

/** Rows with aligned columns, the first row a heading; two spaces between. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

export function describeStatus(status: ClusterStatus): string {
  const sections = [`cluster ${status.cluster}, broker ${status.broker}\n`];
  const services = (name: string) =>
    status.kernelAgents
      .filter((agent) => agent.runtime === name)
      .map((agent) => agent.service)
      .join(' ');
  sections.push(
    table([
      ['RUNTIME', 'STATE', 'AGENTS', 'LOAD', 'LANGUAGES', 'LABELS', 'KERNEL AGENTS'],
      ...status.runtimes.map((r) => [
        r.name === status.self ? `${r.name} *` : r.name,
        r.state,
        r.agents === undefined ? '-' : String(r.agents),
        r.load === undefined ? '-' : r.load.toFixed(2),
        r.languages?.join(' ') || '-',
        r.labels?.map((l) => `#${l}`).join(' ') || '-',
        services(r.name) || '-',
      ]),
    ]),
  );
  if (status.devices.length > 0) {
    sections.push(
      table([
        ['DEVICE', 'RUNTIME', 'DRIVER', 'DIRECTION'],
        ...status.devices.map((d) => [
          `/dev/${d.name}`,
          d.runtime,
          d.line === undefined ? d.driver : `${d.driver} line ${d.line}`,
          d.direction,
        ]),
      ]),
    );
  }
  if (status.jobs.length > 0) {
    sections.push(
      table([
        ['JOB', 'HOME', 'STAGE', 'RUNTIME', 'STATE', 'PID'],
        ...status.jobs.flatMap((job) =>
          job.agents.map((agent, i) => [
            i === 0 ? job.job : '',
            i === 0 ? job.home : '',
            agent.text,
            agent.runtime,
            agent.state,
            agent.pid === undefined ? '-' : String(agent.pid),
          ]),
        ),
      ]),
    );
  } else sections.push('no jobs\n');
  return sections.join('\n');
}

/** @throws WireError when no runtime is up under `home`, or the kernel does not answer */
export async function printStatus(home: string, json: boolean): Promise<number> {
  const client = await openClient(home);
  try {
    const [boot, inventory, jobs] = await Promise.all([
      askKernel(client.peer, 'nameserver', { type: 'boot.get' }, 'boot'),
      askKernel(client.peer, 'scheduler', { type: 'inventory.get' }, 'inventory'),
      askKernel(client.peer, 'scheduler', { type: 'job.list' }, 'jobs'),
    ]);
    const status = makeStatus(boot.record.record, client.name, inventory.inventory.runtimes, jobs.jobs);
    process.stdout.write(json ? `${JSON.stringify(status, undefined, 2)}\n` : describeStatus(status));
    return 0;
  } finally {
    await client.close();
  }
}
