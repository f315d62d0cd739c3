/** WebAssembly (WASI preview 1): run by the program beside the context (`wasi/main.ts`), whose calls are the namespace's. */
import path from 'node:path';
import { type Driver, writeProgram } from './driver.js';

export const prepareWasm: Driver<'wasm'> = (program, agent, context) => {
  const file = writeProgram(context, 'program.wasm', Buffer.from(program.bytes, 'base64'));
  const runner = path.join(path.dirname(context.contextFile), 'wasm.cjs');
  const name = agent.argv[0] ?? program.path;
  return {
    command: process.execPath,
    args: [runner, file, name, ...context.argv.slice(1)],
    channel: { program: program.path },
  };
};
