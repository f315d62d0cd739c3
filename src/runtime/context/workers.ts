/** `worker_threads`: a worker is in its parent's context, and its file is where the parent's files are. */

import { fileURLToPath } from 'node:url';
import type * as workers from 'node:worker_threads';
import { builtin } from './host.js';
import type { Paths } from './paths.js';
import { startThreads } from './sequence.js';

export function installWorkers(paths: Paths, preload: string): void {
  // Its module as it is shared, to be changed in place.
  const workerThreads = builtin<{ Worker: typeof workers.Worker }>('node:worker_threads');
  const { Worker } = workerThreads;
  class ContextWorker extends Worker {
    constructor(file: string | URL, options: workers.WorkerOptions = {}) {
      const execArgv = ['--require', preload, ...(options.execArgv ?? [])];
      const isText = options.eval || String(file).startsWith('data:');
      const name = file instanceof URL || String(file).startsWith('file:') ? fileURLToPath(file) : file;
      startThreads();
      const place = isText ? undefined : paths.locate(name);
      if (place === undefined || place.host !== undefined) super(file, { ...options, execArgv });
      else
        super(`globalThis[Symbol.for('onesh.context')].start(${JSON.stringify(place.full)})`, {
          ...options,
          execArgv,
          eval: true,
        });
    }
  }
  Object.defineProperty(ContextWorker, 'name', { value: 'Worker' });
  workerThreads.Worker = ContextWorker;
}
