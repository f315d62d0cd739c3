/**
 * Ends of streams that know of their peer's machine by more than its silence: when it is lost they break at once. A stream by
 * itself waits for as long as a broker takes to restart.
 */
import type { WireError } from '../wire/errors.js';
import type { RuntimeName } from '../wire/ids.js';
import type { StreamReader, StreamWriter } from './stream.js';

/** Calls `handler` when a runtime is lost; returns the function that stops it. */
export type WhenLost = (runtime: RuntimeName, handler: (reason: WireError) => void) => () => void;

/** What has arrived can still be read; then `read` throws EHOSTDOWN. */
export function readUntilLost(reader: StreamReader, runtime: RuntimeName, whenLost: WhenLost): StreamReader {
  let reason: WireError | undefined;
  let fail: (error: Error) => void = () => {};
  const stop = whenLost(runtime, (error) => {
    reason = error;
    fail(error);
  });
  return {
    read: () =>
      new Promise((resolve, reject) => {
        fail = reject;
        reader.read().then(
          (chunk) => {
            if (chunk === undefined) stop();
            resolve(chunk);
          },
          (error) => {
            stop();
            reject(error);
          },
        );
        // After what is at hand.
        if (reason !== undefined) Promise.reject(reason).catch(reject);
      }),
    cancel: () => {
      stop();
      reader.cancel();
    },
  };
}

/** Breaks with EHOSTDOWN, unless it has ended. */
export function writeUntilLost(writer: StreamWriter, runtime: RuntimeName, whenLost: WhenLost): StreamWriter {
  const stop = whenLost(runtime, (reason) => writer.abort(reason));
  void writer.closed.then(stop);
  return writer;
}
