/** What a driver is given and what it gives: one narrow interface for every kind of program. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PlanAgent, PlanContext, Program } from '../../wire/graph.js';

export interface DriverContext {
  /** Directory for this agent alone, removed when it has ended. */
  readonly directory: string;
  readonly context: PlanContext;
  /** The agent's environment, as it will be. */
  readonly environment: Readonly<Record<string, string>>;
  /** The agent's arguments, operands rewritten; `argv[0]` is its name. */
  readonly argv: readonly string[];
  /** This runtime is the session's home: the namespace's root is this host's. */
  readonly isHome: boolean;
  /** The session's working directory on this machine, where it has one here. */
  readonly cwd: string | undefined;
  /** The program's user may not have all files of this machine. */
  readonly confined: boolean;
  /** The bundled context preload, for JavaScript. */
  readonly contextFile: string;
  /** How to start an onesh, for shell agents: program and leading arguments. */
  readonly shell: readonly string[];
}

export interface Prepared {
  readonly command: string;
  readonly args: readonly string[];
  /** The name the process has in its `argv[0]`, where it matters to the program. */
  readonly argv0?: string;
  /** Variables beyond the agent's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program speaks to its runtime over a system-call channel and is known there by this namespace path. */
  readonly channel?: { readonly program: string; readonly imports?: boolean; readonly loads?: boolean };
  /** A process that waits can become it, with these arguments. */
  readonly waiting?: { readonly args: readonly string[] };
}

/**
 * Makes ready to start `agent`.
 * @throws WireError ENOENT (the agent ends with status 127), EACCES or ENOEXEC (126)
 */
export type Driver<K extends Program['kind']> = (
  program: Extract<Program, { kind: K }>,
  agent: PlanAgent,
  context: DriverContext,
) => Promise<Prepared> | Prepared;

/** Writes a program's text into its agent's directory; returns the file. */
export function writeProgram(context: DriverContext, name: string, content: string | Uint8Array): string {
  mkdirSync(context.directory, { recursive: true, mode: 0o700 });
  const file = path.join(context.directory, name);
  writeFileSync(file, content);
  chmodSync(file, 0o700);
  return file;
}
