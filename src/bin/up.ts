/**
 * `oneos up`, `join` and `down`: a runtime in the foreground until a signal, or in the background with its output in a file.
 * A background runtime is told what to do through its standard input, never its arguments: a token is a secret.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { printableUrl } from '../bus/mqtt.js';
import { fromErrorBody, toErrorBody, WireError } from '../wire/errors.js';
import { type DaemonOptions, startDaemon } from './daemon.js';
import { makeHome, readDaemon } from './home.js';
import { isAlive } from './local.js';

/** What a background runtime says of itself, once. */
type Word =
  | {
      readonly kind: 'up';
      readonly name: string;
      readonly cluster: string;
      readonly broker: string;
      readonly own: boolean;
    }
  | { readonly kind: 'failed'; readonly error: ReturnType<typeof toErrorBody> };

type UpWord = Extract<Word, { kind: 'up' }>;

/** Milliseconds until a runtime that does not come up is given up. */
const startPatience = 30_000;
/** Milliseconds a runtime has to end its agents and leave before it is killed. */
const stopPatience = 10_000;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a runtime until `stop` resolves; a second signal does not wait. */
async function serve(options: DaemonOptions, started: (word: UpWord) => void, stop: Promise<unknown>): Promise<void> {
  const signalled = new Promise<void>((resolve) => {
    for (const name of signals) process.on(name, () => resolve());
  });
  const daemon = await startDaemon(options);
  started({
    kind: 'up',
    name: daemon.name,
    cluster: daemon.cluster,
    broker: printableUrl(daemon.broker),
    own: daemon.ownBroker,
  });
  const revoked = await Promise.race([daemon.revoked.then(() => true), stop, signalled]);
  for (const name of signals) process.on(name, () => process.exit(1));
  await daemon.close();
  if (revoked === true)
    throw new WireError('EACCES', `${daemon.name} was revoked: it is no member of the cluster any more`);
}

const describe = ({ name, cluster, broker, own }: UpWord): string =>
  `runtime ${name} is up in cluster ${cluster}; ${own ? 'its broker is' : 'broker'} ${broker}\n`;

/** @throws WireError why it could not start, one line */
export async function up(options: DaemonOptions, detach: boolean): Promise<number> {
  if (!detach) {
    await serve(
      options,
      (word) => {
        process.stdout.write(`${describe(word)}Ctrl-C stops it. Add a machine with what \`oneos token\` prints.\n`);
      },
      new Promise(() => {}),
    );
    return 0;
  }
  makeHome(options.home);
  const log = openSync(path.join(options.home, 'oneos.log'), 'a', 0o600);
  const { child, word } = await spawnRuntime(options, log);
  closeSync(log);
  process.stdout.write(describe(word));
  child.disconnect();
  child.unref();
  return 0;
}

/**
 * Starts a runtime in a process of its own and waits until it is up. It stops when this process disconnects from it only if
 * `options.bound`. @throws WireError why it could not start
 */
export async function spawnRuntime(
  options: DaemonOptions & { readonly bound?: boolean },
  output: number | 'inherit',
): Promise<{ readonly child: ChildProcess; readonly word: UpWord }> {
  const child = spawn(process.execPath, [path.join(options.dist, 'oneos.cjs'), runChild.word], {
    stdio: ['pipe', output, output, 'ipc'],
    detached: true,
    cwd: '/',
  });
  child.stdin!.on('error', () => {});
  child.stdin!.end(JSON.stringify(options));
  const word = await new Promise<Word>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new WireError('ETIMEDOUT', `the runtime did not come up within ${startPatience / 1000} s`));
    }, startPatience);
    child.once('message', (message) => {
      clearTimeout(timer);
      resolve(message as Word);
    });
    child.once('error', reject);
    child.once('exit', (status, signal) => {
      clearTimeout(timer);
      reject(new WireError('EIO', `the runtime ended while starting (${signal ?? `status ${status}`})`));
    });
  });
  if (word.kind === 'failed') throw fromErrorBody(word.error);
  return { child, word };
}

/** The background process of {@link spawnRuntime}. */
export const runChild = {
  word: '--runtime',
  async main(): Promise<number> {
    const parts: Buffer[] = [];
    for await (const chunk of process.stdin) parts.push(chunk as Buffer);
    const options = JSON.parse(Buffer.concat(parts).toString()) as DaemonOptions & { bound?: boolean };
    const parentGone = new Promise<void>((resolve) => {
      if (options.bound) process.once('disconnect', resolve);
    });
    let started = false;
    const say = (word: Word): Promise<void> => new Promise((resolve) => process.send!(word, () => resolve()));
    const isUp = (word: UpWord) => {
      started = true;
      void say(word);
    };
    try {
      await serve(options, isUp, parentGone);
      return 0;
    } catch (error) {
      // Once it is up nobody listens any more; there is the log.
      if (started) throw error;
      await say({ kind: 'failed', error: toErrorBody(error) });
      return 1;
    }
  },
};

/** Ends a runtime's process: asks, and kills it when it does not go. */
export async function stopProcess(pid: number): Promise<void> {
  const deadline = performance.now() + stopPatience;
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(pid, signal);
    } catch {
      // it has gone
    }
  };
  send('SIGTERM');
  while (isAlive(pid)) {
    if (performance.now() > deadline) send('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @throws WireError ENOTCONN when none is up */
export async function down(home: string): Promise<number> {
  const daemon = readDaemon(home);
  if (daemon === undefined) throw new WireError('ENOTCONN', `no runtime is up under ${home}`);
  await stopProcess(daemon.pid);
  process.stdout.write(`runtime ${daemon.name} is down\n`);
  return 0;
}
