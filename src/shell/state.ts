/**
 * The shell execution environment (XCU 2.13): open files, working directory, umask, traps, parameters, functions, options,
 * aliases, jobs. A subshell's is a copy that costs little until either side writes.
 */
import type { FunctionDefinition } from '../../grammar/index.js';
import type { WordCode } from './expand/words.js';
import { type Activity, type Capture, FileTable } from './files.js';
import type { History } from './history.js';
import type { Jobs } from './jobs.js';
import { fatal, type MaybePromise, type Outcome } from './outcome.js';
import type { ClusterPort } from './plan/cluster.js';
import { knownSlot, nameOf, slotOf, textVariable, Variable } from './variables.js';

/** `set -o` names by letter (XCU 2.15 set); `''`: has no letter. */
export const optionLetters = {
  allexport: 'a',
  notify: 'b',
  noclobber: 'C',
  errexit: 'e',
  noglob: 'f',
  hashall: 'h',
  ignoreeof: '',
  interactive: 'i',
  monitor: 'm',
  noexec: 'n',
  nolog: '',
  pipefail: '',
  stdin: 's',
  nounset: 'u',
  verbose: 'v',
  vi: '',
  emacs: '',
  xtrace: 'x',
} as const;
export type OptionName = keyof typeof optionLetters;

const optionsOff = Object.fromEntries(Object.keys(optionLetters).map((name) => [name, false])) as Record<
  OptionName,
  boolean
>;

/** Compiled source: runs in an environment. */
export type Code = (env: Env) => MaybePromise<Outcome>;

/** A compiled function. `run` has the definition's redirections in it. */
export interface ShellFunction {
  readonly definition: FunctionDefinition;
  readonly run: Code;
}

/** A built-in utility (XCU 2.15: special; 1.4: regular). */
export interface Builtin {
  readonly special: boolean;
  run(args: readonly string[], env: Env): MaybePromise<Outcome>;
  readonly shortcut?: Shortcut;
  /** False for words, name included, that are the program's of the same name. */
  takes?(words: readonly string[], env: Env): boolean;
}

/** The built-in that a command with these words is, if any. Functions come before those that are not special. */
export function builtinOf(words: readonly string[], env: Env): Builtin | undefined {
  const found = env.shell.builtins.get(words[0]!);
  return found?.takes?.(words, env) === false ? undefined : found;
}

/**
 * Makes a short way for a command with these words, name included, if there is one: it gives the outcome, or undefined where
 * `run` has to, and has changed nothing then.
 */
export type Shortcut = (words: readonly WordCode[]) => ((env: Env) => Outcome | undefined) | undefined;

