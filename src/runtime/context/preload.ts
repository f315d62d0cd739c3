/**
 * The bootstrapping step of evaluation context replacement (paper §3.2): preloaded into a Node.js program, before its first line
 * runs. It puts the front of the context in the place of the host; the rest (`main.ts`, beside this as `context-main.cjs`) is
 * loaded when it is needed, from code that V8 compiled when it was built where that fits this very Node.js.
 */
import type * as nodeFs from 'node:fs';
import type { Module as NodeModule } from 'node:module';
import type * as os from 'node:os';
import type * as vm from 'node:vm';
import { type Front, installFront, type Rest } from './front.js';
import { type Line, lineOf, lineOfProcess, shareLine } from './line.js';
import { nameMachine } from './machine.js';
import { Near } from './near.js';
import { whenOrdered } from './waiting.js';
import { watchWays } from './ways.js';

const builtin = process.getBuiltinModule.bind(process) as <T>(name: string) => T;
/** The module of that name, which only costs something when it is asked for by its name. */
const Module = module.constructor as typeof NodeModule;
/** A program that is over by then need not notice that its runtime is gone; in milliseconds. */
const watchMs = 50;

function compiled(fs: typeof nodeFs): Buffer | undefined {
  try {
    return fs.readFileSync(`${__dirname}/context-main.cache`);
  } catch {
    return undefined;
  }
}

type Start = (require: unknown, importUrl: (url: string) => unknown, front: Front) => void;

function compileRest(fs: typeof nodeFs): Start {
  const file = `${__dirname}/context-main.cjs`;
  const cachedData = compiled(fs);
  const { Script } = builtin<typeof vm>('node:vm');
  const text = fs.readFileSync(file, 'latin1');
  const script = new Script(`(function (require, importUrl, front) {${text}\n})`, {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  return script.runInThisContext() as Start;
}

/** The rest of the context, where there was time to compile it before it was needed. */
let startRest: Start | undefined;

function loadRest(front: Front): void {
  startRest ??= compileRest(front.fs);
  startRest(require, (url: string) => import(url), front);
}

/** Where Node would run a file, the context runs the program, which is none of the host's. */
function runInstead(rest: () => Rest): void {
  const modules = Module as unknown as { runMain(): void };
  const { runMain } = modules;
  modules.runMain = () => {
    modules.runMain = runMain;
    rest().startProgram();
  };
}

function install(line: Line): void {
  const { description, isMain } = line;
  const near = new Near(description);
  const { env } = process;
  let loaded: Rest | undefined;
  const rest = (): Rest => {
    if (loaded !== undefined) return loaded;
    near.loading = true;
    loadRest(front);
    near.loading = false;
    return loaded!;
  };
  // The shared module: that of an `import` is a copy.
  const { fs, promises } = installFront(builtin<typeof nodeFs>('node:fs'), near, rest);
  const ready = (made: Rest) => {
    loaded = made;
  };
  const changeDirectory = process.chdir.bind(process);
  let hostname: string | undefined;
  const name = (): string => {
    if (hostname !== undefined) return hostname;
    const module = builtin<typeof os>('node:os');
    hostname = module.hostname();
    nameMachine(module, description);
    return hostname;
  };
  const front: Front = { ...line, near, preload: __filename, fs, promises, changeDirectory, hostname: name, ready };

  process.cwd = () => near.cwd;
  process.chdir = (directory) => rest().changeDirectory(directory);
  const late = (): void => {
    name();
    promises();
    if (isMain) shareLine(line);
    rest().installLate();
    Module.syncBuiltinESMExports();
  };
  const first = { os: () => void name(), 'fs/promises': () => void promises() };
  const hostText = (text: string, file: string): string => rest().hostText(text, file);
  const needLate = watchWays({ Module, builtin, near, preload: __filename, rest, late, hostText, first });
  Object.defineProperty(globalThis, Symbol.for('onesh.context'), { get: () => rest().forModules, configurable: true });
  // Options of Node's that are the context's are none of the program's.
  process.execArgv = [];
  if (isMain) process.argv[1] = description.program;
  if (isMain && description.loads) runInstead(rest);
  // What else is preloaded may import anything.
  if (!isMain || description.imports !== false || env.NODE_OPTIONS !== undefined) needLate();
  // Not now: the first timer costs as much as all that has been done so far.
  if (isMain) setImmediate(() => setTimeout(line.socket, watchMs).unref()).unref();
}

const line = lineOfProcess();
if (line !== undefined) install(line);
else
  whenOrdered(builtin, Module, {
    prepare: (fs) => {
      startRest = compileRest(fs);
    },
    install: (description) => install(lineOf(description)),
  });
