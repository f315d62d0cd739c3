/** Streams whose peer's machine is lost: nobody waits for them, and nothing that has arrived is lost. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStreams } from '../../src/stream/streams.js';
import { readUntilLost, type WhenLost, writeUntilLost } from '../../src/stream/until-lost.js';
import { WireError } from '../../src/wire/errors.js';
import { newClusterId, type RuntimeName } from '../../src/wire/ids.js';
import { makeEdge } from '../support/edges.js';
import { memoryLab } from '../support/labs.js';

const test = suite('streams until a machine is lost');
const pi2 = 'pi2' as RuntimeName;
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    (error: WireError) => error.code,
  );

function presence() {
  const handlers = new Set<(reason: WireError) => void>();
  const whenLost: WhenLost = (_, handler) => {
    handlers.add(handler);
    return () => handlers.delete(handler);
  };
  const lose = () => {
    for (const each of [...handlers]) each(new WireError('EHOSTDOWN', 'pi2 is down'));
  };
  return { handlers, whenLost, lose };
}

test('a reader that waits is told; one that has something to read reads that first', async () => {
  const lab = await memoryLab();
  const bus = await lab.connect();
  const streams = openStreams({ bus, cluster: newClusterId() });
  const { handlers, whenLost, lose } = presence();
  const open = async () => {
    const edge = makeEdge();
    const writer = streams.openWriter(edge);
    return { writer, reader: readUntilLost(await streams.openReader(edge), pi2, whenLost) };
  };
  const [waits, half, whole] = [await open(), await open(), await open()];
  const waiting = waits.reader.read();
  await half.writer.write(Buffer.from('half'));
  await whole.writer.write(Buffer.from('who'));
  await whole.writer.write(Buffer.from('le'));
  await whole.writer.end();
  assert.is(String(await half.reader.read()), 'half');
  await half.writer.write(Buffer.from('more'));
  lose();
  assert.is(await code(waiting), 'EHOSTDOWN');
  let text = '';
  for (let chunk = await whole.reader.read(); chunk !== undefined; chunk = await whole.reader.read()) text += chunk;
  assert.is(text, 'whole');
  assert.is(String(await half.reader.read()), 'more');
  assert.is(await code(half.reader.read()), 'EHOSTDOWN');
  half.reader.cancel();
  waits.reader.cancel();
  assert.is(handlers.size, 0, 'nobody listens for the sake of streams that are over');
  assert.is(((await half.writer.closed) as WireError).code, 'EPIPE');
  await bus.close();
  await lab.close();
});

test('a writer that nobody reads is told, and one that has ended is left alone', async () => {
  const lab = await memoryLab();
  const bus = await lab.connect();
  const streams = openStreams({ bus, cluster: newClusterId() });
  const { handlers, whenLost, lose } = presence();
  const edge = makeEdge();
  const ended = writeUntilLost(streams.openWriter(edge), pi2, whenLost);
  const reader = await streams.openReader(edge);
  const last = reader.read();
  await ended.end();
  assert.is(await last, undefined);
  const unread = writeUntilLost(streams.openWriter(makeEdge()), pi2, whenLost);
  const end = code(unread.write(Buffer.from('x')).then(() => unread.end()));
  lose();
  assert.is(await end, 'EHOSTDOWN');
  assert.is(((await unread.closed) as WireError).code, 'EHOSTDOWN');
  assert.is(await ended.closed, undefined);
  assert.is(handlers.size, 0);
  await bus.close();
  await lab.close();
});

test.run();