/** What one process has once, whichever of its environments is running. */
export interface Shell {
  readonly activity: Activity;
  readonly jobs: Jobs;
  readonly builtins: ReadonlyMap<string, Builtin>;
  /** Text for `$0` and messages. */
  readonly name: string;
  /** `$$`: the process id of the main shell, in subshells too. */
  readonly pid: number;
  readonly ppid: number;
  readonly interactive: boolean;
  /** The cluster, or the embedded default; connected on first use. */
  readonly cluster: () => Promise<ClusterPort>;
  /** True when a runtime of a cluster runs on this machine, without connecting to it. */
  readonly clustered: () => boolean;
  /** Names in /dev that are devices of the home runtime's configuration, without connecting. */
  readonly deviceNames: () => ReadonlySet<string>;
  /** True when the home runtime has a GPIO line, by its configuration. */
  readonly hasGpio: () => boolean;
  /** How to start another onesh: the program and its leading arguments. */
  readonly self: readonly string[];
  /** How to run a WebAssembly command: what comes before its file. */
  readonly wasm: readonly string[];
  /** Parses and runs text in an environment: `eval`, traps, dot scripts. Injected: the interpreter is above this. */
  readonly evaluate: (text: string, env: Env) => MaybePromise<Outcome>;
  /** Expands a prompt (XCU 2.5.3 PS1, PS2, PS4); text that cannot be expanded is given as it is. Injected like `evaluate`. */
  readonly expandPrompt: (text: string, env: Env) => MaybePromise<string>;
  /** Writes to other machines that are still under way; the shell does not exit before them. */
  readonly flushes: Set<Promise<unknown>>;
  /** Signals that arrived and whose traps have not run. */
  readonly pendingSignals: number[];
  /** Wakes whoever waits for something a trap may end (`wait`, an interactive prompt). */
  onSignal: (() => void) | undefined;
  /**
   * The signal that ends what is under way: all of it unwinds to the top. An interactive session goes on from there (Ctrl-C);
   * any other shell ends by the same signal, so that its parent knows.
   */
  interrupted: number | undefined;
  /** Ctrl-Z was typed, and no job had the terminal yet: the next that gets it is to stop. Until the next prompt. */
  stopAsked: boolean;
  /** `exit` was given: the interactive session really ends. */
  exitAsked: boolean;
  /** Above 0: the user has been told of stopped jobs, so that leaving now is meant. */
  jobWarning: number;
  /** The commands entered, in an interactive session. */
  history: History | undefined;
  /** The controlling terminal, when this shell does job control. */
  terminal: number | undefined;
  /** Numbers of the signals that were ignored when the shell started: they cannot be trapped (XCU 2.15 trap). */
  readonly ignoredAtStart: ReadonlySet<number>;
  /** Descends while a loop runs; at 0 it yields to the event loop. */
  budget: number;
  lastYield: number;
}

export type TrapAction = string | 'ignore';

/** A resource limit in bytes, seconds or things; -1n: none. */
export interface Limit {
  readonly soft: bigint;
  readonly hard: bigint;
}

const specials: Readonly<Record<string, true>> = {
  '@': true,
  '*': true,
  '#': true,
  '?': true,
  '-': true,
  $: true,
  '!': true,
};

let marks = 0;
const nextMark = (): number => {
  marks += 1;
  return marks;
};

const lineSlot = slotOf('LINENO');
const pathSlot = slotOf('PATH');
const ifsSlot = slotOf('IFS');

export class Env {
  /** By slot. May be shorter than there are slots. */
  private variables: (Variable | undefined)[];
  private variablesShared = false;
  /** Of the variables that are this environment's alone; another one after each fork. */
  private mark = nextMark();
  /** One map per function call in progress that has locals: name -> what the name meant outside. */
  private locals: Map<string, Variable | undefined>[] = [];
  /** Options to put back on return, by the depth of the function call that has them local. */
  private localOptions: Map<number, Record<OptionName, boolean>> | undefined;
  functions: Map<string, ShellFunction>;
  private functionsShared = false;
  aliases: Map<string, string>;
  positional: readonly string[] = [];
  readonly options: Record<OptionName, boolean>;
  /** Signal number (0: EXIT) -> action. */
  traps = new Map<number, TrapAction>();
  /** This process's own environment, whose traps are the process's; a subshell in the same process is none. */
  readonly owner: boolean;
  /** `$?` as it was when the trap action under way began. */
  trapStatus: number | undefined;
  /** Signals that a trap in a subshell of this process made the process catch. */
  caught: Set<number> | undefined;
  /** What `trap` prints in a subshell until it sets one (XCU 2.15 trap). */
  inheritedTraps: ReadonlyMap<number, TrapAction> | undefined;
  files: FileTable;
  cwd: string;
  umask: number;
  /** `$?` */
  status = 0;
  /** The command substitution this environment writes to, and the only command in it, if there is just one. */
  capture: { readonly file: Capture; readonly sole: object | undefined } | undefined;
  /** Status of the last command substitution of the current command. */
  substituted: number | undefined;
  /** `$!` */
  lastAsync: number | undefined;
  loops = 0;
  calls = 0;
  dotted = 0;
  subshell = false;
  line = 1;
  /** errexit does not apply: a condition, `!`, a non-last part of an and-or list (XCU 2.15 set -e). */
  tested = 0;
  /** Where `command -v` and execution remember utilities: name -> path. */
  hashed: Map<string, string>;
  /** Those of them that `hash` lists: a subshell's are its own. */
  remembered: Set<string>;
  /** Resource limits that `ulimit` set, by its option letter: those of the programs started here, never of this process. */
  limits: ReadonlyMap<string, Limit> = noLimits;
  private environmentCache: readonly string[] | undefined;
  private ifsCache: { readonly value: string | undefined; readonly ifs: Ifs } | undefined;
  /** Text of the script file, for messages; undefined with -c and standard input. */
  source: string | undefined;

