/** WebAssembly (WASI preview 1) in a Node.js process: standard input and output, arguments and environment, no files. */
import path from 'node:path';
import { type Driver, writeProgram } from './driver.js';

const bootstrap = `const { WASI } = require('node:wasi');
const [file, ...args] = process.argv.slice(1);
const wasi = new WASI({ version: 'preview1', args, env: process.env, preopens: {}, returnOnExit: true });
WebAssembly.instantiate(require('node:fs').readFileSync(file), wasi.getImportObject()).then(
  ({ instance }) => process.exit(wasi.start(instance)),
  (error) => {
    process.stderr.write(args[0] + ': ' + error.message + '\\n');
    process.exit(126);
  });`;

export const prepareWasm: Driver<'wasm'> = (program, agent, context) => {
  const file = writeProgram(
    context,
    path.basename(program.path) || 'program.wasm',
    Buffer.from(program.bytes, 'base64'),
  );
  const argv = [agent.argv[0] ?? program.path, ...context.argv.slice(1)];
  // After `--` nothing is an option of node's own.
  return { command: process.execPath, args: ['--no-warnings', '-e', bootstrap, '--', file, ...argv] };
};
