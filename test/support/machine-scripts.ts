/**
 * Scripts of this machine that nobody here wrote, and ways to run them that do no harm: as a user who may change nothing, or with
 * programs that only say how they were called.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decodeBytes } from '../../src/wire/bytes.js';
import { onesh, type Result, runProcess } from './scripts.js';

const dash = '/usr/bin/dash';

export interface MachineScript {
  readonly file: string;
  readonly text: string;
}

/** Files of a directory that begin as a script for sh, by name. */
export function shellScripts(directory: string): MachineScript[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => path.join(directory, name))
    .sort()
    .flatMap((file) => {
      const bytes = readFileSync(file);
      return /^#! ?\/(usr\/)?bin\/(da)?sh\b/.test(bytes.toString('latin1', 0, 40))
        ? [{ file, text: decodeBytes(bytes) }]
        : [];
    });
}

/** What a script does that runs a shell as `$sh`: once with onesh, once with dash. Standard error counts by being there at all. */
export async function onBoth(
  script: string,
  prepared = '',
  shell = onesh[0]!,
): Promise<[ours: object, theirs: object]> {
  const result = async (sh: string) => {
    const done: Result = await runProcess([dash], { script: `sh=${sh}\n${prepared}\n${script}` }, true);
    return { ...done, stderr: done.stderr !== '' };
  };
  return [await result(shell), await result(dash)];
}

/** A place for shells and programs that every user may read. */
export class Sandbox {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), 'onesh-sandbox-'));
  /** A directory to have as the only one of PATH: every program of the system by name, saying how it was called. */
  readonly stubs = path.join(this.directory, 'stubs');
  /** The onesh to run here. */
  readonly shell: string;
  /** Goes before a command that is to run without the right to change anything. */
  readonly unprivileged: string;

  constructor() {
    chmodSync(this.directory, 0o755);
    mkdirSync(this.stubs);
    const stub = path.join(this.directory, 'stub');
    // Says it first on descriptor 9: nobody may be reading its output. In one piece each: others may be writing.
    const line = 'say="<${0##*/}>"; for argument; do say="$say<$argument>"; done';
    writeFileSync(stub, `#!/bin/sh\n${line}\nprintf '%s\\n' "$say" >&9\nprintf '%s\\n' "$say"\n`);
    chmodSync(stub, 0o755);
    for (const directory of ['/usr/bin', '/usr/sbin']) {
      for (const name of existsSync(directory) ? readdirSync(directory) : []) {
        const link = path.join(this.stubs, name);
        if (!existsSync(link)) symlinkSync(stub, link);
      }
    }
    this.unprivileged =
      process.getuid?.() === 0 ? '/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all' : '';
    this.shell = this.readable();
  }

  /** The onesh of this checkout, or where others may not come to it a copy. */
  private readable(): string {
    const [shell] = onesh as [string];
    const root = path.dirname(path.dirname(shell));
    for (let at = root; this.unprivileged !== '' && at !== '/'; at = path.dirname(at)) {
      if ((statSync(at).mode & 5) === 5) continue;
      for (const part of ['bin', 'dist', 'node_modules/koffi', 'node_modules/@koromix'])
        cpSync(path.join(root, part), path.join(this.directory, 'onesh', part), { recursive: true });
      return path.join(this.directory, 'onesh/bin/onesh');
    }
    return shell;
  }

  /** Runs a package's maintainer script with stubs for programs; what they were called with is in what it gives. */
  maintainer(file: string): Promise<[object, object]> {
    const words: Readonly<Record<string, string>> = {
      preinst: 'install',
      postinst: 'configure 1.0',
      prerm: 'remove',
      postrm: 'remove',
      config: 'configure 1.0',
    };
    const prepared = `exec 9>>calls; export PATH=${this.stubs} DEBIAN_HAS_FRONTEND=1 DPKG_MAINTSCRIPT_NAME=${path.extname(file).slice(1)} DPKG_MAINTSCRIPT_PACKAGE=some`;
    // The programs of a pipeline start in any order.
    const script = `(cd /; exec ${this.unprivileged} $sh ${file} ${words[path.extname(file).slice(1)]}) </dev/null
status=$?; /usr/bin/sort -o calls calls; exit $status`;
    return onBoth(script, prepared, this.shell);
  }

  /** Runs a program that is a script with the options that change nothing. */
  program(file: string): Promise<[object, object]> {
    const script = ['--help', '--version', '--no-such-option']
      .map((option) => `${this.unprivileged} $sh ${file} ${option} </dev/null; echo "$?"`)
      .join('\n');
    return onBoth(`cd /\n${script}`, '', this.shell);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
