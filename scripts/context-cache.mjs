// Compiles the context for this Node.js (`src/runtime/context/preload.ts` takes it):   node scripts/context-cache.mjs DIRECTORY
//
// A process of its own runs the context as a program at home has it, so that what a start needs is compiled, and little else.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const compile = `
const [fs, vm] = [require('node:fs'), require('node:vm')];
const directory = process.argv[1];
const { Script } = vm;
let made;
vm.Script = class extends Script {
  constructor(...args) {
    super(...args);
    made = this;
  }
};
require(directory + '/context.cjs');
void globalThis[Symbol.for('onesh.context')];
fs.statSync('/');
fs.writeFileSync(directory + '/context-main.cache', made.createCachedData());
process.exit(0);
`;

/** Writes `context-main.cache` beside `context-main.cjs`. @throws when the context does not start */
export function makeContextCache(directory) {
  const description = {
    ...{ syncRequest: 3, syncReply: 4, channel: 5, home: 'here', runtime: 'here', agent: 'none', program: '/none' },
    ...{ cwd: '/', inCwd: true, imports: false, directory: '/none', devices: {}, gpio: false },
  };
  const { status, stderr } = spawnSync(process.execPath, ['-e', compile, directory], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ONESH_CONTEXT: JSON.stringify(description) },
  });
  if (status !== 0) throw new Error(`the context does not start: ${stderr}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) makeContextCache(path.resolve(process.argv[2]));
