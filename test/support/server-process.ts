/** Servers that are programs of their own, for tests: on a free loopback port, killed and started again at will. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

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
async function accepting(port: number, host: string, deadline = Date.now() + 5000): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
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

export interface ServerProcess {
  /** Resolves once it accepts connections. */
  start(): Promise<void>;
  /** Kills it; clients see their connections go. */
  stop(): Promise<void>;
}

/** A program that listens on `port`, not started yet. It ends with this process. */
export function serverProcess(argv: readonly string[], port: number, host = '127.0.0.1'): ServerProcess {
  let child: ChildProcess | undefined;
  const kill = () => child?.kill('SIGKILL');
  return {
    start: async () => {
      child = spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' });
      process.on('exit', kill);
      await accepting(port, host);
    },
    stop: async () => {
      const running = child;
      child = undefined;
      process.off('exit', kill);
      if (running === undefined || running.exitCode !== null) return;
      running.kill('SIGKILL');
      await once(running, 'exit');
    },
  };
}