  constructor(
    readonly shell: Shell,
    from?: Env,
    files?: FileTable,
  ) {
    this.owner = from === undefined;
    if (from === undefined) {
      this.options = { ...optionsOff };
      this.variables = [];
      this.functions = new Map();
      this.aliases = new Map();
      this.hashed = new Map();
      this.remembered = new Set();
      this.files = files ?? FileTable.standard();
      this.cwd = '/';
      this.umask = 0o022;
      return;
    }
    this.options = { ...from.options };
    from.variablesShared = true;
    from.mark = nextMark();
    from.functionsShared = true;
    this.variables = from.variables;
    this.variablesShared = true;
    this.functions = from.functions;
    this.functionsShared = true;
    this.aliases = new Map(from.aliases);
    this.positional = from.positional;
    this.files = from.files.fork();
    this.cwd = from.cwd;
    this.umask = from.umask;
    this.status = from.status;
    this.lastAsync = from.lastAsync;
    this.trapStatus = from.trapStatus;
    this.calls = from.calls;
    this.dotted = from.dotted;
    this.line = from.line;
    this.tested = from.tested;
    this.subshell = true;
    this.capture = from.capture;
    this.loops = from.loops;
    this.source = from.source;
    this.limits = from.limits;
    this.hashed = from.hashed;
    this.remembered = from.remembered;
    this.environmentCache = from.environmentCache;
    this.ifsCache = from.ifsCache;
    // A subshell keeps ignored signals; other traps are reset (XCU 2.13) but still printed by `trap` alone.
    this.inheritedTraps = from.inheritedTraps;
    if (from.traps.size > 0) {
      this.inheritedTraps ??= new Map(from.traps);
      for (const [signal, action] of from.traps) if (action === 'ignore') this.traps.set(signal, action);
    }
  }

  fork(): Env {
    return new Env(this.shell, this);
  }

  // --- variables ------------------------------------------------------------------------------------------------------

  /** Puts a variable, or none, into a slot of an array that is this environment's own. */
  private put(slot: number, variable: Variable | undefined): void {
    if (this.variablesShared) {
      this.variables = this.variables.slice();
      this.variablesShared = false;
    }
    const { variables } = this;
    while (variables.length <= slot) variables.push(undefined);
    variables[slot] = variable;
  }

  variable(name: string): Variable | undefined {
    const slot = knownSlot(name);
    return slot === undefined ? undefined : this.variables[slot]?.kept();
  }

  get(name: string): string | undefined {
    const slot = knownSlot(name);
    return slot === undefined ? undefined : this.valueAt(slot);
  }

  valueAt(slot: number): string | undefined {
    if (slot === lineSlot) return String(this.line);
    return this.variables[slot]?.value;
  }

  /** {@link Variable.integer} of what is in a slot; undefined too where nothing is. */
  integerAt(slot: number): number | undefined {
    return slot === lineSlot ? this.line : this.variables[slot]?.integer;
  }

  /** @throws ShellError when the variable is read-only (an assignment error, XCU 2.8.1). */
  set(name: string, value: string): void {
    this.assign(slotOf(name), value, null);
  }

  /** {@link set} by slot. @throws ShellError when the variable is read-only */
  setAt(slot: number, value: string): void {
    this.assign(slot, value, null);
  }

  /** Assigns a number's decimal form, without making it before it is looked at. @throws ShellError when the variable is read-only */
  setInteger(slot: number, value: number | bigint): void {
    if (typeof value === 'number') this.assign(slot, undefined, value);
    else this.assign(slot, String(value), null);
  }

