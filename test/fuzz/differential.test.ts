import { suite } from 'uvu';
import { compare, peers } from './differential.js';

const test = suite('random scripts');
for (const peer of peers) {
  if (!peer.installed) console.log(`skipped: ${peer.name} is not installed`);
  (peer.installed ? test : test.skip)(`do on onesh as on ${peer.name}`, () =>
    compare(peer, peer.name === 'dash' ? 100 : 50, 20241001),
  );
}
test.run();
