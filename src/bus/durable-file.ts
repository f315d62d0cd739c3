/**
 * Files that survive `kill -9` and power loss: write a temporary file, flush it, rename it over the old one, flush the
 * directory. A reader sees the old content or the new one, never a part.
 */
import { open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';

let counter = 0;

/** Replaces `file` by `text`, with permission bits `mode` (default 0600). @throws the system's error (ENOENT, EACCES, ENOSPC …) */
export async function writeDurably(file: string, text: string, mode = 0o600): Promise<void> {
  const temporary = `${file}.${process.pid}.${++counter}.tmp`;
  try {
    // `wx`: never through a symbolic link that somebody else put there.
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncDirectory(path.dirname(file));
}

/** Removes `file`; it does not come back. @throws the system's error */
export async function removeDurably(file: string): Promise<void> {
  await unlink(file);
  await syncDirectory(path.dirname(file));
}

/** What was made, renamed or removed in `directory` stays so. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    // Some file systems refuse to flush a directory; the rename itself is atomic there all the same.
    await handle.sync().catch(() => undefined);
  } finally {
    await handle.close();
  }
}
