/** One runtime as a process of its own, for the contract suite: told what it is in its environment, ends with its input. */
import { parseKeys } from '../../../src/bus/identity.js';
import { connectMqtt } from '../../../src/bus/mqtt.js';
import { createPeer, sealMessage } from '../../../src/bus/peer.js';
import { keepDescriptors } from '../../../src/host/libc.js';
import { setModuleRoot } from '../../../src/host/modules.js';
import { startRuntime } from '../../../src/runtime/index.js';
import { startMesh } from '../../../src/stream/direct/mesh.js';
import { openStreams } from '../../../src/stream/streams.js';
import type { RuntimeStatus } from '../../../src/wire/messages.js';
import { topics } from '../../../src/wire/topics.js';
import type { MachineOptions } from './lab.js';

const options = JSON.parse(process.env.MACHINE ?? '') as MachineOptions;
delete process.env.MACHINE;
const { name, url, cluster, pem, publicKeys, home, contextFile, root, waiting } = options;
setModuleRoot(`${root}/package.json`);
keepDescriptors();
const self = { runtime: name };
const mine = parseKeys(pem, name);
const incarnation = Date.now();
const topic = topics.runtimeStatus(cluster, name);
const gone: RuntimeStatus = { type: 'runtime.status', state: 'offline', name, incarnation };
const bus = await connectMqtt({
  url,
  clientId: name,
  will: { topic, payload: sealMessage({ self, keys: mine }, topic, gone), qos: 1, retain: true },
});
const peer = await createPeer({ bus, cluster, self, keys: mine, publicKeyOf: (who) => publicKeys[who] });
const publicKeyOf = (who: string) => publicKeys[who];
const mesh = await startMesh({ peer, keys: mine, publicKeyOf, listen: { host: '127.0.0.1' } });
const runtime = await startRuntime({
  peer,
  streams: openStreams({ bus, cluster, paths: mesh }),
  config: { name, labels: [], devices: [] },
  home,
  kernel: false,
  incarnation,
  contextFile,
  waiting,
  shell: ['/bin/sh'],
  version: 'test',
});
process.stdout.write('ready\n');
process.stdin.resume();
process.stdin.on('end', async () => {
  await runtime.close();
  await mesh.close();
  process.exit(0);
});
