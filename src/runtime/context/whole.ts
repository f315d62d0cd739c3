/** Whole files, and files copied from one machine to another. */
import { fileChunk, type OpenFlag } from '../../wire/files.js';
import { codeOf, systemError } from './error.js';
import type { Place } from './paths.js';
import type { Procedure } from './run.js';
import * as s from './steps.js';

/** Bytes read at once of what is read to its end. */
const part = 4 * fileChunk;

/** From where the file stands to its end. */
export function* readRest(file: s.OpenRemote): Procedure<Buffer> {
  // A regular file's size is known; it may have changed by the time that its end comes.
  const size = file.identity === undefined ? 0 : (yield* s.fstat(file)).size;
  const parts: Uint8Array[] = [];
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(parts.length === 0 ? Math.max(fileChunk, size + 1) : part);
    const got = yield* s.read(file, buffer);
    if (got === 0 || (got < buffer.length && file.identity !== undefined)) {
      const last = buffer.subarray(0, got);
      return parts.length === 0 ? last : Buffer.concat([...parts, last]);
    }
    parts.push(buffer.subarray(0, got));
  }
}

/** Opens a file for what `use` does with it. */
export function* withFile<T>(
  place: Place,
  flags: readonly OpenFlag[],
  mode: number,
  use: (file: s.OpenRemote) => Procedure<T>,
): Procedure<T> {
  const file = yield* s.open(place, flags, mode);
  try {
    return yield* use(file);
  } finally {
    yield* s.close(file);
  }
}

/** A small file takes one request. */
export function* readAll(place: Place, flags: readonly OpenFlag[], mode: number): Procedure<Buffer> {
  if (place.device || flags.length > 1 || flags[0] !== 'O_RDONLY') return yield* withFile(place, flags, mode, readRest);
  let first: { readonly bytes: Uint8Array; readonly whole: boolean };
  try {
    first = yield* s.readFirst(place);
  } catch (error) {
    // A directory opens, and cannot be read.
    if (codeOf(error) === 'EISDIR') throw systemError('EISDIR', { syscall: 'read' });
    // What only a handle can read, such as a device.
    if (codeOf(error) === 'ENOSYS') return yield* withFile(place, flags, mode, readRest);
    throw error;
  }
  if (first.whole) return Buffer.from(first.bytes);
  return yield* withFile(place, flags, mode, readRest);
}

/** `mode` is the file's if it is made. */
export function* writeAll(
  place: Place,
  data: Uint8Array,
  flags: readonly OpenFlag[],
  mode: number,
  flush = false,
): Procedure<void> {
  if (!place.device && !flush && data.length <= fileChunk) {
    yield* s.save(place, flags, mode, data);
    return;
  }
  yield* withFile(place, flags, mode, function* writeOpen(file) {
    yield* s.write(file, data);
    if (flush) yield* s.change(file, { type: 'file.sync', dataOnly: false }, 'fsync');
  });
}

export function* copyFile(from: Place, to: Place, mode: number): Procedure<void> {
  const exclusive = (mode & 1) !== 0;
  if (from.provider === to.provider) {
    yield* s.both('file.copy', from, to, exclusive);
    return;
  }
  const where = { syscall: 'copyfile', path: from.given, dest: to.given };
  try {
    const found = yield* s.stat(from, true, 'copyfile');
    if (found.kind === 'directory') throw systemError('EISDIR', where);
    const flags: OpenFlag[] = ['O_WRONLY', 'O_CREAT', exclusive ? 'O_EXCL' : 'O_TRUNC'];
    yield* withFile(from, ['O_RDONLY'], 0, (source) =>
      withFile(to, flags, found.mode, function* copy(target) {
        const buffer = Buffer.allocUnsafe(part);
        for (let got = yield* s.read(source, buffer); got > 0; got = yield* s.read(source, buffer))
          yield* s.write(target, buffer.subarray(0, got));
      }),
    );
  } catch (error) {
    throw systemError(codeOf(error) ?? 'EIO', where);
  }
}
