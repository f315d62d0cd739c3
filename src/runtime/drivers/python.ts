/**
 * Python: the interpreter of this machine runs the context's bootstrap (`python/`), which puts the namespace's files in the
 * place of the host's and then runs the program as `__main__`.
 */
import path from 'node:path';
import { type Driver, writeProgram } from './driver.js';

/** Variables by which the interpreter itself would read files; elsewhere than at home they name another machine's. */
const readAtStart = ['PYTHONPATH', 'PYTHONHOME', 'PYTHONSTARTUP', 'PYTHONPYCACHEPREFIX'];

export const preparePython: Driver<'python'> = (program, _agent, context) => {
  const { source = 'file', options = [], first = 1 } = program;
  // What the planner read need not be read again, and the program itself may be anywhere.
  if (source === 'file' && !context.isHome) writeProgram(context, 'program.py', program.text);
  const name = source === 'file' ? (context.argv[first - 1] ?? program.path) : source === 'stdin' ? '-' : '-c';
  const bootstrap = path.join(path.dirname(context.contextFile), 'python', 'bootstrap.py');
  const subject = source === 'command' ? program.text : program.path;
  return {
    command: 'python3',
    args: [...options, bootstrap, source, subject, name, ...context.argv.slice(first)],
    env: context.isHome ? {} : setAside(context.environment),
    channel: { program: program.path },
  };
};

/** The values are the program's again once the interpreter has started (`ONESH_PYTHON`). */
function setAside(environment: Readonly<Record<string, string>>): Record<string, string> {
  const found = readAtStart.filter((name) => environment[name] !== undefined);
  const emptied = Object.fromEntries(found.map((name) => [name, '']));
  const kept = Object.fromEntries(found.map((name) => [name, environment[name]]));
  return { ...emptied, PYTHONNOUSERSITE: '1', ONESH_PYTHON: JSON.stringify(kept) };
}
