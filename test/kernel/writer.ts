/**
 * A writer to be killed: `node writer.cjs DIRECTORY`. It counts up in one document and makes and removes others, and says on
 * standard output what has been acknowledged, one line each.
 */
import { writeSync } from 'node:fs';
import { openCoordination } from '../../src/kernel/coordination/embedded.js';
import { openStore } from '../../src/kernel/store.js';

/** Large enough to be written in several pages. */
export const filler = 'x'.repeat(20_000);

async function write(directory: string): Promise<void> {
  const coordination = await openCoordination(directory);
  const store = await openStore(coordination, 'count', { value: 0, filler });
  const say = (line: string) => writeSync(1, `${line}\n`);
  say('ready');
  const count = async () => {
    for (;;) {
      const next = store.data.value + 1;
      await store.update((data) => {
        data.value = next;
      });
      say(`count ${next}`);
    }
  };
  const jobs = async () => {
    for (let i = 0; ; i++) {
      const key = `jobs/j-${process.pid}-${i}`;
      const revision = await coordination.put(key, { i, filler }, 0);
      say(`made ${key}`);
      if (i % 2 === 0) continue;
      say(`removing ${key}`);
      await coordination.remove(key, revision);
      say(`removed ${key}`);
    }
  };
  await Promise.all([count(), jobs()]);
}

if (process.argv[2] !== undefined) void write(process.argv[2]);
