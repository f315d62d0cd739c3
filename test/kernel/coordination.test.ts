import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Coordination } from '../../src/kernel/coordination/coordination.js';
import { openCoordination } from '../../src/kernel/coordination/embedded.js';
import { openStore } from '../../src/kernel/store.js';
import type { WireError } from '../../src/wire/errors.js';

const root = process.env.ONESH_ROOT ?? process.cwd();
const temporary = () => mkdtempSync(path.join(os.tmpdir(), 'onesh-kernel-'));
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: WireError) => error.code,
  );

/** What every coordination keeps. */
function contract(name: string, open: () => Promise<Coordination>): void {
  const test = suite(`coordination ${name}`);

  test('a value is set by who knows its revision', async () => {
    const kept = await open();
    assert.is(await kept.get('boot'), undefined);
    const first = await kept.put('boot', { a: 1 }, 0);
    assert.is(await codeOf(kept.put('boot', { a: 2 }, 0)), 'ESTALE');
    const second = await kept.put('boot', { a: 2 }, first);
    assert.ok(second > first);
    assert.is(await codeOf(kept.put('boot', { a: 3 }, first)), 'ESTALE');
    assert.is(await codeOf(kept.remove('boot', first)), 'ESTALE');
    assert.equal(await kept.get('boot'), { key: 'boot', value: { a: 2 }, revision: second });
    await kept.remove('boot', second);
    assert.is(await kept.get('boot'), undefined);
    assert.ok((await kept.put('boot', { a: 4 }, 0)) > second);
  });

  test('of several who set it at one time one does', async () => {
    const kept = await open();
    const codes = await Promise.all([1, 2, 3, 4].map((n) => codeOf(kept.put('leader', { n }, 0))));
    assert.equal(codes.sort(), ['ESTALE', 'ESTALE', 'ESTALE', 'done']);
  });

  test('a group lists its own', async () => {
    const kept = await open();
    for (const key of ['jobs/b', 'jobs/a', 'jobsx/c', 'jobs']) await kept.put(key, key, 0);
    assert.equal(
      (await kept.list('jobs')).map(({ key, value }) => [key, value]),
      [
        ['jobs/a', 'jobs/a'],
        ['jobs/b', 'jobs/b'],
      ],
    );
    assert.equal(await kept.list('none'), []);
  });

  test('a key leads nowhere else', async () => {
    const kept = await open();
    for (const key of ['', '../x', 'a/../b', '/a', 'a/', 'a/b/c', 'A', 'a.b', 'a\0'])
      assert.is(await codeOf(kept.put(key, 1, 0)), 'EINVAL', key);
  });

  test('the keeper of a document who has lost it can change it no more', async () => {
    const kept = await open();
    const old = await openStore(kept, 'registry', { names: ['a'] });
    await old.update((data) => void data.names.push('b'));
    const next = await openStore(kept, 'registry', { names: [] as string[] });
    await next.update((data) => void data.names.push('c'));
    assert.is(await codeOf(old.update((data) => void data.names.push('late'))), 'ESTALE');
    assert.equal((await kept.get('registry'))!.value, { names: ['a', 'b', 'c'] });
    assert.equal(old.data, { names: ['a', 'b'] });
    const thrown = new Error('no');
    await next
      .update((data) => {
        data.names.length = 0;
        throw thrown;
      })
      .then(
        () => assert.unreachable(),
        (error) => assert.is(error, thrown),
      );
    assert.equal(next.data, { names: ['a', 'b', 'c'] });
  });

  test.run();
}

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
