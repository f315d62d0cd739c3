/**
 * The long form of the tests with scripts that nobody here wrote: a GNU configure script of 21 900 lines (libffi's, as a package of npm
 * ships it), every maintainer script and every sh script in /usr/bin and /usr/sbin, run by onesh and by dash.
 *
 *     npm run real-scripts
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Sandbox, shellScripts } from '../support/machine-scripts.js';
import { onesh } from '../support/scripts.js';

const dash = '/usr/bin/dash';
const archive = {
  name: 'ffi-napi@4.0.3',
  file: 'ffi-napi-4.0.3.tgz',
  sha256: 'e33d87c94b2bb59a60cc055bb7c767cbb786156fa696fae20d780da1c521e3a2',
  configure: 'package/deps/libffi/configure',
};

let passed = 0;
let failed = 0;
function judge(what: string, ours: unknown, theirs: unknown): void {
  const [got, want] = [JSON.stringify(ours), JSON.stringify(theirs)];
  if (got === want) {
    passed += 1;
    return;
  }
  failed += 1;
  console.log(`${what}\n  onesh ${got.slice(0, 1500)}\n  dash  ${want.slice(0, 1500)}`);
}

/** The package, unpacked where it stays for the next time. */
function unpacked(): string {
  const directory = path.join(process.env.ONESH_ROOT ?? process.cwd(), 'build', 'real-scripts');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, archive.file);
  if (!existsSync(file)) execFileSync('npm', ['pack', archive.name, '--silent'], { cwd: directory });
  const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (sum !== archive.sha256) throw new Error(`${file}: not the package this was written for: ${sum}`);
  execFileSync('tar', ['xzf', archive.file], { cwd: directory });
  return path.join(directory, archive.configure);
}

/** Every file below a directory, with its text. */
function texts(directory: string, below = ''): [string, string][] {
  return readdirSync(path.join(directory, below))
    .sort()
    .flatMap((name): [string, string][] => {
      const at = path.join(below, name);
      if (statSync(path.join(directory, at)).isDirectory()) return texts(directory, at);
      return [[at, readFileSync(path.join(directory, at), 'latin1')]];
    });
}

/** Runs configure with a shell that is called the same whichever it is, in a directory that is too. */
function configure(script: string, shell: string): { stdout: string; files: [string, string][] } {
  const base = mkdtempSync(path.join(os.tmpdir(), 'onesh-configure-'));
  try {
    const [sh, build] = [path.join(base, 'sh'), path.join(base, 'build')];
    symlinkSync(shell, sh);
    mkdirSync(build);
    const stdout = execFileSync(sh, [script], {
      cwd: build,
      env: { PATH: process.env.PATH, HOME: base, LC_ALL: 'C', CONFIG_SHELL: sh, SHELL: sh },
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 24,
    });
    // What cpuid says has the number of the processor in it. LINENO does what configure asks of it in onesh and not in dash: there it
    // works on a copy of itself with the line numbers in their places, and writes them into what it makes.
    const plain = (text: string) =>
      text.replaceAll(base, '/BASE').replaceAll(/(checking for x86 cpuid .* output\.\.\. ).*/g, '$1');
    const files = texts(build)
      .filter(([name]) => !/^(config\.log|config\.status|configure\.lineno)$/.test(name))
      .map(([name, text]): [string, string] => [name, plain(text)]);
    return { stdout: plain(stdout.toString('latin1')), files };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

if (!existsSync(dash)) throw new Error('dash is not installed');
const script = unpacked();
judge('configure of libffi', configure(script, onesh[0]!), configure(script, dash));

const sandbox = new Sandbox();
try {
  for (const { file } of shellScripts('/var/lib/dpkg/info')) {
    let [ours, theirs] = await sandbox.maintainer(file);
    // Which program of a pipeline is still there to be written to is chance.
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) [ours, theirs] = await sandbox.maintainer(file);
    judge(file, ours, theirs);
  }
  /** These start an editor, a browser, or something on the network. */
  const interactive = /vimtutor|gdbtui|sensible-|select-editor|gcloud|gsutil|\/bq$|perldoc|mvn|heaptrack|www/;
  for (const { file } of ['/usr/bin', '/usr/sbin'].flatMap(shellScripts)) {
    if (interactive.test(file)) continue;
    judge(file, ...(await sandbox.program(file)));
  }
} finally {
  sandbox.remove();
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
