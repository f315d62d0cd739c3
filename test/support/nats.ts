/** A real nats-server with its MQTT listener for tests: a free loopback port, a directory of its own. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Mosquitto } from './mosquitto.js';
import { freePort, serverProcess } from './server-process.js';

const program = ['/usr/bin/nats-server', '/usr/sbin/nats-server', '/usr/local/bin/nats-server'].find((file) =>
  existsSync(file),
);

/** False, with a `skipped:` line, where nats-server is not installed. */
export function natsAvailable(): boolean {
  if (program === undefined) console.log('skipped: nats-server is not installed');
  return program !== undefined;
}

/** @param extra further lines of the configuration, which `configure` replaces at the next start */
export async function startNats(extra = ''): Promise<Mosquitto> {
  if (program === undefined) throw new Error('nats-server is not installed');
  const directory = await mkdtemp(path.join(tmpdir(), 'onesh-nats-'));
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
