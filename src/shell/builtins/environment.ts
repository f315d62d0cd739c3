/** Utilities about the execution environment: variables, options, aliases, directory, limits. */

import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isName } from '../../../grammar/index.js';
import { lookup } from '../exec/external.js';
import { limits, systemLimit } from '../exec/limits.js';
import { quoteAlways } from '../exec/quote.js';
import { absolute, locate } from '../namespace.js';
import { done, exiting, type MaybePromise, type Outcome, ok, reasonOf, ShellError, then } from '../outcome.js';
import { complain, print } from '../report.js';
import { type Builtin, builtinOf, type Env, type Limit, type OptionName, optionLetters } from '../state.js';
import { count } from './control.js';

/** `export` and `readonly` (XCU 2.15). */
const declare =
  (kind: 'export' | 'readonly'): Builtin['run'] =>
  (args, env) => {
    let operands = args.slice(1);
    if (operands[0] === '-p') operands = operands.slice(1);
    if (operands[0] === '--') operands = operands.slice(1);
    if (operands.length === 0) {
      const shown = env
        .names()
        .filter((name) => (kind === 'export' ? env.variable(name)!.exported : env.variable(name)!.readonly));
      const text = shown.map((name) => {
        const { value } = env.variable(name)!;
        return `${kind} ${name}${value === undefined ? '' : `=${quoteAlways(value)}`}\n`;
      });
      return then(print(env, text.join('')), () => ok);
    }
    for (const operand of operands) {
      const at = operand.indexOf('=');
      const name = at < 0 ? operand : operand.slice(0, at);
      if (!isName(name)) throw new ShellError(`${kind}: ${name}: bad variable name`, 2);
      const change = kind === 'export' ? { exported: true } : { readonly: true };
      env.declare(name, at < 0 ? change : { ...change, value: operand.slice(at + 1) });
    }
    return ok;
  };

/** dash's `local`. */
const local: Builtin['run'] = (args, env) => {
  for (const operand of args.slice(1)) {
    const at = operand.indexOf('=');
    const name = at < 0 ? operand : operand.slice(0, at);
    if (operand === '-') {
      env.makeOptionsLocal();
      continue;
    }
    if (!isName(name)) throw new ShellError(`local: ${name}: bad variable name`, 2);
    env.makeLocal(name);
    if (at >= 0) env.set(name, operand.slice(at + 1));
  }
  return ok;
};

const unset: Builtin['run'] = (args, env) => {
  let i = 1;
  let what: 'v' | 'f' = 'v';
  for (; i < args.length && /^-[vf]+$/.test(args[i]!); i++) what = args[i]!.endsWith('f') ? 'f' : 'v';
  if (args[i] === '--') i += 1;
  for (const name of args.slice(i)) {
    if (what === 'f') env.setFunction(name, undefined);
    else {
      if (!isName(name)) throw new ShellError(`unset: ${name}: bad variable name`, 2);
      env.unset(name);
    }
  }
  return ok;
};

const shift: Builtin['run'] = (args, env) => {
  const by = args[1] === undefined ? 1 : count(args[1], 'shift');
  if (by > env.positional.length) throw new ShellError(`shift: can't shift that many`, 2);
  env.positional = env.positional.slice(by);
  return ok;
};

const byLetter = new Map(
  Object.entries(optionLetters).flatMap(([name, letter]) =>
    letter === '' ? [] : [[letter, name as OptionName] as const],
  ),
);
/** Options a user may change while the shell runs. */
const fixed = new Set<OptionName>(['interactive', 'stdin']);

/** Turns one option on or off. @throws ShellError for what is no option */
export function setOption(env: Env, option: string, on: boolean, long: boolean): void {
  const name = long ? (option in optionLetters ? (option as OptionName) : undefined) : byLetter.get(option as never);
  if (name === undefined || (fixed.has(name) && long))
    throw new ShellError(`set: Illegal option ${long ? '-o ' : '-'}${option}`, 2);
  env.options[name] = on;
  // One editor at a time.
  if (on && name === 'vi') env.options.emacs = false;
  if (on && name === 'emacs') env.options.vi = false;
}

