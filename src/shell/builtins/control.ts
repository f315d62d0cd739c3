/** Special built-ins that change the flow, and the utilities that run others: `. : break continue eval exec exit return trap command`. */
import { closeSync, readFileSync } from 'node:fs';
import { dup2, execve, SystemError, setDisposition } from '../../host/libc.js';
import { decodeBytes, encodeBytes } from '../../wire/bytes.js';
import { lookup, programEnvironment, signalDefaults, start, waitForeground } from '../exec/external.js';
import { withLimits } from '../exec/limits.js';
import { quoteAlways } from '../exec/quote.js';
import { builtinFailed } from '../exec/simple.js';
import { setTrap } from '../exec/traps.js';
import { absolute, locate } from '../namespace.js';
import {
  done,
  exiting,
  type MaybePromise,
  type Outcome,
  ok,
  reasonOf,
  returning,
  ShellError,
  signalList,
  signalName,
  signalNumber,
  then,
} from '../outcome.js';
import { complain, print, report } from '../report.js';
import { type Builtin, builtinOf, type Env, type Shortcut } from '../state.js';
import { plainDecimal } from '../variables.js';
import { warnOfStopped } from './job-control.js';
import { stat } from './stat.js';

/** A non-negative integer operand. @throws ShellError status 2 */
export function count(text: string, name: string): number {
  const plain = plainDecimal(text);
  if (plain !== undefined && plain >= 0) return plain;
  if (!/^\d+$/.test(text)) throw new ShellError(`${name}: Illegal number: ${text}`, 2);
  return Number(text);
}

const loop =
  (kind: 'break' | 'continue'): Builtin['run'] =>
  (args, env) => {
    const levels = args[1] === undefined ? 1 : count(args[1], kind);
    if (levels < 1) throw new ShellError(`${kind}: Illegal number: ${args[1]}`, 2);
    // More levels than loops means all of them (XCU break); outside any loop dash does nothing.
    if (env.loops === 0) return ok;
    return { status: 0, divert: { kind, levels: Math.min(levels, env.loops) } };
  };

const exit: Builtin['run'] = (args, env) => {
  const status = args[1] === undefined ? (env.trapStatus ?? env.status) : count(args[1], 'exit') & 0xff;
  if (env.shell.interactive && !env.subshell && warnOfStopped(env)) return ok;
  if (!env.subshell) env.shell.exitAsked = true;
  return exiting(status);
};

const returns: Builtin['run'] = (args, env) => {
  const status = args[1] === undefined ? env.status : count(args[1], 'return') & 0xff;
  return returning(status);
};

/** `return 3`, `return $?` and the like without fields. */
const quickReturn: Shortcut = (words) => {
  const operand = words[1];
  if (operand === undefined) return (env) => returning(env.status);
  const { integer, single } = operand;
  if (words.length > 2 || integer === undefined || single === undefined) return undefined;
  return (env) => {
    const status = integer(env);
    return status === undefined || status < 0 ? undefined : returning(status);
  };
};

/** For a utility that does nothing with its operands, where expanding them does nothing either. */
const quick =
  (outcome: Outcome): Shortcut =>
  (words) =>
    words.every(({ constant, single }) => constant !== undefined && single !== undefined) ? () => outcome : undefined;

/** `. file` (XCU dot): the file in PATH, run here. */
const dot: Builtin['run'] = (args, env) => {
  const name = args[1] === '--' ? args[2] : args[1];
  if (name === undefined) throw new ShellError('.: filename argument required', 2);
  return then(readDot(name, findDot(name, env), env), (text) => runDot(text, env));
};

/** The text of a dot script, wherever its file is. */
function readDot(name: string, path: string, env: Env): MaybePromise<string> {
  const failed = (error: unknown): never => {
    throw new ShellError(`.: cannot open ${name}: ${reasonOf(error)}`, 2);
  };
  try {
    const place = locate(path, env);
    if (place.kind === 'host') return decodeBytes(readFileSync(path.isWellFormed() ? path : encodeBytes(path)));
    return readRemote(place.path, env).catch(failed);
  } catch (error) {
    return failed(error);
  }
}

async function readRemote(path: string, env: Env): Promise<string> {
  const cluster = await env.shell.cluster();
  const reader = await cluster.openPath(path, 'read');
  const chunks: Uint8Array[] = [];
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read()) chunks.push(chunk);
  return decodeBytes(Buffer.concat(chunks));
}

