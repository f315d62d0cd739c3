/**
 * The embedded coordination: one process, one lowdb document per key in a directory, or in memory. What is acknowledged is on
 * disk; a document is replaced as a whole, so `kill -9` at any instant leaves each of them as it was or as it was to be.
 */
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type Adapter, Low, Memory } from 'lowdb';
import { removeDurably, syncDirectory, writeDurably } from '../../bus/durable-file.js';
import { WireError } from '../../wire/errors.js';
import { type Coordination, checkKey, type Entry, isKey } from './coordination.js';

class DurableFile implements Adapter<unknown> {
  constructor(private readonly file: string) {}

  async read(): Promise<unknown> {
    const text = await readFile(this.file, 'utf8');
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new WireError('EBADMSG', `${this.file}: not JSON`, { cause });
    }
  }

  async write(data: unknown): Promise<void> {
    await writeDurably(this.file, `${JSON.stringify(data, null, 2)}\n`);
  }
}

interface Kept {
  readonly low: Low<unknown>;
  readonly revision: number;
}

class Embedded implements Coordination {
  private readonly kept = new Map<string, Kept>();
  /** The last change of each key that is under way: changes of one key are made one after the other. */
  private readonly under = new Map<string, Promise<unknown>>();
  private readonly groups = new Map<string, Promise<void>>();
  private revision = 0;

  constructor(private readonly directory: string | undefined) {}

  /** Reads what is there; clears away what a killed writer had begun. @throws WireError EBADMSG; the system's error */
  async load(): Promise<void> {
    if (this.directory === undefined) return;
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    for (const entry of await readdir(this.directory, { withFileTypes: true })) {
      if (entry.isFile()) await this.loadFile(entry.name);
      else if (entry.isDirectory() && isKey(entry.name))
        for (const name of await readdir(path.join(this.directory, entry.name)))
          await this.loadFile(`${entry.name}/${name}`);
    }
  }

  private async loadFile(name: string): Promise<void> {
    if (/\.json\.\d+\.\d+\.tmp$/.test(name)) await unlink(path.join(this.directory!, name));
    const key = name.slice(0, -'.json'.length);
    if (!name.endsWith('.json') || !isKey(key)) return;
    const low = new Low<unknown>(this.adapter(key), null);
    await low.read();
    this.kept.set(key, { low, revision: ++this.revision });
  }

  private file(key: string): string {
    return path.join(this.directory!, `${key}.json`);
  }

  private adapter(key: string): Adapter<unknown> {
    return this.directory === undefined ? new Memory<unknown>() : new DurableFile(this.file(key));
  }

  async get(key: string): Promise<Entry | undefined> {
    const kept = this.kept.get(key);
    return kept === undefined ? undefined : { key, value: kept.low.data, revision: kept.revision };
  }

  async list(group: string): Promise<readonly Entry[]> {
    return [...this.kept]
      .filter(([key]) => key.startsWith(`${group}/`))
      .map(([key, { low, revision }]) => ({ key, value: low.data, revision }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  put(key: string, value: unknown, revision: number): Promise<number> {
    return this.change(key, revision, async () => {
      await this.makeGroup(key);
      const low = new Low<unknown>(this.adapter(key), value);
      await low.write();
      const next = ++this.revision;
      this.kept.set(key, { low, revision: next });
      return next;
    });
  }

  remove(key: string, revision: number): Promise<void> {
    return this.change(key, revision, async () => {
      if (this.directory !== undefined && this.kept.has(key)) await removeDurably(this.file(key));
      this.kept.delete(key);
    });
  }

  private async change<T>(key: string, revision: number, make: () => Promise<T>): Promise<T> {
    checkKey(key);
    const step = (this.under.get(key) ?? Promise.resolve()).then(() => {
      if ((this.kept.get(key)?.revision ?? 0) !== revision)
        throw new WireError('ESTALE', `${key} was changed by somebody else`);
      return make();
    });
    const settled = step.then(
      () => undefined,
      () => undefined,
    );
    this.under.set(key, settled);
    try {
      return await step;
    } finally {
      if (this.under.get(key) === settled) this.under.delete(key);
    }
  }

  /** The directory of a group is as durable as what is in it. */
  private makeGroup(key: string): Promise<void> | undefined {
    const { directory } = this;
    const group = key.includes('/') ? key.split('/')[0]! : undefined;
    if (directory === undefined || group === undefined) return undefined;
    const known = this.groups.get(group);
    if (known !== undefined) return known;
    const made = mkdir(path.join(directory, group), { recursive: true, mode: 0o700 }).then(() =>
      syncDirectory(directory),
    );
    this.groups.set(group, made);
    // A full disk may have room the next time.
    made.catch(() => this.groups.delete(group));
    return made;
  }
}

/** Opens `directory`, made when it is not there; undefined: in memory. @throws WireError EBADMSG; the system's error */
export async function openCoordination(directory: string | undefined): Promise<Coordination> {
  const embedded = new Embedded(directory);
  await embedded.load();
  return embedded;
}
