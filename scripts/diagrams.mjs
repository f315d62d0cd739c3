// Draws the grammar's railroad diagrams with Chevrotain's own generator: one page, all it needs inside it, so that it can be
// read without a network.
//
//     node scripts/diagrams.mjs [DIRECTORY]      default docs/grammar
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createSyntaxDiagramsCode } from 'chevrotain';
import * as esbuild from 'esbuild';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const out = path.resolve(process.argv[2] ?? path.join(root, 'docs', 'grammar'));
const drawing = path.join(root, 'node_modules', 'chevrotain', 'diagrams');

const bundle = path.join(root, 'build', `grammar-${process.pid}.mjs`);
await esbuild.build({
  entryPoints: [path.join(root, 'grammar', 'parser.ts')],
  outfile: bundle,
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  logLevel: 'warning',
});
const { serializedGrammar } = await import(pathToFileURL(bundle).href);
rmSync(bundle);

const read = (file) => readFileSync(path.join(drawing, file), 'utf8').trimEnd();
const page = createSyntaxDiagramsCode(serializedGrammar(), { resourceBase: '', css: 'diagrams.css' })
  .replace(/<link rel='stylesheet' href='([^']+)'>/, (_, file) => `<style>\n${read(file)}\n</style>`)
  .replace(/<script src='([^']+)'><\/script>/g, (_, file) => `<script>\n${read(file)}\n</script>`)
  .replace(
    /window\.serializedGrammar = (.*?);\n<\/script>/s,
    (_, json) => `window.serializedGrammar = ${JSON.stringify(JSON.parse(json))};\n</script>`,
  )
  .replace('<meta charset="utf-8">', '<meta charset="utf-8">\n<title>The grammar of onesh</title>')
  .trim();
mkdirSync(out, { recursive: true });
writeFileSync(path.join(out, 'index.html'), `${page}\n`);
