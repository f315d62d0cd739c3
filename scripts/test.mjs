// Runs the test suite: bundles every test/**/*.test.ts(x) with esbuild, runs each file in a process of its own, two at a time,
// adds up uvu's totals and prints `N passed, N failed, N skipped` last. A file that reports no test is a failure: a uvu file
// without `.run()` would otherwise pass by saying nothing.
//
//     node scripts/test.mjs [--fuzz] [--jobs N] [FILTER …]     FILTER: part of a path below test/
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const long = args.includes('--fuzz');
const jobsAt = args.indexOf('--jobs');
const jobs = jobsAt >= 0 ? Number(args[jobsAt + 1]) : Math.min(2, availableParallelism());
const filters = args.filter((a, i) => !a.startsWith('--') && !(jobsAt >= 0 && i === jobsAt + 1));
/** A file that takes longer than this hangs. */
const limitMs = long ? 3_600_000 : 300_000;

function find(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(directory, entry.name);
    if (entry.isDirectory()) return find(at);
    return /\.test\.tsx?$/.test(entry.name) ? [at] : [];
  });
}

const files = find(path.join(root, 'test'))
  .filter((f) => filters.length === 0 || filters.some((p) => path.relative(path.join(root, 'test'), f).includes(p)))
  .sort();
const out = path.join(root, 'build', `test-${process.pid}`);
mkdirSync(out, { recursive: true });
await esbuild.build({
  entryPoints: files,
  outdir: out,
  outbase: path.join(root, 'test'),
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  sourcemap: 'inline',
  external: [
    'koffi',
    'onoff',
    'uvu',
    'uvu/*',
    'fast-check',
    'ink',
    'react',
    'react/*',
    'mqtt',
    'aedes',
    'ws',
    'acorn',
    'magic-string',
    'lowdb',
    'lowdb/*',
    '@nats-io/*',
    'ink-testing-library',
    'react-devtools-core',
    'esbuild',
  ],
  logLevel: 'warning',
});

let passed = 0;
let failed = 0;
let skipped = 0;
function run(file) {
  const name = path.relative(path.join(root, 'test'), file);
  const built = path.join(out, name.replace(/\.tsx?$/, '.mjs'));
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(process.execPath, ['--enable-source-maps', built], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_ENV: 'test',
        FORCE_COLOR: '0',
        ONESH_ROOT: root,
        ...(long ? { ONESH_LONG: '1' } : {}),
      },
    });
    let text = '';
    child.stdout.on('data', (d) => (text += d));
    child.stderr.on('data', (d) => (text += d));
    const timer = setTimeout(() => {
      text += `\n${name}: did not end within ${limitMs / 1000} s\n`;
      child.kill('SIGKILL');
    }, limitMs);
    child.on('close', (status) => {
      clearTimeout(timer);
      const number = (label) => Number(text.match(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm'))?.[1] ?? Number.NaN);
      const total = number('Total');
      const ok = number('Passed');
      const notes = text.split('\n').filter((l) => l.startsWith('skipped: '));
      // A file whose real part is not installed says so and runs nothing.
      const whole = Number.isNaN(total) && notes.length > 0 && status === 0;
      const skip = whole ? 1 : number('Skipped') || 0;
      const bad = whole ? 0 : Number.isNaN(total) || total === 0 ? 1 : total - ok;
      passed += ok || 0;
      skipped += skip;
      failed += bad || (status === 0 ? 0 : 1);
      const good = bad === 0 && status === 0;
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stdout.write(
        `${good ? 'ok  ' : 'FAIL'} ${name} (${ok || 0}${skip ? `, ${skip} skipped` : ''}, ${seconds} s)\n`,
      );
      if (!good) process.stdout.write(`${text.trimEnd()}\n`);
      else if (notes.length > 0) process.stdout.write(`${notes.join('\n')}\n`);
      resolve();
    });
  });
}

const queue = [...files];
await Promise.all(
  Array.from({ length: Math.max(1, jobs) }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await run(file);
  }),
);
rmSync(out, { recursive: true, force: true });
if (files.length === 0) failed += 1;
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exit(failed === 0 ? 0 : 1);