const set: Builtin['run'] = (args, env) => {
  if (args.length === 1) {
    const text = env
      .names()
      .filter((name) => env.variable(name)!.value !== undefined)
      .map((name) => `${name}=${quoteAlways(env.variable(name)!.value!)}\n`);
    return then(print(env, text.join('')), () => ok);
  }
  let i = 1;
  for (; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') {
      env.positional = args.slice(i + 1);
      return ok;
    }
    if (arg === '-') {
      // Historical: turns off -v and -x.
      env.options.verbose = false;
      env.options.xtrace = false;
      i += 1;
      if (i < args.length) env.positional = args.slice(i);
      return ok;
    }
    if (!/^[-+]./.test(arg)) break;
    const on = arg[0] === '-';
    for (const letter of arg.slice(1)) {
      if (letter !== 'o') {
        setOption(env, letter, on, false);
        continue;
      }
      const name = args[++i];
      if (name === undefined) return showOptions(env, on);
      setOption(env, name, on, true);
    }
  }
  if (i < args.length) env.positional = args.slice(i);
  // Nothing more is executed, though it is still read (XCU set -n).
  return env.options.noexec && !env.shell.interactive ? exiting(0) : ok;
};

function showOptions(env: Env, human: boolean): MaybePromise<Outcome> {
  const lines = (Object.keys(optionLetters) as OptionName[])
    .filter((name) => name !== 'hashall' && (human || !fixed.has(name)))
    .map((name) =>
      human
        ? `${name.padEnd(16)}${env.options[name] ? 'on' : 'off'}\n`
        : `set ${env.options[name] ? '-' : '+'}o ${name}\n`,
    );
  return then(print(env, (human ? 'Current option settings\n' : '') + lines.join('')), () => ok);
}

const alias: Builtin['run'] = (args, env) => {
  let status = 0;
  let text = '';
  const show = (name: string, value: string) => {
    text += `${name}=${quoteAlways(value)}\n`;
  };
  const operands = args.slice(args[1] === '--' ? 2 : 1);
  if (operands.length === 0) for (const [name, value] of [...env.aliases].sort()) show(name, value);
  for (const operand of operands) {
    const at = operand.indexOf('=', 1);
    if (at >= 0) {
      env.aliases.set(operand.slice(0, at), operand.slice(at + 1));
      continue;
    }
    const value = env.aliases.get(operand);
    if (value === undefined) {
      complain(env, `alias: ${operand} not found`);
      status = 1;
    } else show(operand, value);
  }
  return then(print(env, text), () => done(status));
};

const unalias: Builtin['run'] = (args, env) => {
  if (args[1] === '-a') {
    env.aliases.clear();
    return ok;
  }
  let status = 0;
  for (const name of args.slice(args[1] === '--' ? 2 : 1)) {
    if (!env.aliases.delete(name)) {
      complain(env, `unalias: ${name} not found`);
      status = 1;
    }
  }
  return done(status);
};

/** `cd` (XCU cd): logical by default; `-P` physical; CDPATH; `cd -`. */
const cd: Builtin['run'] = (args, env) => {
  let i = 1;
  let physical = false;
  for (; i < args.length && /^-[LPe]+$/.test(args[i]!); i++)
    physical = args[i]!.includes('P') || (physical && !args[i]!.includes('L'));
  if (args[i] === '--') i += 1;
  let target = args[i];
  let announce = false;
  if (target === undefined) {
    target = env.get('HOME');
    if (target === undefined || target === '') throw new ShellError('cd: HOME not set', 2);
  } else if (target === '-') {
    target = env.get('OLDPWD');
    if (target === undefined) throw new ShellError('cd: OLDPWD not set', 2);
    announce = true;
  }
  const candidates: { path: string; say: boolean }[] = [];
  if (!/^(\/|\.{1,2}(\/|$))/.test(target)) {
    for (const directory of (env.get('CDPATH') ?? '').split(':')) {
      candidates.push(
        directory === '' ? { path: target, say: announce } : { path: `${directory}/${target}`, say: true },
      );
    }
  }
  candidates.push({ path: target, say: announce });
  return then(firstDirectory(candidates, 0, env, target), ({ path, say }) => {
    const old = env.cwd;
    const next = physical && !path.startsWith('/net/') ? realpathSync(path) : path;
    if (!next.startsWith('/net/') && env.owner) process.chdir(next);
    env.cwd = next;
    env.set('OLDPWD', old);
    env.set('PWD', next);
    return say ? then(print(env, `${next}\n`), () => ok) : ok;
  });
};

