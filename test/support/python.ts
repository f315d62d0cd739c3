/** The Python that the tests run programs with, plainly and as agents. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface TestedPython {
  /** Its `python3`: a link to the interpreter. */
  readonly interpreter: string;
  /** Two numbers, `3.11`. */
  readonly version: string;
  /** Removes the link. */
  close(): void;
}

/**
 * `ONESH_TEST_PYTHON`, a path, else the interpreter behind `python3`, which may be a version manager's slow script. It becomes
 * the `python3` of this process's PATH, and so of everything that is started from here on.
 */
export function choosePython(): TestedPython {
  const say = 'import sys; print(sys.executable, "%d.%d" % sys.version_info[:2], sep="\\n")';
  const asked = process.env.ONESH_TEST_PYTHON || 'python3';
  const [executable, version] = execFileSync(asked, ['-c', say], { encoding: 'utf8' }).split('\n');
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'onesh-python-'));
  const interpreter = path.join(directory, 'python3');
  fs.symlinkSync(executable!, interpreter);
  process.env.PATH = `${directory}:${process.env.PATH}`;
  return { interpreter, version: version!, close: () => fs.rmSync(directory, { recursive: true, force: true }) };
}
