/**
 * Does the cluster have a part in this command? Asked for every program a script runs, so the answer for an ordinary one
 * must cost next to nothing: a look at its words.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Program } from '../../wire/graph.js';
import type { RuntimeName } from '../../wire/ids.js';
import { isHostText, locate, type Place } from '../namespace.js';
import type { Env } from '../state.js';

/** `on NAME command …` and `on '#label' command …`: where the user wants it. */
export interface Selector {
  readonly kind: 'runtime' | 'label';
  readonly name: string;
  /** Where it is not the user who says so. */
  readonly why?: string;
}

/** Argument `index` names a path that is not this machine's. */
export interface RemoteOperand {
  readonly index: number;
  readonly place: Exclude<Place, { kind: 'host' }>;
}

/** `absolute`: words that are not are left to whoever has the working directory. */
export function remoteOperands(fields: readonly string[], env: Env, absolute = false): RemoteOperand[] {
  const found: RemoteOperand[] = [];
  for (let index = 1; index < fields.length; index++) {
    const text = fields[index]!;
    if (text === '' || text.startsWith('-') || isHostText(text, env)) continue;
    if (absolute && !text.startsWith('/')) continue;
    const place = locate(text, env);
    if (place.kind !== 'host') found.push({ index, place });
  }
  return found;
}

/** The runtime that the working directory is of, when it is in /net. */
export function workingRuntime(env: Env): RuntimeName | undefined {
  if (!env.cwd.startsWith('/net/')) return undefined;
  const place = locate(env.cwd, env);
  return place.kind === 'net' ? place.runtime : undefined;
}

/** True when the command must be planned rather than just started. */
export function wantsPlan(fields: readonly string[], env: Env): boolean {
  if (fields[0] === 'on' || env.cwd.startsWith('/net/')) return true;
  for (let i = 1; i < fields.length; i++) {
    if (!isHostText(fields[i]!, env)) {
      if (remoteOperands(fields, env).length > 0) return true;
      break;
    }
  }
  if (!isHostText(fields[0]!, env)) return locate(fields[0]!, env).kind !== 'host';
  return mayReachOut(fields[0]!, env) && reachesOut(readProgram(fields, env), env);
}

/** Only where there is anything to reach: a cluster, or a GPIO line of this machine. */
const mayReachOut = (name: string, env: Env): boolean =>
  (name.includes('/') || isInterpreter(name)) && (env.shell.clustered() || env.shell.hasGpio());

/** Its text names what the host has not: GPIO lines, files of other machines, devices. */
function reachesOut(program: FoundProgram | undefined, env: Env): boolean {
  if (program === undefined || program.kind === 'wasm') return false;
  const { kind, text } = program;
  if (kind === 'node' && text.includes('onoff')) return true;
  if (!env.shell.clustered()) return false;
  if (/["'`\s=(]\/net\/[a-z0-9$]/.test(text)) return true;
  const devices = new Set(text.match(/(?<=["'`\s=(])\/dev\/[\w.-]+/g));
  return [...devices].some((path) => locate(path, env).kind === 'device');
}

/** A program with a context of its own: a file named by a path, or what an interpreter's name and arguments say. */
export type FoundProgram = Extract<Program, { kind: 'node' | 'python' | 'wasm' }>;

/** undefined: the command is a native program. */
export function readProgram(argv: readonly string[], env: Env): FoundProgram | undefined {
  const name = argv[0]!;
  if (!name.includes('/')) return interpreted(argv, env);
  const place = locate(name, env);
  if (place.kind !== 'host') return undefined;
  const { path } = place;
  try {
    const language = languageOf(path);
    if (language === undefined) return undefined;
    if (language === 'wasm') return { kind: 'wasm', path, bytes: readFileSync(path).toString('base64') };
    return { kind: language, path, text: readFileSync(path, 'utf8') };
  } catch {
    return undefined;
  }
}

/** By the name's ending, the `#!` line, or a WebAssembly module's first bytes. @throws the system's error */
function languageOf(path: string): FoundProgram['kind'] | undefined {
  if (/\.[cm]?js$/.test(path)) return 'node';
  if (path.endsWith('.py')) return 'python';
  const fd = openSync(path, 'r');
  const head = Buffer.alloc(128);
  const length = readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  const text = head.toString('latin1', 0, length);
  if (text.startsWith('\0asm')) return 'wasm';
  const interpreter = /^#![^\n]*\b(node|python(?:3(?:\.\d+)?)?)\b/.exec(text)?.[1];
  return interpreter === undefined ? undefined : interpreter === 'node' ? 'node' : 'python';
}

const isInterpreter = (name: string): boolean => /^(?:node|python3?(?:\.\d+)?)$/.test(name);

/** Options of `python3` that take the next argument as their value. */
const valued = new Set(['-W', '-X', '--check-hash-based-pycs']);

/** `python3 [option …] FILE | -m MODULE | -c COMMAND`, `node FILE`. Anything else is a native program's affair. */
function interpreted(argv: readonly string[], env: Env): FoundProgram | undefined {
  if (!isInterpreter(argv[0]!)) return undefined;
  if (argv[0] === 'node') {
    const script = argv[1];
    if (script === undefined || script.startsWith('-')) return undefined;
    const found = readProgram([script.includes('/') ? script : `./${script}`], env);
    return found?.kind === 'node' ? { ...found, first: 2 } : undefined;
  }
  const options: string[] = [];
  for (let i = 1; i < argv.length; i++) {
    const word = argv[i]!;
    const next = argv[i + 1];
    if (word === '-') return { kind: 'python', source: 'stdin', path: '-', text: '', options, first: i + 1 };
    if (word === '-m' || word === '-c') {
      if (next === undefined) return undefined;
      const what = word === '-m' ? { path: next, text: '' } : { path: '-c', text: next };
      return { kind: 'python', source: word === '-m' ? 'module' : 'command', ...what, options, first: i + 2 };
    }
    if (valued.has(word)) {
      if (next === undefined) return undefined;
      options.push(word, next);
      i += 1;
    } else if (/^-[bBdEIOPqsSuvx]+$/.test(word)) options.push(word);
    else if (word.startsWith('-')) return undefined;
    else {
      const place = locate(word, env);
      if (place.kind !== 'host') return undefined;
      try {
        return { kind: 'python', path: place.path, text: readFileSync(place.path, 'utf8'), options, first: i + 1 };
      } catch {
        return undefined;
      }
    }
  }
  return undefined;
}
