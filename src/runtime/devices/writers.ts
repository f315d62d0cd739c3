/** The writing side of each device driver. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Bus } from '../../bus/bus.js';
import type { StreamWriter } from '../../stream/stream.js';
import { WireError } from '../../wire/errors.js';
import { makeWriter } from '../host-files.js';
import type { CommandConfig, MqttConfig } from './config.js';
import type { GpioLine } from './gpio-line.js';
import { deviceBus } from './sources.js';

/** A line longer than this, in bytes, is not a message. */
const longestLine = 1 << 20;

/** Cuts what is written into lines. */
function lines(each: (line: Buffer) => Promise<void>): {
  add(chunk: Uint8Array): Promise<void>;
  flush(): Promise<void>;
} {
  let rest: Buffer = Buffer.alloc(0);
  return {
    async add(chunk) {
      rest = Buffer.concat([rest, chunk]);
      let from = 0;
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10, from)) {
        await each(rest.subarray(from, at));
        from = at + 1;
      }
      rest = rest.subarray(from);
      if (rest.length > longestLine) throw new WireError('EMSGSIZE', 'a line is longer than 1 MiB');
    },
    async flush() {
      if (rest.length > 0) await each(rest);
      rest = Buffer.alloc(0);
    },
  };
}

/** Each line is a message of the topic. @throws WireError when the broker cannot be reached */
export async function openMqttWriter(config: MqttConfig, own: Bus): Promise<StreamWriter> {
  const { bus, close } = await deviceBus(config, own);
  const cut = lines((line) => bus.publish(config.topic, Buffer.from(line), { qos: 1 }));
  return makeWriter(
    (chunk) => cut.add(chunk),
    async () => {
      await cut.flush();
      await close();
    },
  );
}

/** The command's standard input; the end waits for the command's. `started` is called with its process. */
export async function openCommandWriter(
  config: CommandConfig,
  started: (child: ChildProcess) => void,
): Promise<StreamWriter> {
  const child = spawn(config.argv[0]!, config.argv.slice(1), { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
  await once(child, 'spawn');
  started(child);
  const ended = once(child, 'close');
  const input = child.stdin!;
  input.on('error', () => {});
  return makeWriter(
    (chunk) =>
      new Promise<void>((resolve, reject) => {
        input.write(chunk, (error) => (error ? reject(new WireError('EPIPE', 'the command has ended')) : resolve()));
      }),
    async () => {
      input.end();
      await ended;
    },
  );
}

/** Every `0` or `1` in what is written sets the line; all else is passed over. */
export function lineWriter(line: GpioLine): StreamWriter {
  return makeWriter(
    (chunk) => {
      for (const character of chunk) if (character === 48 || character === 49) line.write(character === 49 ? 1 : 0);
    },
    () => {},
  );
}
