/** A real Mosquitto for tests: generated configuration, a free loopback port, no persistence. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

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

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    // Below those that the kernel gives to connections, of which one might take it before it is used.
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Resolves once something accepts connections on the port. */
export async function accepting(port: number, deadline = Date.now() + 5000): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      socket.destroy();
    }
  }
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
  let child: ChildProcess | undefined;
  const kill = () => child?.kill('SIGKILL');
  const stop = async () => {
    const running = child;
    child = undefined;
    process.off('exit', kill);
    if (running === undefined || running.exitCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  };
  const start = async () => {
    child = spawn(program, ['-c', file], { stdio: 'ignore' });
    process.on('exit', kill);
    await accepting(port);
  };
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
