import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Bus } from '../../src/bus/bus.js';
import { connectMqtt } from '../../src/bus/mqtt.js';
import { openStreams } from '../../src/stream/streams.js';
import { newClusterId } from '../../src/wire/ids.js';
import type { BusLab } from '../bus/contract.js';
import { makeEdge } from '../support/edges.js';
import { aedesLab, memoryLab, mosquittoLab } from '../support/labs.js';
import { lossy } from '../support/lossy.js';
import { mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { chunks, digest, drain, type StreamLab, streamContract } from './contract.js';

const cluster = newClusterId();

/** Streams between two clients of a bus. */
function over(open: () => Promise<BusLab>, wrap: (bus: Bus) => Bus = (bus) => bus): () => Promise<StreamLab> {
  return async () => {
    const lab = await open();
    const [a, b] = [wrap(await lab.connect()), wrap(await lab.connect())];
    return {
      stream: (options = {}) => {
        const edge = makeEdge();
        return {
          writer: () => openStreams({ bus: a, cluster }).openWriter(edge, options),
          reader: () => openStreams({ bus: b, cluster }).openReader(edge, options),
        };
      },
      close: async () => {
        await a.close();
        await b.close();
        await lab.close();
      },
    };
  };
}

streamContract('memory topics', over(memoryLab));
for (const seed of [1, 2]) {
  let n = 0;
  streamContract(
    `lossy memory topics, seed ${seed}`,
    over(memoryLab, (bus) => lossy(bus, seed * 100 + ++n)),
    3,
  );
}
streamContract('Aedes topics', over(aedesLab));
if (mosquittoAvailable()) streamContract('Mosquitto topics', over(mosquittoLab));

const test = suite('stream over a broker that restarts');
if (mosquittoAvailable()) {
  test('every byte arrives once, in order', async () => {
    const mosquitto = await startMosquitto();
    const connect = (clientId: string) => connectMqtt({ url: mosquitto.url, clientId });
    const [a, b] = [await connect('a'), await connect('b')];
    const edge = makeEdge();
    const writer = openStreams({ bus: a, cluster }).openWriter(edge);
    const reader = await openStreams({ bus: b, cluster }).openReader(edge);
    const hash = digest();
    const total = 24 << 20;
    const got = drain(reader);
    let written = 0;
    let restarts = 0;
    for (const chunk of chunks(total, 200_000, 11)) {
      hash.update(chunk);
      await writer.write(chunk);
      written += chunk.length;
      if (written > (total / 4) * (restarts + 1) && restarts < 3) {
        restarts += 1;
        // In mid-stream: the writer does not know how much of this got through.
        void mosquitto.stop().then(() => mosquitto.start());
      }
    }
    await writer.end();
    assert.equal(await got, { length: total, hash: hash.digest('hex') });
    assert.is(restarts, 3);
    await a.close();
    await b.close();
    await mosquitto.close();
  });
} else test.skip('Mosquitto', () => undefined);

test.run();