function firstDirectory(
  list: readonly { path: string; say: boolean }[],
  from: number,
  env: Env,
  shown: string,
): MaybePromise<{ path: string; say: boolean }> {
  for (let i = from; i < list.length; i++) {
    const { path, say } = list[i]!;
    const place = locate(path, env);
    if (place.kind === 'net') {
      return env.shell.cluster().then(async (cluster) => {
        const reply = await cluster
          .file(place.runtime, { type: 'file.stat', path: place.hostPath, follow: true })
          .catch((error: unknown) => {
            if (i === list.length - 1) throw new ShellError(`cd: can't cd to ${shown}: ${reasonOf(error)}`, 2);
            return undefined;
          });
        if (reply?.type === 'file.stat.reply' && reply.stat.kind === 'directory') {
          // The home runtime's files have shorter names here.
          return { path: place.runtime === cluster.home ? place.hostPath : place.path, say };
        }
        if (i === list.length - 1) throw new ShellError(`cd: can't cd to ${shown}: Not a directory`, 2);
        return firstDirectory(list, i + 1, env, shown);
      });
    }
    const full = logical(path, env);
    try {
      if (statSync(full).isDirectory()) return { path: full, say };
      if (i === list.length - 1) throw new ShellError(`cd: can't cd to ${shown}: Not a directory`, 2);
    } catch (error) {
      if (error instanceof ShellError) throw error;
      if (i === list.length - 1) throw new ShellError(`cd: can't cd to ${shown}: ${reasonOf(error)}`, 2);
    }
  }
  throw new ShellError(`cd: can't cd to ${shown}`, 2);
}

/**
 * Dot-dot components are taken off the text (XCU cd step 8), once what they leave is there; what the operand is relative to may be
 * gone. Two leading slashes stay two (XBD 4.16).
 */
function logical(operand: string, env: Env): string {
  const relative = !operand.startsWith('/');
  const out = relative ? env.cwd.split('/').filter((part) => part !== '') : [];
  const checked = out.length;
  const root = (relative ? env.cwd : operand).startsWith('//') && !operand.startsWith('///') ? '//' : '/';
  for (const part of operand.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else {
      if (out.length > checked && !lstatSync(`/${out.join('/')}`, { throwIfNoEntry: false }))
        return absolute(operand, env);
      out.pop();
    }
  }
  return root + out.join('/');
}

const pwd: Builtin['run'] = (args, env) => {
  const physical = args.slice(1).some((arg) => /^-[LP]*P$/.test(arg));
  const path = physical && !env.cwd.startsWith('/net/') ? realpathSync(env.cwd) : env.cwd;
  return then(print(env, `${path}\n`), () => ok);
};

const umask: Builtin['run'] = (args, env) => {
  let i = 1;
  const symbolic = args[i] === '-S';
  if (symbolic) i += 1;
  if (args[i] === '--') i += 1;
  else if (args[i]?.startsWith('-')) throw new ShellError(`umask: Illegal option ${args[i]}`, 2);
  const mode = args[i];
  if (mode === undefined) {
    const letters = (bits: number) => `${bits & 4 ? 'r' : ''}${bits & 2 ? 'w' : ''}${bits & 1 ? 'x' : ''}`;
    const allowed = ~env.umask & 0o777;
    const text = symbolic
      ? `u=${letters(allowed >> 6)},g=${letters((allowed >> 3) & 7)},o=${letters(allowed & 7)}`
      : env.umask.toString(8).padStart(4, '0');
    return then(print(env, `${text}\n`), () => ok);
  }
  if (/^[0-7]+$/.test(mode)) env.umask = Number.parseInt(mode, 8) & 0o777;
  else env.umask = symbolicMask(mode, env.umask);
  if (env.owner) process.umask(env.umask);
  return ok;
};

