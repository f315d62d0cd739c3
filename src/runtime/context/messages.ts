/** Messages between a Node.js program and its child on another machine. */
import type { ChildProcess } from 'node:child_process';
import type { ChildSpec } from '../children.js';
import type { AnyFunction } from './arguments.js';
import type { Channel } from './channel.js';
import { notAvailable, systemError } from './error.js';
import { makeCodec, type Serialization } from './serialize.js';

/** What tells a Node.js program that it has somebody to send messages to. */
export const withMessages = (spec: ChildSpec, { fd, serialization }: MessagesAt): ChildSpec => ({
  ...spec,
  messages: fd,
  env: { ...spec.env, NODE_CHANNEL_FD: String(fd), NODE_CHANNEL_SERIALIZATION_MODE: serialization },
});

/** The descriptor for messages, and how they are written. */
export interface MessagesAt {
  readonly fd: number;
  readonly serialization: Serialization;
}

const closedError = (): Error => Object.assign(new Error('Channel closed'), { code: 'ERR_IPC_CHANNEL_CLOSED' });

/** Gives a child `send`, `disconnect` and the events that go with them. Resolves when no message will come any more. */
export function installMessages(
  channel: Channel,
  child: ChildProcess,
  handle: number,
  serialization: Serialization,
): Promise<void> {
  const codec = makeCodec(serialization);
  let markOver: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    markOver = resolve;
  });
  let connected = true;
  const disconnect = (): void => {
    if (!connected) return;
    connected = false;
    Object.assign(child, { connected: false, channel: null });
    void channel.call('device.close', [handle]);
    process.nextTick(() => {
      child.emit('disconnect');
      markOver();
    });
  };

  const send = (message: unknown, ...given: unknown[]): boolean => {
    const callback = given.find((each) => typeof each === 'function') as AnyFunction | undefined;
    if (message === undefined)
      throw Object.assign(new TypeError('The "message" argument must be specified'), { code: 'ERR_MISSING_ARGS' });
    if (given[0] !== undefined && given[0] !== null && given[0] !== callback)
      throw notAvailable('sending a handle to a child of another machine');
    const fail = (error: Error): void => {
      if (callback !== undefined) callback(error);
      else child.emit('error', error);
    };
    if (!connected) {
      process.nextTick(fail, closedError());
      return false;
    }
    const bytes = codec.encode(message);
    channel.call('device.write', [handle], bytes).then(({ head }) => {
      if (head.error === undefined) callback?.(null);
      else if (connected) fail(systemError(head.error.code, { syscall: 'write' }, head.error.message));
    });
    return true;
  };

  const listen = async (): Promise<void> => {
    for (;;) {
      const { head, bytes } = await channel.call('device.read', [handle, 65_536]);
      if (head.error !== undefined || bytes.length === 0 || !connected) break;
      for (const message of codec.decode(bytes)) {
        const internal = /^NODE_/.test(String((message as { cmd?: unknown } | null)?.cmd ?? ''));
        // What a listener throws is an uncaught exception.
        process.nextTick(() => child.emit(internal ? 'internalMessage' : 'message', message, undefined));
      }
    }
    disconnect();
  };

  Object.assign(child, {
    connected: true,
    channel: { ref: () => channel.hold(), unref: () => channel.unhold() },
    send,
    disconnect: () => {
      if (connected) disconnect();
      else
        child.emit(
          'error',
          Object.assign(new Error('IPC channel is already disconnected'), { code: 'ERR_IPC_DISCONNECTED' }),
        );
    },
  });
  void listen();
  return over;
}
