/** The driver of each kind of program. */
import path from 'node:path';
import type { Language, PlanAgent } from '../../wire/graph.js';
import type { DriverContext, Prepared } from './driver.js';
import { isExecutable, prepareNative } from './native.js';
import { prepareNode } from './node.js';
import { preparePython } from './python.js';
import { prepareShell } from './shell.js';
import { prepareWasm } from './wasm.js';

/** @throws WireError ENOENT (status 127), EACCES (126), ENOEXEC (126) */
export async function prepareProgram(agent: PlanAgent, context: DriverContext): Promise<Prepared> {
  const { program } = agent;
  switch (program.kind) {
    case 'native':
      return prepareNative(program, agent, context);
    case 'node':
      return prepareNode(program, agent, context);
    case 'python':
      return preparePython(program, agent, context);
    case 'wasm':
      return prepareWasm(program, agent, context);
    case 'shell':
      return prepareShell(program, agent, context);
    default:
      return program satisfies never;
  }
}

/** The languages this machine really has. */
export function availableLanguages(shell: readonly string[]): Language[] {
  const python = (process.env.PATH ?? '').split(':').some((directory) => isExecutable(path.join(directory, 'python3')));
  return [
    'native',
    'node',
    'wasm',
    ...(shell.length > 0 ? (['shell'] as const) : []),
    ...(python ? (['python'] as const) : []),
  ];
}
