/** A real Mosquitto for tests: generated configuration, a free loopback port, no persistence. */
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, serverProcess } from './server-process.js';

function findMosquitto(): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return directories
    .filter((directory) => directory !== '')
    .map((directory) => path.join(directory, 'mosquitto'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

let noted = false;

/** False, with one `skipped:` line, where Mosquitto is not installed. */
export function mosquittoAvailable(): boolean {
  if (findMosquitto() !== undefined) return true;
  if (!noted) console.log('skipped: mosquitto is not installed');
  noted = true;
  return false;
}

export interface Mosquitto {
  readonly url: string;
  readonly port: number;
  /** Of a nats-server: where it speaks NATS's own protocol. */
  readonly natsPort?: number;
  /** Kills it; clients see their connections go. */
  stop(): Promise<void>;
  /** Starts it again on the same port, having forgotten everything. */
  start(): Promise<void>;
  /** Other further lines of its configuration, from its next start on. */
  configure(extra: string): Promise<void>;
  /** Stops it and removes its directory. */
  close(): Promise<void>;
}

/** @param extra further lines of mosquitto.conf */
export async function startMosquitto(extra = ''): Promise<Mosquitto> {
  const program = findMosquitto();
  if (program === undefined) throw new Error('mosquitto is not installed');
  const directory = await mkdtemp(path.join(tmpdir(), 'onesh-mosquitto-'));
  const port = await freePort();
  const file = path.join(directory, 'mosquitto.conf');
  const configure = (more: string) =>
    writeFile(
      file,
      [
        `listener ${port} 127.0.0.1`,
        `allow_anonymous ${!more.includes('password_file')}`,
        'user root',
        'persistence false',
        'log_type error',
        `${more}\n`,
      ].join('\n'),
    );
  await configure(extra);
  const { start, stop } = serverProcess([program, '-c', file], port);
  await start();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    stop,
    start,
    configure,
    close: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
