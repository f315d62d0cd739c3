/**
 * The emulated chip: `DIR/lineN` is the line's history, one character `0` or `1` for each level it was set to; the last one is
 * its level, 0 while there is none. A file that only grows loses no edge, however fast it is written and however late it is
 * read: `printf 1 >> DIR/line4` raises line 4.
 */
import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import type { GpioLine, Level, LineWatch } from './gpio-line.js';

/** Some file systems (network, overlay) tell of no change: they are looked at this often, in milliseconds. */
const lookEvery = 250;
const partSize = 65536;

export function openEmulatedLine(directory: string, number: number): GpioLine {
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `line${number}`);
  appendFileSync(file, '');
  return {
    read: () => lastLevel(file, statSync(file).size),
    write: (level) => appendFileSync(file, String(level)),
    watch: (changed, failed) => watchFile(file, changed, failed),
    close: () => {},
  };
}

const levelOf = (character: number | undefined): Level | undefined =>
  character === 49 ? 1 : character === 48 ? 0 : undefined;

/** The level set by the last `0` or `1` before `end`. */
function lastLevel(file: string, end: number): Level {
  const fd = openSync(file, 'r');
  try {
    const start = Math.max(0, end - 64);
    const tail = Buffer.alloc(end - start);
    const got = readSync(fd, tail, 0, tail.length, start);
    for (let i = got - 1; i >= 0; i--) {
      const level = levelOf(tail[i]);
      if (level !== undefined) return level;
    }
    return 0;
  } finally {
    closeSync(fd);
  }
}

function watchFile(file: string, changed: (level: Level) => void, failed: (error: Error) => void): LineWatch {
  const fd = openSync(file, 'r');
  const part = Buffer.alloc(partSize);
  let offset = fstatSync(fd).size;
  const first = lastLevel(file, offset);
  let level = first;
  let held = false;
  let over = false;
  const look = () => {
    try {
      if (fstatSync(fd).size < offset) offset = 0; // started over
      while (!held && !over) {
        const got = readSync(fd, part, 0, partSize, offset);
        if (got === 0) return;
        // Holding may begin within a part: then it is read again from there.
        for (let i = 0; i < got && !held && !over; i++) {
          offset += 1;
          const now = levelOf(part[i]);
          if (now === undefined || now === level) continue; // set again: no edge
          level = now;
          changed(now);
        }
      }
    } catch (error) {
      failed(error as Error);
    }
  };
  const watcher = watch(file, look);
  watcher.on('error', failed);
  const timer = setInterval(look, lookEvery);
  // An edge between the size and the watch is seen by the first look.
  setImmediate(() => {
    if (!over) look();
  });
  return {
    level: first,
    hold: (on) => {
      held = on;
      if (!on) setImmediate(() => !over && look());
    },
    stop: () => {
      if (over) return;
      over = true;
      watcher.close();
      clearInterval(timer);
      closeSync(fd);
    },
  };
}