  private assign(slot: number, text: string | undefined, number: number | null): void {
    const old = this.variables[slot];
    let exported = this.options.allexport;
    if (old !== undefined) {
      if (old.readonly) throw fatal(`${nameOf(slot)}: is read only`);
      exported ||= old.exported;
    }
    if (exported) this.environmentCache = undefined;
    if (slot === pathSlot) this.forgetUtilities();
    if (old?.exported === exported && old.reassign(text, number, this.mark)) return;
    this.put(slot, new Variable(text, number, exported, false, this.mark));
  }

  /** @throws ShellError when the variable is read-only. */
  assignable(name: string): void {
    if (this.variable(name)?.readonly) throw fatal(`${name}: is read only`);
  }

  /** Changes a variable's attributes, keeping its value unless one is given. */
  declare(name: string, change: { value?: string; exported?: boolean; readonly?: boolean }): void {
    if (change.value !== undefined) this.set(name, change.value);
    const slot = slotOf(name);
    const old = this.variables[slot] ?? none;
    const exported = change.exported ?? old.exported;
    if (exported || old.exported) this.environmentCache = undefined;
    this.put(slot, old.with(exported, change.readonly ?? old.readonly));
  }

  /** Gives a variable the value that it has when the shell starts. */
  receive(name: string, value: string, exported: boolean): void {
    this.put(slotOf(name), textVariable(value, exported, false));
  }

  /** Sets and exports a variable for a while; gives what {@link restore} puts back. @throws ShellError when it is read-only */
  override(name: string, value: string): Variable | undefined {
    const slot = slotOf(name);
    const old = this.variables[slot]?.kept();
    if (old?.readonly) throw fatal(`${name}: is read only`);
    this.exchange(slot, textVariable(value, true, false));
    return old;
  }

  unset(name: string): void {
    const old = this.variable(name);
    if (old === undefined) return;
    if (old.readonly) throw fatal(`${name}: is read only`);
    this.restore(name, undefined);
  }

  /** Puts back what {@link variable} gave before, read-only or not. */
  restore(name: string, old: Variable | undefined): void {
    this.exchange(slotOf(name), old);
  }

  private exchange(slot: number, variable: Variable | undefined): void {
    this.put(slot, variable);
    this.environmentCache = undefined;
    if (slot === pathSlot) this.forgetUtilities();
  }

  forgetUtilities(): void {
    this.hashed = new Map();
    this.remembered = new Set();
  }

  names(): string[] {
    return this.variables.flatMap((variable, slot) => (variable === undefined ? [] : nameOf(slot))).sort();
  }

  /** `NAME=value` of every exported variable; the same array while nothing exported changes. */
  environment(): readonly string[] {
    if (this.environmentCache === undefined) {
      const list: string[] = [];
      this.variables.forEach((variable, slot) => {
        if (variable?.exported && variable.value !== undefined) list.push(`${nameOf(slot)}=${variable.value}`);
      });
      this.environmentCache = list;
    }
    return this.environmentCache;
  }

  ifs(): Ifs {
    const value = this.variables[ifsSlot]?.value;
    if (this.ifsCache === undefined || this.ifsCache.value !== value) this.ifsCache = { value, ifs: ifsOf(value) };
    return this.ifsCache.ifs;
  }

  // --- functions ------------------------------------------------------------------------------------------------------

  setFunction(name: string, body: ShellFunction | undefined): void {
    if (this.functionsShared) {
      this.functions = new Map(this.functions);
      this.functionsShared = false;
    }
    if (body === undefined) this.functions.delete(name);
    else this.functions.set(name, body);
  }

  enterFunction(): void {
    this.calls += 1;
    this.locals.push(noLocals);
  }

  leaveFunction(): void {
    this.calls -= 1;
    const locals = this.locals.pop();
    if (locals === undefined || (locals === noLocals && this.localOptions === undefined)) return;
    for (const [name, old] of locals) this.restore(name, old);
    const saved = this.localOptions?.get(this.calls);
    if (saved === undefined) return;
    Object.assign(this.options, saved);
    this.localOptions!.delete(this.calls);
  }

