/** What every carrier of a stream keeps. */
import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type StreamReader, type StreamWriter, streamLimits } from '../../src/stream/stream.js';
import { WireError } from '../../src/wire/errors.js';
import { random } from '../support/lossy.js';

/** Bytes that a kernel pipe holds, pipe(7), and as much in whoever reads or writes it. */
const pipeBuffer = 64 << 10;

/** One stream, not open yet. */
export interface StreamCase {
  writer(): StreamWriter;
  reader(): Promise<StreamReader>;
}

export interface StreamLab {
  /**
   * A kernel pipe is part of the way. It knows no reasons (a broken stream is an end), no silence, and that its reader has gone
   * only when something is written; and it has a buffer of its own.
   */
  readonly piped?: boolean;
  /** `peerTimeoutMs`: how long a silent peer is waited for. */
  stream(options?: { readonly peerTimeoutMs?: number }): StreamCase;
  close(): Promise<void>;
}

export const digest = () => createHash('sha256');

/** Chunks of pseudo-random sizes and content, `total` bytes in all. */
export function* chunks(total: number, largest: number, seed: number): Generator<Buffer> {
  const next = random(seed);
  const pool = Buffer.from(Array.from({ length: 1 << 16 }, () => next() * 256));
  for (let left = total; left > 0; ) {
    const size = Math.min(left, 1 + Math.floor(next() ** 3 * largest));
    const chunk = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; ) at += pool.copy(chunk, at, Math.floor(next() * 1000));
    left -= size;
    yield chunk;
  }
}

export async function drain(reader: StreamReader): Promise<{ length: number; hash: string }> {
  const hash = digest();
  let length = 0;
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { length, hash: hash.digest('hex') };
}

const code = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => assert.unreachable('did not fail'),
    (e: unknown) => e,
  );
  assert.instance(error, WireError);
  return (error as WireError).code;
};

/** Reads until the stream breaks. */
const readAll = async (reader: StreamReader): Promise<void> => {
  while ((await reader.read()) !== undefined);
};

