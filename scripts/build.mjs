// Bundles the shell, the system and the parts that load on demand into dist/, then makes the V8 start-up snapshot of the
// shell for this Node.js. The launcher `bin/onesh` uses the snapshot while it fits, else the plain bundle.
import { cpSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';
import { makeContextCache } from './context-cache.mjs';
import { makeSnapshot } from './snapshot.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { ONESH_VERSION: JSON.stringify(version), 'process.env.NODE_ENV': '"production"' },
  external: ['koffi', 'onoff'],
  logLevel: 'warning',
  logOverride: { 'empty-import-meta': 'silent' },
};
const entry = (file) => path.join(root, 'src', file);

/** The shell's scanner is its own, and nobody reads types or diagrams from it: half of Chevrotain need not be started with it. */
const parserOnly = {
  name: 'parser-only',
  setup(build) {
    const lexer = 'export class Lexer {}\nLexer.NA = /NOT_APPLICABLE/;\nexport const LexerDefinitionErrorType = {};\n';
    build.onLoad({ filter: /chevrotain\/lib\/src\/scan\/lexer_public\.js$/ }, () => ({ contents: lexer }));
    const tools = 'export const generateCstDts = undefined, createSyntaxDiagramsCode = undefined;\n';
    build.onLoad({ filter: /(cst-dts-gen\/lib\/src\/api|diagrams\/render_public)\.js$/ }, () => ({ contents: tools }));
  },
};

await Promise.all([
  esbuild.build({
    ...common,
    format: 'cjs',
    entryPoints: { onesh: entry('bin/onesh.ts') },
    outdir: dist,
    outExtension: { '.js': '.cjs' },
    minifyIdentifiers: true,
    alias: { 'lodash-es': path.join(root, 'scripts', 'lodash.mjs') },
    plugins: [parserOnly],
  }),
  esbuild.build({
    ...common,
    format: 'cjs',
    entryPoints: Object.fromEntries(
      Object.entries({
        cluster: entry('bin/cluster.ts'),
        oneos: entry('bin/oneos.ts'),
        context: entry('runtime/context/preload.ts'),
        'context-main': entry('runtime/context/main.ts'),
        wasm: entry('runtime/wasi/main.ts'),
      }).filter(([, f]) => existsSync(f)),
    ),
    outdir: dist,
    outExtension: { '.js': '.cjs' },
  }),
  esbuild.build({
    ...common,
    format: 'esm',
    entryPoints: { tui: entry('shell/ui/screen.tsx') },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    alias: { 'react-devtools-core': path.join(root, 'scripts', 'empty.mjs') },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  }),
]);
makeContextCache(dist);
// The Python side of a context: the interpreter keeps compiled forms beside it.
cpSync(path.join(root, 'src/runtime/python'), path.join(dist, 'python'), {
  recursive: true,
  filter: (from) => !from.endsWith('__pycache__'),
});
// A CommonJS file may import an ES module; code inside the snapshot may not.
writeFileSync(path.join(dist, 'tui-loader.cjs'), "exports.load = () => import('./tui.mjs');\n");

/** A snapshot fits exactly one Node.js binary: a hard link to it tells whether it is still the same file. */
const blob = path.join(dist, 'onesh.blob');
try {
  makeSnapshot(path.join(dist, 'onesh.cjs'), blob);
  writeFileSync(path.join(dist, 'onesh.node'), `${process.execPath}\n`);
  try {
    linkSync(process.execPath, path.join(dist, 'onesh.pin'));
  } catch {
    // Another file system: the launcher compares times instead.
  }
} catch (error) {
  process.stderr.write(
    `no start-up snapshot with this Node.js (${process.version}): ${
      String(error.stderr ?? error)
        .trim()
        .split('\n')[0]
    }\n`,
  );
  rmSync(blob, { force: true });
}
