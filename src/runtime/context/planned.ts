/**
 * Children of a program at home that the shell would not just start: `on`, a program or a path of another machine, a device. They
 * are started by the shell, which plans and places them, and stands for them as their parent's child. Any other child is the host's.
 */
import { posix as path } from 'node:path';
import { codeOf } from './error.js';
import { hostFs } from './host.js';
import type { Paths } from './paths.js';

/** A child as its parent asks for it. `command` is a text of a shell’s where `isText`. */
export interface Wanted {
  readonly command: string;
  readonly args: readonly string[];
  readonly isText: boolean;
}

/** How the shell is told of them. */
export interface PlannedOptions {
  readonly paths: Paths;
  /** Whether there is such a file in the namespace. */
  readonly exists: (path: string) => boolean;
  /** There are GPIO lines in the cluster. */
  readonly gpio: boolean;
}

/** `on` where a command begins. */
const selects = /(?:^|[;&|({\n`!]|\b(?:then|do|else|elif|if|while|until)\s)\s*on\s+[^\s=]/;
/** Words of a text, roughly: what quotes them is no part of them. */
const wordsOf = (text: string): readonly string[] => text.split(/[\s;&|(){}`"'=<>]+/);

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

export class Planned {
  constructor(private readonly options: PlannedOptions) {}

  /** The text that the shell is to run; undefined: the cluster has no part in it. `cwd` is a directory of the host's. */
  textOf({ command, args, isText }: Wanted, cwd: string): string | undefined {
    if (isText) {
      const text = [command, ...args].join(' ');
      const found = selects.test(text) || wordsOf(text).some((word) => this.isAway(word) || this.opensLines(word, cwd));
      return found ? text : undefined;
    }
    // As the shell knows it.
    const name = command === process.execPath ? 'node' : command;
    const isPlanned =
      (name === 'on' && args.length > 1) ||
      (this.isAway(name) && this.options.exists(name)) ||
      args.some((word) => this.isAway(word)) ||
      this.opensLines(name === 'node' ? path.resolve(cwd, args[0] ?? '') : name, cwd);
    return isPlanned ? [name, ...args].map(quoted).join(' ') : undefined;
  }

  /** A program and its arguments, none of which is left to the host. */
  concerns([file = '', ...args]: readonly string[], cwd: string): boolean {
    return this.isAway(file) || args.some((word) => this.isAway(word)) || this.opensLines(path.resolve(cwd, file), cwd);
  }

  /** It names a device, or a file in `/net`, this machine's own among them. */
  private isAway(word: string): boolean {
    if (!word.startsWith('/dev/') && !/^\/.*\bnet\//.test(word)) return false;
    const normal = path.normalize(word);
    return /^\/net\/[^/]/.test(normal) || this.options.paths.locate(normal).device;
  }

  /** A program that opens GPIO lines runs where they are. */
  private opensLines(word: string, cwd: string): boolean {
    if (!this.options.gpio || !/\/.*\.[cm]?js$/.test(word)) return false;
    try {
      return hostFs.readFileSync(path.resolve(cwd, word), 'utf8').includes('onoff');
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return false;
    }
  }
}