export function streamContract(name: string, open: () => Promise<StreamLab>, megabytes = 8, roundTrips = 50): void {
  const test = suite(`stream over ${name}`);
  let lab: StreamLab;
  test.before(async () => {
    lab = await open();
  });
  test.after(() => lab.close());

  for (const [what, total, largest] of [
    ['large chunks', megabytes << 20, 300_000],
    ['small chunks', megabytes << 14, 200],
    ['no byte', 0, 1],
    ['one byte', 1, 1],
  ] as const) {
    test(`${what} arrive as they were sent`, async () => {
      const stream = lab.stream();
      const [writer, reader] = [stream.writer(), await stream.reader()];
      const got = drain(reader);
      const hash = digest();
      for (const chunk of chunks(total, largest, 7)) {
        hash.update(chunk);
        await writer.write(chunk);
      }
      await writer.end();
      assert.equal(await got, { length: total, hash: hash.digest('hex') });
      assert.is(await writer.closed, undefined);
      assert.is(await reader.read(), undefined, 'the end stays the end');
      assert.is(await code(writer.write(Buffer.from('x'))), 'EBADF');
    });
  }

  test('nothing is lost when the writer opens first, or has ended before the reader comes', async () => {
    const stream = lab.stream();
    const writer = stream.writer();
    await writer.write(Buffer.from('first '));
    await writer.write(Buffer.from('second'));
    const ended = writer.end();
    const reader = await stream.reader();
    let text = '';
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) text += Buffer.from(chunk);
    assert.is(text, 'first second');
    await ended;
  });

  test('a small chunk does not wait for more', async () => {
    const [there, back] = [lab.stream(), lab.stream()];
    const [a, b] = [there.writer(), back.writer()];
    const [atB, atA] = [await there.reader(), await back.reader()];
    for (let i = 0; i < roundTrips; i++) {
      await a.write(Buffer.from([i]));
      assert.equal([...(await atB.read())!], [i]);
      await b.write(Buffer.from([i]));
      assert.equal([...(await atA.read())!], [i]);
    }
    await Promise.all([a.end(), b.end(), atB.read(), atA.read()]);
  });

  /** A pipe learns that nobody reads by writing. */
  const untilBroken = async (writer: StreamWriter): Promise<void> => {
    for (;;) {
      await writer.write(Buffer.from('x'));
      await new Promise(setImmediate);
    }
  };

  test('a slow reader stops a fast writer', async () => {
    const stream = lab.stream();
    const [writer, reader] = [stream.writer(), await stream.reader()];
    const chunk = Buffer.alloc(10_000);
    let written = 0;
    let read = 0;
    let ahead = 0;
    const total = (lab.piped ? 6 : 3) * streamLimits.window;
    const writing = (async () => {
      while (written < total) {
        written += chunk.length;
        await writer.write(chunk);
      }
      await writer.end();
    })();
    for (let got = await reader.read(); got !== undefined; got = await reader.read()) {
      ahead = Math.max(ahead, written - read);
      read += got.length;
      if (read % 7 === 0) await new Promise(setImmediate);
    }
    await writing;
    assert.is(read, written);
    const most = streamLimits.window + streamLimits.frame + 2 * chunk.length;
    assert.ok(ahead <= (lab.piped ? 2 * most + 4 * pipeBuffer : most), `${ahead} bytes ahead`);
  });

  test('a reader that goes breaks the writer with EPIPE', async () => {
    const stream = lab.stream();
    const [writer, reader] = [stream.writer(), await stream.reader()];
    await writer.write(Buffer.from('x'));
    await reader.read();
    reader.cancel();
    reader.cancel();
    if (lab.piped) await untilBroken(writer).catch(() => undefined);
    assert.is(((await writer.closed) as WireError).code, 'EPIPE');
    assert.is(await code(writer.write(Buffer.from('y'))), 'EPIPE');
    assert.is(await code(writer.end()), 'EPIPE');
  });

  test('a reader that goes releases a writer that waits for credit', async () => {
    const stream = lab.stream();
    const [writer, reader] = [stream.writer(), await stream.reader()];
    const waiting = code(
      (async () => {
        for (;;) await writer.write(Buffer.alloc(streamLimits.frame));
      })(),
    );
    await reader.read();
    reader.cancel();
    assert.is(await waiting, 'EPIPE');
  });

  test('a writer that aborts gives the reader its reason', async () => {
    const stream = lab.stream();
    const [writer, reader] = [stream.writer(), await stream.reader()];
    await writer.write(Buffer.from('x'));
    await reader.read();
    const reading = reader.read().catch((e: unknown) => e);
    writer.abort(new WireError('EHOSTDOWN', 'runtime pi2 lost'));
    const error = (await reading) as WireError;
    if (lab.piped) assert.is(error, undefined, 'a broken stream is an end');
    else {
      assert.equal([error.code, error.message], ['EHOSTDOWN', 'runtime pi2 lost']);
      assert.is(await code(reader.read()), 'EHOSTDOWN');
    }
    assert.is(((await writer.closed) as WireError).code, 'EHOSTDOWN');
  });

  test('an idle stream lives, a silent peer does not', async () => {
    if (lab.piped) return;
    const peerTimeoutMs = 240;
    const idle = lab.stream({ peerTimeoutMs });
    const [writer, reader] = [idle.writer(), await idle.reader()];
    const alone = [
      code(readAll(await lab.stream({ peerTimeoutMs }).reader())),
      code(lab.stream({ peerTimeoutMs }).writer().end()),
      code(
        (async () => {
          const lonely = lab.stream({ peerTimeoutMs }).writer();
          for (;;) await lonely.write(Buffer.alloc(streamLimits.frame));
        })(),
      ),
    ];
    assert.equal(await Promise.all(alone), ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT']);
    await writer.write(Buffer.from('still here'));
    assert.is(Buffer.from((await reader.read())!).toString(), 'still here');
    await Promise.all([writer.end(), reader.read()]);
  });

  test.run();
}
