/** A real nats-server with its MQTT listener for tests: a free loopback port, a directory of its own. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Mosquitto } from './mosquitto.js';
import { freePort, type ServerProcess, serverProcess } from './server-process.js';
import { until } from './system.js';

const program = ['/usr/bin/nats-server', '/usr/sbin/nats-server', '/usr/local/bin/nats-server'].find((file) =>
  existsSync(file),
);

/** False, with a `skipped:` line, where nats-server is not installed. */
export function natsAvailable(): boolean {
  if (program === undefined) console.log('skipped: nats-server is not installed');
  return program !== undefined;
}

/**
 * @param extra further lines of the configuration, which `configure` replaces at the next start
 * @param parent what those lines include is there; made elsewhere by default
 */
export async function startNats(extra = '', parent?: string): Promise<Mosquitto> {
  if (program === undefined) throw new Error('nats-server is not installed');
  const directory = parent ?? (await mkdtemp(path.join(tmpdir(), 'onesh-nats-')));
  const [port, mqtt] = [await freePort(), await freePort()];
  const file = path.join(directory, 'nats.conf');
  const configure = (more: string) =>
    writeFile(
      file,
      [
        `server_name: test\nlisten: "127.0.0.1:${port}"`,
        `jetstream { store_dir: ${JSON.stringify(path.join(directory, 'store'))} }`,
        `mqtt { listen: "127.0.0.1:${mqtt}" }`,
        more,
        '',
      ].join('\n'),
    );
  const { start, stop } = serverProcess([program, '-c', file], mqtt);
  await configure(extra);
  await start();
  return {
    url: `mqtt://127.0.0.1:${mqtt}`,
    port: mqtt,
    natsPort: port,
    stop,
    start,
    configure,
    close: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** nats-servers that are one cluster: each is killed, paused and started again by its number, from 0. */
export interface NatsCluster {
  /** For `--engine`. */
  readonly engine: string;
  /** MQTT listeners of all, with commas between them. */
  readonly mqtt: string;
  readonly servers: readonly ServerProcess[];
  /** Resolves once every server has all of what is kept: one that is lost now is not missed. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** A server with a configuration file of one's own, not started yet. */
export function natsServer(file: string, port: number, host?: string): ServerProcess {
  if (program === undefined) throw new Error('nats-server is not installed');
  return serverProcess([program, '-c', file], port, host);
}

/** Three servers with JetStream and MQTT listeners. @param extra further lines of each configuration */
export async function startNatsCluster(extra = ''): Promise<NatsCluster> {
  if (program === undefined) throw new Error('nats-server is not installed');
  const directory = await mkdtemp(path.join(tmpdir(), 'onesh-nats-'));
  const numbers = [0, 1, 2];
  const ports = await Promise.all(
    numbers.map(async () => ({ nats: await freePort(), mqtt: await freePort(), routes: await freePort() })),
  );
  const servers = await Promise.all(
    ports.map(async ({ nats, mqtt, routes }, i) => {
      const file = path.join(directory, `${i}.conf`);
      await writeFile(
        file,
        [
          `server_name: n${i}\nlisten: "127.0.0.1:${nats}"`,
          `jetstream { store_dir: ${JSON.stringify(path.join(directory, `store${i}`))} }`,
          `mqtt { listen: "127.0.0.1:${mqtt}" }`,
          `cluster { name: test, listen: "127.0.0.1:${routes}"`,
          `  routes: [${ports.map((each) => `"nats://127.0.0.1:${each.routes}"`).join(', ')}] }`,
          extra,
          '',
        ].join('\n'),
      );
      return natsServer(file, nats);
    }),
  );
  await Promise.all(servers.map((server) => server.start()));
  return {
    engine: ports.map(({ nats }) => `nats://127.0.0.1:${nats}`).join(','),
    mqtt: ports.map(({ mqtt }) => `mqtt://127.0.0.1:${mqtt}`).join(','),
    servers,
    settled: () => settled(ports.map(({ nats }) => `127.0.0.1:${nats}`)),
    close: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function settled(servers: string[]): Promise<void> {
  const connection = await connect({ servers });
  try {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const isWhole = async () => {
      try {
        const streams = await manager.streams.list().next();
        return streams.every(({ cluster }) => cluster?.replicas?.filter(({ current }) => current).length === 2);
      } catch {
        return false; // no leader yet
      }
    };
    await until(isWhole, 'the servers have the same');
  } finally {
    await connection.close();
  }
}