function symbolicMask(mode: string, mask: number): number {
  let allowed = ~mask & 0o777;
  for (const clause of mode.split(',')) {
    const found = /^([ugoa]*)([-+=])([rwxX]*)$/.exec(clause);
    if (found === null) throw new ShellError(`umask: Illegal mode: ${mode}`, 2);
    const [, who, operator, what] = found;
    let bits = 0;
    for (const c of what!) bits |= c === 'r' ? 4 : c === 'w' ? 2 : 1;
    for (const [letter, by] of [
      ['u', 6],
      ['g', 3],
      ['o', 0],
    ] as const) {
      if (who !== '' && !who!.includes('a') && !who!.includes(letter)) continue;
      if (operator === '+') allowed |= bits << by;
      else if (operator === '-') allowed &= ~(bits << by);
      else allowed = (allowed & ~(7 << by)) | (bits << by);
    }
  }
  return ~allowed & 0o777;
}

/** CAP_SYS_RESOURCE: a hard limit may be raised. */
function mayRaiseLimits(): boolean {
  try {
    const mask = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return ((BigInt(`0x${mask ?? '0'}`) >> 24n) & 1n) === 1n;
  } catch {
    return false;
  }
}

const ulimit: Builtin['run'] = (args, env) => {
  let soft = false;
  let hard = false;
  let which = 'f';
  let all = false;
  let i = 1;
  for (; i < args.length && /^-[a-zHS]+$/.test(args[i]!); i++) {
    for (const letter of args[i]!.slice(1)) {
      if (letter === 'H') hard = true;
      else if (letter === 'S') soft = true;
      else if (letter === 'a') all = true;
      else if (letter in limits) which = letter;
      else throw new ShellError(`ulimit: Illegal option -${letter}`, 2);
    }
  }
  const current = (letter: string): Limit => env.limits.get(letter) ?? systemLimit(letter);
  const show = (letter: string) => {
    const limit = current(letter);
    const value = hard && !soft ? limit.hard : limit.soft;
    return value < 0n ? 'unlimited' : String(value / limits[letter]!.unit);
  };
  if (all) {
    const text = Object.entries(limits).map(([letter, { name }]) => `${name.padEnd(20)} ${show(letter)}\n`);
    return then(print(env, text.join('')), () => ok);
  }
  const value = args[i];
  if (value === undefined) return then(print(env, `${show(which)}\n`), () => ok);
  if (value !== 'unlimited' && !/^\d+$/.test(value)) throw new ShellError('ulimit: bad number', 2);
  const next = value === 'unlimited' ? -1n : BigInt(value) * limits[which]!.unit;
  const before = current(which);
  const both = soft === hard;
  const after = { soft: soft || both ? next : before.soft, hard: hard || both ? next : before.hard };
  const above = (a: bigint, b: bigint) => b >= 0n && (a < 0n || a > b);
  if (above(after.soft, after.hard)) throw new ShellError('ulimit: error setting limit: Invalid argument', 2);
  if (above(after.hard, before.hard) && !mayRaiseLimits())
    throw new ShellError('ulimit: error setting limit: Operation not permitted', 2);
  env.limits = new Map(env.limits).set(which, after);
  return ok;
};

/** `hash` (XCU hash). */
const hash: Builtin['run'] = (args, env) => {
  if (args[1] === '-r') {
    env.forgetUtilities();
    return ok;
  }
  if (args.length === 1)
    return then(print(env, [...env.remembered].map((name) => `${env.hashed.get(name)}\n`).join('')), () => ok);
  return done(rememberEach(args.slice(1), env));
};

function rememberEach(names: readonly string[], env: Env): number {
  let status = 0;
  for (const name of names) {
    if (name.includes('/') || builtinOf([name], env) !== undefined || env.functions.has(name)) continue;
    if ('status' in lookup(name, env)) {
      complain(env, `hash: ${name}: not found`);
      status = 1;
    }
  }
  return status;
}

export const environment: Readonly<Record<string, Builtin>> = {
  export: { special: true, run: declare('export') },
  readonly: { special: true, run: declare('readonly') },
  set: { special: true, run: set },
  shift: { special: true, run: shift },
  unset: { special: true, run: unset },
  // As in dash, whose errors in it end a script.
  local: { special: true, run: local },
  alias: { special: false, run: alias },
  unalias: { special: false, run: unalias },
  cd: { special: false, run: cd },
  pwd: { special: false, run: pwd },
  umask: { special: false, run: umask },
  ulimit: { special: false, run: ulimit },
  hash: { special: false, run: hash },
};