  /** dash's `local`: the name keeps its value and attributes until assigned; restored on return. */
  makeLocal(name: string): void {
    let frame = this.locals.at(-1);
    if (frame === undefined) throw fatal('local: not in a function');
    if (frame === noLocals) {
      frame = new Map();
      this.locals[this.locals.length - 1] = frame;
    }
    if (!frame.has(name)) frame.set(name, this.variable(name));
  }

  /** dash's `local -`: the options are as they were on return. */
  makeOptionsLocal(): void {
    if (this.calls === 0) throw fatal('local: not in a function');
    this.localOptions ??= new Map();
    const depth = this.calls - 1;
    if (!this.localOptions.has(depth)) this.localOptions.set(depth, { ...this.options });
  }

  // --- special parameters ---------------------------------------------------------------------------------------------

  /** The value of a parameter as one string; `@` and `*` are the caller's. undefined: unset. XCU 2.5. */
  parameter(name: string): string | undefined {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57)
      return first === 48 && name.length === 1 ? this.argv0() : this.positional[Number(name) - 1];
    if (specials[name] !== true) return this.get(name);
    switch (name) {
      case '#':
        return String(this.positional.length);
      case '?':
        return String(this.status);
      case '$':
        return String(this.shell.pid);
      case '!':
        return this.lastAsync === undefined ? undefined : String(this.lastAsync);
      case '-':
        return this.flags();
      default:
        return this.positional.join(this.ifs().join);
    }
  }

  argv0(): string {
    return this.source ?? this.shell.name;
  }

  /** `$-` */
  flags(): string {
    let text = '';
    for (const [name, letter] of Object.entries(optionLetters))
      if (letter !== '' && this.options[name as OptionName]) text += letter;
    return text;
  }
}

const none = textVariable(undefined, false, false);

const noLimits: ReadonlyMap<string, Limit> = new Map();

const noLocals: Map<string, Variable | undefined> = new Map();

/** What a character does in field splitting. */
export enum Separates {
  no = 0,
  /** IFS white space. */
  white = 1,
  other = 2,
}

/** IFS taken apart (XCU 2.6.5). */
export interface Ifs {
  /** Separator for `"$*"`: the first character, nothing if IFS is null, a space if unset. */
  readonly join: string;
  /** By character below 128. */
  readonly kinds: readonly Separates[];
  /** The separators above 127. */
  readonly wide: string;
  /** By character below 128: 1 where a field may end, or a pattern begins. */
  readonly ends: Uint8Array;
  /** A digit or the minus sign is a separator. */
  readonly splitsNumbers: boolean;
}

/** What a UTF-16 unit separates. */
export const separates = (unit: number, { kinds, wide }: Ifs): Separates =>
  unit < 128 ? kinds[unit]! : wide !== '' && wide.includes(String.fromCharCode(unit)) ? Separates.other : Separates.no;

const known = new Map<string | undefined, Ifs>();

function ifsOf(value: string | undefined): Ifs {
  let ifs = known.get(value);
  if (ifs === undefined) {
    ifs = makeIfs(value);
    if (known.size > 16) known.clear();
    known.set(value, ifs);
  }
  return ifs;
}

function makeIfs(value: string | undefined): Ifs {
  const text = value ?? ' \t\n';
  const kinds = new Array<Separates>(128).fill(Separates.no);
  const ends = new Uint8Array(128);
  let wide = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 128) wide += text[i];
    else {
      kinds[c] = c === 32 || c === 9 || c === 10 ? Separates.white : Separates.other;
      ends[c] = 1;
    }
  }
  for (const c of '*?[') ends[c.charCodeAt(0)] = 1;
  const join = value === undefined ? ' ' : ([...value][0] ?? '');
  return { join, kinds, wide, ends, splitsNumbers: /[-0-9]/.test(text) };
}
