/**
 * The corpus: scripts by the section of POSIX.1-2024 XCU they are about, with what they do. The expectation is literal. Where
 * shells differ from it, the row says which, what they do, and why the expectation is what it is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Result, Script } from '../support/scripts.js';

/** What a script does, as far as the standard has a say. */
export interface Expectation {
  readonly stdout: string;
  readonly status: number;
  /** Something is said on standard error. */
  readonly stderr: boolean;
}

/** A script of the corpus. */
export interface Row extends Script, Expectation {
  readonly section: string;
  /** What other shells do, where it is something else, */
  readonly differs?: Readonly<Record<string, Expectation>>;
  /** and which of them the standard wants. */
  readonly why?: string;
}

const directory = path.join(process.env.ONESH_ROOT ?? process.cwd(), 'test/shell/corpus');

/** All rows, file by file. */
export function corpus(): Row[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => JSON.parse(readFileSync(path.join(directory, name), 'utf8')) as Row[]);
}

/** A result as far as rows say. */
export const judged = ({ stdout, status, stderr }: Result): Expectation => ({ stdout, status, stderr: stderr !== '' });

/** Runs a job for every item, `width` at a time. */
export async function each<T>(items: readonly T[], width: number, job: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await job(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
