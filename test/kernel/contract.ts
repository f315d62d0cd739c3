/** What every coordination keeps, whatever keeps it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Coordination } from '../../src/kernel/coordination/coordination.js';
import { openStore } from '../../src/kernel/store.js';
import type { WireError } from '../../src/wire/errors.js';

/** `done`, or the code of the error. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: WireError) => error.code,
  );

/** Each case opens it; `after` ends what it was opened in. */
export function contract(name: string, open: () => Promise<Coordination>, after = async () => {}): void {
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

  test.after(after);
  test.run();
}
