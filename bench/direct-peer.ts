/**
 * The receiving process of the direct row: `direct-peer`, told its keys by its parent. Takes streams in, counting or echoing their
 * bytes, and does the same on a bare TLS socket: a first byte of 1 asks for an echo of every chunk.
 */
import { once } from 'node:events';
import { createServer } from 'node:tls';
import { parseKeys } from '../src/bus/identity.js';
import { bareIdentity, makeNode } from './direct-node.js';
import { edgeOf, here, there } from './edge.js';

/** What the parent asks for: a stream to take in, and one to echo it on. */
export interface Ask {
  readonly stream: number;
  readonly echo?: number;
}

const [{ pem, publicKeys }] = (await once(process, 'message')) as [{ pem: string; publicKeys: Record<string, string> }];
const keys = parseKeys(pem, 'bench');
const node = await makeNode(there, keys, publicKeys);
const server = createServer(bareIdentity(keys), (socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  let echo: boolean | undefined;
  socket.on('data', (data: Buffer) => {
    echo ??= data[0] === 1;
    if (echo) socket.write(data);
  });
  socket.on('end', () => socket.end());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

process.on('message', async ({ stream, echo }: Ask) => {
  const reader = await node.streams.openReader(edgeOf(stream, here, there));
  const writer = echo === undefined ? undefined : node.streams.openWriter(edgeOf(echo, there, here));
  process.send?.('ready');
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) await writer?.write(chunk);
  await writer?.end();
});
process.send?.({ contact: node.mesh.contact(), bare: (server.address() as { port: number }).port });
process.on('disconnect', () => process.exit());
