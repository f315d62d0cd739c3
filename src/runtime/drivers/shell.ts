/** A compound stage as an agent of its own: an onesh with the printed source and the state of the shell it came from. */
import { WireError } from '../../wire/errors.js';
import type { Driver } from './driver.js';

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export const prepareShell: Driver<'shell'> = (program, agent, context) => {
  const [command, ...lead] = context.shell;
  if (command === undefined) throw new WireError('ENOENT', 'onesh: not found');
  const assignments = Object.entries(program.variables).map(([name, value]) => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new WireError('EINVAL', `${name}: not a variable name`);
    return `${name}=${quote(value)}; `;
  });
  // On the source's first line, so that its line numbers stay.
  const source = assignments.join('') + program.source;
  return { command, args: [...lead, '-c', source, agent.argv[0] ?? 'onesh', ...program.positional] };
};
