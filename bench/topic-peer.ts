/**
 * The sending process of the broker row: `topic-peer stream|bare URL STREAM MESSAGES SIZE`. Says `ready` to its parent, sends
 * when told `go`, as a stream over topics or with MQTT.js alone.
 */
import { once } from 'node:events';
import mqtt from 'mqtt';
import { connectMqtt } from '../src/bus/mqtt.js';
import { openStreams } from '../src/stream/streams.js';
import { cluster, edgeOf, here, there } from './edge.js';

const [mode, url, stream, messages, size] = process.argv.slice(2) as [string, string, string, string, string];
const message = Buffer.alloc(Number(size), 'onesh ');
const count = Number(messages);

async function sendStream(): Promise<void> {
  const bus = await connectMqtt({ url, clientId: 'bench-writer' });
  const writer = openStreams({ bus, cluster }).openWriter(edgeOf(Number(stream), there, here));
  process.send?.('ready');
  await once(process, 'message');
  for (let i = 0; i < count; i++) await writer.write(message);
  await writer.end();
  await bus.close();
}

async function sendBare(): Promise<void> {
  const client = await mqtt.connectAsync(url, { clientId: 'bench-writer' });
  process.send?.('ready');
  await once(process, 'message');
  // The callback says that the connection took the message: the publisher's only flow control.
  for (let i = 0; i < count; i++) await client.publishAsync(`bench/${stream}`, message);
  await client.endAsync();
}

await (mode === 'stream' ? sendStream() : sendBare());
process.disconnect();
