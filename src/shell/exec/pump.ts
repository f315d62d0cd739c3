/** Streams of the cluster joined to descriptors of this shell. */
import { isDeserted, whenReady } from '../../host/poll.js';
import type { StreamReader, StreamWriter } from '../../stream/stream.js';
import type { Activity, OpenFile } from '../files.js';

/**
 * Stream -> open file until either ends; gives up its reference to the file. Never rejects: a file that takes no more stops
 * the stream, a stream that breaks is the end of the file. `broken` ends it from outside (its machine is lost); `told` hears why
 * the stream broke, while somebody reads the file.
 */
export async function feedFrom(
  reader: StreamReader,
  file: OpenFile,
  activity: Activity,
  broken?: Promise<void>,
  told?: (error: unknown) => void,
): Promise<void> {
  activity.concurrent += 1;
  void broken?.then(() => reader.cancel());
  const next = () =>
    reader.read().catch((error) => {
      if (told !== undefined && !isDeserted(file.hostFd())) told(error);
      return undefined;
    });
  try {
    for (let chunk = await next(); chunk !== undefined; chunk = await next()) await file.write(chunk, activity);
  } catch {
    // the file is gone (EPIPE)
  } finally {
    reader.cancel();
    activity.concurrent -= 1;
    file.release();
  }
}

/**
 * Open file -> stream until end of file; gives up its reference to the file. Ends early, without reading further, when the
 * stream's reader has gone: what it did not take stays in the file.
 * @throws the stream's error, unless its reader has gone
 */
export async function drainTo(writer: StreamWriter, file: OpenFile, activity: Activity): Promise<void> {
  activity.concurrent += 1;
  const gone = new AbortController();
  void writer.closed.then(() => gone.abort());
  try {
    for (;;) {
      await whenReady(file.hostFd(), 'read', gone.signal);
      if (gone.signal.aborted) {
        const reason = await writer.closed;
        if (reason !== undefined) throw reason;
        break;
      }
      const buffer = Buffer.allocUnsafe(65536);
      const got = await file.read(buffer, activity);
      if (got === 0) {
        await writer.end();
        break;
      }
      await writer.write(buffer.subarray(0, got));
    }
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') {
      writer.abort();
      throw error;
    }
  } finally {
    activity.concurrent -= 1;
    file.release();
  }
}
