/**
 * A process that waits for its program: Node.js has started, all that the context may need is loaded, and where Node would run the
 * program's file it waits for its runtime to say which. Then it becomes that program: descriptors, environment, working directory,
 * arguments. A start costs little more than loading the program's own modules.
 */
import type * as nodeFs from 'node:fs';
import type { Module as NodeModule } from 'node:module';
import {
  type CallEnds,
  type ContextDescription,
  encodeSyscall,
  FrameSplitter,
  failedCall,
  type StartOrder,
  startedCall,
  waitingVariable,
} from '../syscalls/codec.js';

/** What programs use before their first line has been printed, loaded while there is time. */
const soon = ['node:net', 'node:tty', 'node:stream', 'node:os', 'node:url', 'node:util', 'node:vm', 'node:events'];

export interface Becoming {
  /** While there is time. */
  prepare(fs: typeof nodeFs): void;
  /** Puts the context in its place. */
  install(description: ContextDescription): void;
}

/** Makes Node wait, in place of running a file, where this process is one that waits. */
export function whenOrdered(builtin: <T>(name: string) => T, Module: typeof NodeModule, becoming: Becoming): void {
  const text = process.env[waitingVariable];
  if (text === undefined) return;
  delete process.env[waitingVariable];
  const ends = JSON.parse(text) as CallEnds;
  const fs = builtin<typeof nodeFs>('node:fs');
  const modules = Module as unknown as { runMain(main: string): unknown };
  const { runMain } = modules;
  modules.runMain = () => {
    modules.runMain = runMain;
    for (const name of soon) builtin(name);
    becoming.prepare(fs);
    const order = receive(fs, ends.syncReply);
    const say = (call: string) => fs.writeSync(ends.syncRequest, encodeSyscall({ id: 0, call }));
    try {
      become(fs, order);
    } catch {
      say(failedCall);
      process.exit(1);
    }
    say(startedCall);
    const { description } = order;
    becoming.install(description);
    return modules.runMain(description.program);
  };
}

/** Blocks. A runtime that has gone, or needs nobody any more, ends this process. */
function receive(fs: typeof nodeFs, fd: number): StartOrder {
  const splitter = new FrameSplitter();
  const chunk = Buffer.alloc(64 << 10);
  for (;;) {
    const size = fs.readSync(fd, chunk);
    if (size === 0) process.exit(0);
    const [frame] = splitter.add(Buffer.from(chunk.subarray(0, size)));
    if (frame !== undefined) return frame.head.value as StartOrder;
  }
}

/** @throws the host's error */
function become(fs: typeof nodeFs, { stdio, environment, directory, umask, args, description }: StartOrder): void {
  stdio.forEach((file, fd) => {
    fs.closeSync(fd);
    // The lowest number that is free, so this one.
    if (fs.openSync(file, fd === 0 ? 'r' : 'w') !== fd) throw new Error(`descriptor ${fd} is taken`);
  });
  const { env } = process;
  for (const name of Object.keys(env)) delete env[name];
  Object.assign(env, environment);
  process.chdir(directory);
  process.umask(umask);
  process.argv.splice(1, process.argv.length, description.program, ...args);
  // What tools like `ps` show.
  process.title = [process.argv0, description.program, ...args].join(' ');
}
