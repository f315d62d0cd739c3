// Bundles a TypeScript file of this repository and runs it:   node scripts/run.mjs FILE [ARGUMENT …]
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [file, ...args] = process.argv.slice(2);
const directory = path.join(root, 'build', `run-${process.pid}`);
mkdirSync(directory, { recursive: true });
const outfile = path.join(directory, 'main.mjs');
await esbuild.build({
  entryPoints: [path.resolve(file)],
  outfile,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'inline',
  logLevel: 'warning',
});
const child = spawn(process.execPath, ['--enable-source-maps', outfile, ...args], {
  stdio: 'inherit',
  env: { ...process.env, ONESH_ROOT: root },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('close', (status, signal) => {
  rmSync(directory, { recursive: true, force: true });
  process.exit(signal === null ? status : 1);
});
