// Runs the benchmark: bundles bench/main.ts and runs it. `node bench/run.mjs --help` lists the options.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const out = path.join(root, 'build', `bench-${process.pid}`);
await esbuild.build({
  entryPoints: {
    main: path.join(root, 'bench/main.ts'),
    'topic-peer': path.join(root, 'bench/topic-peer.ts'),
    'direct-peer': path.join(root, 'bench/direct-peer.ts'),
  },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  packages: 'external',
  logLevel: 'warning',
});
// What is measured gets the environment of a plain machine: no options for Node, no certificates to read at each start.
const { NODE_OPTIONS, NODE_EXTRA_CA_CERTS, ...env } = process.env;
const { status } = spawnSync(process.execPath, [path.join(out, 'main.mjs'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...env, ONESH_ROOT: root },
});
rmSync(out, { recursive: true, force: true });
process.exit(status ?? 1);
