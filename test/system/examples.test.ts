/** Every pipeline of examples/pipelines, run as it stands in a cluster of three, prints what its `.out` file says. */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Mosquitto, mosquittoAvailable, startMosquitto } from '../support/mosquitto.js';
import { bin, root, run, startCluster, type TestCluster } from '../support/system.js';

const test = suite('examples');
let mosquitto: Mosquitto | undefined;
let cluster: TestCluster;

test.before(async () => {
  if (mosquittoAvailable()) mosquitto = await startMosquitto();
  cluster = await startCluster(3, mosquitto?.url);
  cpSync(path.join(root, 'examples'), path.join(cluster.dir, 'examples'), { recursive: true });
});
test.after(async () => {
  await cluster.close();
  await mosquitto?.close();
});

const pipelines = path.join(root, 'examples/pipelines');
const names = readdirSync(pipelines).filter((name) => name.endsWith('.sh'));

test('there are examples, each with its output', () => {
  assert.ok(names.length >= 5);
  for (const name of names) assert.ok(existsSync(path.join(pipelines, name.replace(/\.sh$/, '.out'))), name);
});

for (const name of names) {
  test(name, async () => {
    const file = path.join(pipelines, name);
    // A #! script is run by its own line.
    const argv = readFileSync(file, 'utf8').startsWith('#!') ? [`./${name}`] : [path.join(bin, 'onesh'), name];
    const cwd = path.join(cluster.dir, 'examples/pipelines');
    const { status, stdout, stderr } = await run(argv, { cwd, env: cluster.env });
    assert.is(stderr, '');
    assert.is(stdout, readFileSync(file.replace(/\.sh$/, '.out'), 'utf8'));
    assert.is(status, 0);
  });
}

test.run();
