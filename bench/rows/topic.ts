/** A stream from one process to another through a broker, against MQTT.js publishing messages of the same size on it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import mqtt from 'mqtt';
import { connectMqtt } from '../../src/bus/mqtt.js';
import { streamLimits } from '../../src/stream/stream.js';
import { openStreams } from '../../src/stream/streams.js';
import { mosquittoAvailable, startMosquitto } from '../../test/support/mosquitto.js';
import { cluster, edgeOf, here, there } from '../edge.js';
import { alternate, medians } from '../measure.js';
import type { Row } from '../row.js';

const size = streamLimits.frame;

/** Starts the sender and gives the function that lets it go. */
async function sender(mode: 'stream' | 'bare', url: string, stream: number, messages: number): Promise<() => void> {
  const args = [mode, url, String(stream), String(messages), String(size)];
  const peer = fork(new URL('./topic-peer.mjs', import.meta.url), args, { stdio: 'inherit' });
  await once(peer, 'message');
  return () => peer.send('go');
}

/** MiB a second from `go` to the last byte. */
async function timed(messages: number, go: () => void, received: Promise<number>): Promise<number> {
  const started = performance.now();
  go();
  const bytes = await received;
  if (bytes !== messages * size) throw new Error(`${messages * size - bytes} bytes were lost`);
  return (messages * size) / 1048.576 / (performance.now() - started);
}

async function overStream(url: string, stream: number, messages: number): Promise<number> {
  const bus = await connectMqtt({ url, clientId: 'bench-reader' });
  const go = await sender('stream', url, stream, messages);
  const reader = await openStreams({ bus, cluster }).openReader(edgeOf(stream, there, here));
  const count = async () => {
    let bytes = 0;
    for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) bytes += chunk.length;
    return bytes;
  };
  const rate = await timed(messages, go, count());
  await bus.close();
  return rate;
}

async function bare(url: string, stream: number, messages: number): Promise<number> {
  const client = await mqtt.connectAsync(url, { clientId: 'bench-reader' });
  await client.subscribeAsync(`bench/${stream}`);
  const go = await sender('bare', url, stream, messages);
  const received = new Promise<number>((resolve) => {
    let bytes = 0;
    client.on('message', (_, payload) => {
      bytes += payload.length;
      if (bytes >= messages * size) resolve(bytes);
    });
  });
  const rate = await timed(messages, go, received);
  await client.endAsync();
  return rate;
}

export const topic: Row = {
  name: 'topic',
  run: async (options) => {
    if (!mosquittoAvailable()) {
      options.skip('mosquitto is not installed');
      return [];
    }
    const messages = (options.quick ? 16 << 20 : 512 << 20) / size;
    // Without limits on its queues Mosquitto drops nothing, which MQTT.js alone would not notice.
    const mosquitto = await startMosquitto('max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\n');
    let n = 0;
    const results = await alternate(
      {
        onesh: () => overStream(mosquitto.url, ++n, messages),
        'MQTT.js': () => bare(mosquitto.url, ++n, messages),
      },
      options.quick ? 1 : 7,
    );
    await mosquitto.close();
    return [
      {
        row: `stream through Mosquitto, ${size >> 10} KiB messages`,
        unit: 'MiB/s',
        medians: medians(results),
        targets: [{ against: 'MQTT.js', limit: 0.85, is: 'at least' }],
      },
    ];
  },
};
