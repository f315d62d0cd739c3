/**
 * The bootstrapping step of evaluation context replacement (paper §3.2): preloaded into a Node.js program, before its first line
 * runs. It puts the context in the place of the host, in the modules that everybody shares.
 */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { Channel } from './channel.js';
import { installChildren } from './children.js';
import { notAvailable, systemError } from './error.js';
import { installFiles } from './files.js';
import { builtin, shared } from './host.js';
import { ContextModules } from './modules.js';
import { makeOnoff } from './onoff.js';
import { Paths } from './paths.js';
import { installSockets } from './sockets.js';
import { installWorkers } from './workers.js';

/** Refuses `names`: they would be on the wrong machine. */
function refuse(module: string, table: object, names: readonly string[]): void {
  for (const name of names) {
    Object.assign(table, {
      [name]: function refused() {
        throw notAvailable(`${module}.${name}`);
      },
    });
  }
}

function installProcess(paths: Paths): void {
  const changeDirectory = process.chdir.bind(process);
  process.cwd = () => paths.cwd;
  process.chdir = (directory) => {
    const text = paths.textOf(directory);
    if (text === undefined) return changeDirectory(directory);
    const place = paths.locate(text);
    const where = { syscall: 'chdir', path: paths.cwd, dest: directory };
    const found = shared.fs.statSync(place.full, { throwIfNoEntry: false });
    if (found === undefined) throw systemError('ENOENT', where);
    if (!found.isDirectory()) throw systemError('ENOTDIR', where);
    if (place.host !== undefined && paths.sameHost) changeDirectory(String(place.host));
    paths.change(place);
  };
}

function install(channel: Channel): void {
  const { description } = channel;
  const paths = new Paths(description);
  installFiles(channel, paths);
  installProcess(paths);
  os.hostname = () => description.runtime;
  installChildren(channel, paths);
  installSockets(channel, paths);
  if (!paths.sameHost) refuse('cluster', builtin<object>('node:cluster'), ['fork']);
  const modules = new ContextModules(channel, paths, { onoff: makeOnoff(channel) });
  modules.install();
  installWorkers(channel, paths);
  syncBuiltinESMExports();
  // Options of Node's that are the context's are none of the program's.
  process.execArgv = [];
  if (channel.isMain) process.argv[1] = description.program;
  Object.defineProperty(globalThis, Symbol.for('onesh.context'), {
    value: {
      import: modules.import.bind(modules),
      meta: modules.meta.bind(modules),
      text: modules.text.bind(modules),
      json: modules.json.bind(modules),
      require: modules.require.bind(modules),
      module: modules.module.bind(modules),
      start: modules.start.bind(modules),
    },
  });
}

const channel = Channel.fromEnvironment();
if (channel !== undefined) install(channel);
