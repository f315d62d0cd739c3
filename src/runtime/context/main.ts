/**
 * The rest of a context, behind its front (`preload.ts`): files and modules of other machines, and what sockets, children and
 * threads are made of.
 */
import { Channel } from './channel.js';
import { installChildren } from './children.js';
import { systemError } from './error.js';
import { contextFiles } from './files.js';
import type { Front } from './front.js';
import { builtin, type hostFs } from './host.js';
import { resolveOwnName } from './machine.js';
import { ContextModules } from './modules.js';
import { makeOnoff } from './onoff.js';
import { Paths } from './paths.js';
import { startThreads } from './sequence.js';
import { installSockets } from './sockets.js';
import { installWorkers } from './workers.js';

/** Of the function that this is the body of. */
declare const front: Front;

function install(): void {
  const channel = new Channel(front);
  // What a thread writes, others see.
  if (!channel.isMain) startThreads();
  const paths = new Paths(front.description, front.near);
  const files = contextFiles(channel, paths);
  const modules = new ContextModules(channel, paths, { onoff: makeOnoff(channel) });
  modules.install();
  const changeDirectory = (directory: string): void => {
    const text = paths.textOf(directory);
    if (text === undefined) {
      front.changeDirectory(directory);
      return;
    }
    const place = paths.locate(text);
    const where = { syscall: 'chdir', path: paths.cwd, dest: directory };
    const found = files.call('statSync', [place.full, { throwIfNoEntry: false }]) as ReturnType<typeof hostFs.statSync>;
    if (found === undefined) throw systemError('ENOENT', where);
    if (!found.isDirectory()) throw systemError('ENOTDIR', where);
    if (place.host !== undefined && paths.sameHost) front.changeDirectory(String(place.host));
    paths.change(place);
  };
  const installLate = (): void => {
    installChildren(channel, paths, (file) => files.call('existsSync', [file]) === true);
    installSockets(channel, paths);
    resolveOwnName(builtin('node:dns'), front.description, front.hostname());
    installWorkers(paths, front.preload);
    modules.installHooks();
  };
  front.ready({
    call: files.call,
    promise: files.promise,
    changeDirectory,
    installLate,
    hostText: modules.hostText.bind(modules),
    startProgram: () => modules.start(front.description.program),
    forModules: {
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

install();