function runDot(text: string, env: Env): MaybePromise<Outcome> {
  const { line } = env;
  env.dotted += 1;
  const leave = () => {
    env.dotted -= 1;
    env.line = line;
  };
  const finish = (outcome: Outcome): Outcome => {
    leave();
    return outcome.divert?.kind === 'return' ? done(outcome.status) : outcome;
  };
  try {
    const result = env.shell.evaluate(text, env);
    return result instanceof Promise
      ? result.then(finish, (error) => {
          leave();
          throw error;
        })
      : finish(result);
  } catch (error) {
    leave();
    throw error;
  }
}

function findDot(name: string, env: Env): string {
  if (name.includes('/')) return absolute(name, env);
  for (const directory of (env.get('PATH') ?? '').split(':')) {
    const path = absolute(directory === '' ? name : `${directory}/${name}`, env);
    try {
      readFileSync(path, { flag: 'r' });
      return path;
    } catch {
      // the next directory
    }
  }
  throw new ShellError(`.: ${name}: not found`, 2);
}

const evaluate: Builtin['run'] = (args, env) => {
  const text = args.slice(args[1] === '--' ? 2 : 1).join(' ');
  if (text.trim() === '') return ok;
  return env.shell.evaluate(text, env);
};

/** `exec command`: replaces the shell; in a subshell of this process, the subshell. */
const exec: Builtin['run'] = (args, env) => {
  const argv = args.slice(args[1] === '--' ? 2 : 1);
  const name = argv[0];
  if (name === undefined) return ok;
  const found = lookup(name, env);
  if ('status' in found) {
    complain(env, `exec: ${found.message}`);
    return exiting(found.status);
  }
  const environment = programEnvironment(env, []);
  // A subshell in the process of its shell cannot give that up: it waits for the program and ends with it.
  if (!env.owner || env.shell.activity.concurrent > 0 || env.shell.flushes.size > 0) {
    const child = start({ path: found.path, argv, environment, text: argv.join(' ') }, env, undefined);
    return then(waitForeground([child], '', undefined, env), (outcome) => exiting(outcome.status));
  }
  try {
    handOver(env.files.hostMap());
    for (const signal of signalDefaults(env)) setDisposition(signal, 'default');
    process.umask(env.umask);
    const limited = withLimits(found.path, argv, env);
    execve(limited.file, limited.argv, environment);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.code === 'ENOEXEC') {
      const script = [...env.shell.self, found.path, ...argv.slice(1)];
      return execve(script[0]!, script, environment);
    }
    complain(env, `exec: ${name}: ${error.code === 'EACCES' ? 'Permission denied' : error.code}`);
    return exiting(126);
  }
};

/** Puts our descriptors where a program expects them. One that stands where another must go is moved away first. */
function handOver(map: readonly (readonly [target: number, ours: number])[]): void {
  const targets = new Set(map.map(([target]) => target));
  let spare = 200 + Math.max(...map.flat());
  const moved = map.map(([target, ours]) => {
    if (ours === target || !targets.has(ours)) return [target, ours] as const;
    spare += 1;
    dup2(ours, spare);
    return [target, spare] as const;
  });
  for (const [target, ours] of moved) dup2(ours, target);
  for (const [, ours] of moved) if (!targets.has(ours)) closeSync(ours);
  for (const fd of [0, 1, 2]) if (!targets.has(fd)) closeSync(fd);
}

/** `trap` (XCU 2.15). */
const trap: Builtin['run'] = (args, env) => {
  let rest = args.slice(1);
  if (rest[0] === '--') rest = rest.slice(1);
  else if (rest[0] === '-p') return printTraps(env, rest.slice(1));
  if (rest.length === 0) return printTraps(env, []);
  let action: string | undefined = rest[0]!;
  let names = rest.slice(1);
  // An unsigned integer first, or one operand: every operand is a condition to reset.
  if (action === '-' || /^\d+$/.test(action) || names.length === 0) {
    if (action !== '-') names = rest;
    action = undefined;
  }
  env.inheritedTraps = undefined;
  let status = 0;
  for (const name of names) {
    const signal = signalNumber(name);
    if (signal === undefined) {
      complain(env, `trap: ${name}: bad trap`);
      status = 1;
      continue;
    }
    setTrap(env, signal, action);
  }
  return done(status);
};

function printTraps(env: Env, names: readonly string[]): MaybePromise<Outcome> {
  const table = env.inheritedTraps ?? env.traps;
  const wanted = names.map(signalNumber);
  const signals = names.length > 0 ? wanted : [0, ...signalList().map(([n]) => n)];
  let text = '';
  for (const signal of signals) {
    if (signal === undefined) continue;
    const action = table.get(signal);
    if (action !== undefined)
      text += `trap -- ${quoteAlways(action === 'ignore' ? '' : action)} ${signal === 0 ? 'EXIT' : signalName(signal)}\n`;
    else if (names.length > 0) text += `trap -- - ${signal === 0 ? 'EXIT' : signalName(signal)}\n`;
  }
  return then(print(env, text), () => ok);
}

