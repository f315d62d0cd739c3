import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCoordination } from '../../src/kernel/coordination/embedded.js';
import { codeOf, contract } from './contract.js';

const root = process.env.ONESH_ROOT ?? process.cwd();
const temporary = () => mkdtempSync(path.join(os.tmpdir(), 'onesh-kernel-'));
const directories: string[] = [];
process.on('exit', () => {
  for (const each of directories) rmSync(each, { recursive: true, force: true });
});
const fresh = () => {
  const directory = temporary();
  directories.push(directory);
  return directory;
};
contract('in memory', () => openCoordination(undefined));
contract('on disk', () => openCoordination(path.join(fresh(), 'cluster')));

const test = suite('coordination on disk, killed');

test('what is on disk is there for the next one; what is damaged is said', async () => {
  const directory = fresh();
  const first = await openCoordination(directory);
  await first.put('boot', { a: 1 }, 0);
  await first.remove('jobs/a', await first.put('jobs/a', 1, 0));
  await first.put('jobs/b', 2, 0);
  const second = await openCoordination(directory);
  const boot = (await second.get('boot'))!;
  assert.equal(boot.value, { a: 1 });
  assert.equal(
    (await second.list('jobs')).map(({ value }) => value),
    [2],
  );
  await second.put('boot', { a: 2 }, boot.revision);
  writeFileSync(path.join(directory, 'boot.json'), '{"a":');
  assert.is(await codeOf(openCoordination(directory)), 'EBADMSG');
});

/** Numbers in [0, 1) from a seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Kills one writer after `lines` acknowledgements and `wait` ms more; returns all it has said. */
async function killWriter(file: string, directory: string, lines: number, wait: number): Promise<string[]> {
  const child = spawn(process.execPath, [file, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (timer === undefined && text.split('\n').length > lines + 1)
      timer = setTimeout(() => child.kill('SIGKILL'), wait);
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.is(signal, 'SIGKILL');
  // A line that was cut off is no acknowledgement.
  return text.split('\n').slice(0, -1);
}

const seed = 20_261_127;
const kills = 200;
const lanes = 4;

test(`${kills} writers killed at random instants have lost nothing acknowledged (seed ${seed})`, async () => {
  const file = path.join(fresh(), 'writer.cjs');
  await esbuild.build({
    entryPoints: [path.join(root, 'test/kernel/writer.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    outfile: file,
    logLevel: 'warning',
  });
  let acknowledged = 0;
  const lane = async (number: number) => {
    const directory = fresh();
    const next = random(seed + number);
    let count = 0;
    const there = new Set<string>();
    for (let round = 0; round < kills / lanes; round++) {
      const said = await killWriter(file, directory, Math.floor(next() * 4), next() * 3);
      const where = `seed ${seed}, lane ${number}, round ${round}`;
      assert.is(said[0], 'ready', where);
      const going = new Set<string>();
      for (const line of said.slice(1)) {
        const [what, which] = line.split(' ') as [string, string];
        acknowledged += 1;
        if (what === 'count') count = Number(which);
        else if (what === 'made') there.add(which);
        else if (what === 'removing') going.add(which);
        else {
          going.delete(which);
          there.delete(which);
        }
      }
      const kept = await openCoordination(directory);
      const found = ((await kept.get('count'))?.value as { value: number } | undefined)?.value ?? 0;
      // One change more may have been made than was said to be.
      assert.ok(found === count || found === count + 1, `${where}: ${found} where ${count} was acknowledged`);
      count = found;
      const now = new Set((await kept.list('jobs')).map(({ key }) => key));
      for (const key of there) assert.ok(now.has(key) || going.has(key), `${where}: ${key} is lost`);
      const more = [...now].filter((key) => !there.has(key));
      assert.ok(more.length <= 1, `${where}: ${more} were removed, or never made`);
      there.clear();
      rmSync(path.join(directory, 'jobs'), { recursive: true, force: true });
      assert.equal(
        readdirSync(directory).filter((name) => name.endsWith('.tmp')),
        [],
        where,
      );
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  assert.ok(acknowledged > kills / 2, `only ${acknowledged} changes were acknowledged`);
});

test.run();