/** `command` (XCU command): no functions; a special built-in's errors are not fatal; `-v` and `-V` say what a name is. */
const command: Builtin['run'] = (args, env) => {
  let i = 1;
  let describe: 'v' | 'V' | undefined;
  let standard = false;
  for (; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      i += 1;
      break;
    }
    if (!/^-./.test(arg)) break;
    if (!/^-[pvV]+$/.test(arg)) throw new ShellError(`command: Illegal option ${arg}`, 2);
    if (arg.includes('p')) standard = true;
    if (arg.includes('v')) describe = 'v';
    if (arg.includes('V')) describe = 'V';
  }
  const words = args.slice(i);
  const path = standard ? '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' : undefined;
  if (words.length === 0) return ok;
  if (describe !== undefined)
    return describeNames(words.slice(0, describe === 'v' ? 1 : undefined), describe, env, path);
  const builtin = builtinOf(words, env);
  if (builtin !== undefined) {
    try {
      const result = builtin.run(words, env);
      return result instanceof Promise ? result.catch((error) => unfatal(error, words[0]!, env)) : result;
    } catch (error) {
      return unfatal(error, words[0]!, env);
    }
  }
  const found = lookup(words[0]!, env, path);
  if ('status' in found) return report(new ShellError(found.message, found.status), env);
  const child = start(
    { path: found.path, argv: words, environment: env.environment(), text: words.join(' ') },
    env,
    undefined,
  );
  if (env.capture?.file.piped) env.capture.file.drain(env.shell.activity);
  return waitForeground([child], words.join(' '), undefined, env);
};

function unfatal(error: unknown, name: string, env: Env): Outcome {
  if (error instanceof ShellError) return report(new ShellError(error.message, error.status), env);
  return builtinFailed(error, name, env);
}

const reserved = new Set([
  '!',
  '{',
  '}',
  'case',
  'do',
  'done',
  'elif',
  'else',
  'esac',
  'fi',
  'for',
  'if',
  'in',
  'then',
  'until',
  'while',
]);

/** What a name is to the shell, as `command` says it; undefined: nothing. */
function describe(name: string, how: 'v' | 'V', env: Env, path?: string): MaybePromise<string | undefined> {
  const say = (what: string) => (how === 'v' ? name : `${name} is ${what}`);
  const alias = env.aliases.get(name);
  const builtin = builtinOf([name], env);
  if (reserved.has(name)) return say('a shell keyword');
  if (alias !== undefined)
    return how === 'v' ? `alias ${name}=${quoteAlways(alias)}` : `${name} is an alias for ${alias}`;
  if (builtin?.special) return say('a special shell builtin');
  if (env.functions.has(name)) return say('a shell function');
  if (builtin !== undefined) return say('a shell builtin');
  if (name.includes('/') && locate(name, env).kind === 'net')
    return then(stat(name, env, true), (file) =>
      file?.kind === 'file' && (file.mode & 0o111) !== 0 ? say(name) : undefined,
    );
  const found = lookup(name, env, path);
  if (!('path' in found)) return undefined;
  return how === 'v' ? found.path : say(found.path);
}

/** `command -v`, `command -V`, `type`. */
export function describeNames(
  names: readonly string[],
  how: 'v' | 'V',
  env: Env,
  path?: string,
): MaybePromise<Outcome> {
  let text = '';
  let status = 0;
  const from = (i: number): MaybePromise<Outcome> => {
    const name = names[i];
    if (name === undefined) return then(print(env, text), () => done(status));
    return then(describe(name, how, env, path), (what) => {
      if (what !== undefined) text += `${what}\n`;
      else {
        status = 127;
        if (how === 'V') complain(env, `${name}: not found`);
      }
      return from(i + 1);
    });
  };
  return from(0);
}

const type: Builtin['run'] = (args, env) => describeNames(args.slice(1), 'V', env);

export const control: Readonly<Record<string, Builtin>> = {
  ':': { special: true, run: () => ok, shortcut: quick(ok) },
  '.': { special: true, run: dot },
  break: { special: true, run: loop('break') },
  continue: { special: true, run: loop('continue') },
  eval: { special: true, run: evaluate },
  exec: { special: true, run: exec },
  exit: { special: true, run: exit },
  return: { special: true, run: returns, shortcut: quickReturn },
  trap: { special: true, run: trap },
  true: { special: false, run: () => ok, shortcut: quick(ok) },
  false: { special: false, run: () => done(1), shortcut: quick(done(1)) },
  command: { special: false, run: command },
  type: { special: false, run: type },
};
