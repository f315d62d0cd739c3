/** onesh and the shells it is measured against. */
import path from 'node:path';
import { alternate, medians, timeOf, which } from './measure.js';
import type { BenchOptions, Figures, Target } from './row.js';

export const root = process.env.ONESH_ROOT ?? process.cwd();
export const onesh = path.join(root, 'bin', 'onesh');

const peers: Readonly<Record<string, readonly string[]>> = {
  dash: ['dash'],
  bash: ['bash'],
  busybox: ['busybox', 'sh'],
};

/** The command lines that start a shell, of those that are installed. */
export function shells(names: readonly string[], options: BenchOptions): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = { onesh: [onesh] };
  for (const name of names) {
    const argv = peers[name]!;
    if (which(argv[0]!) === undefined) options.skip(`${name} is not installed`);
    else found[name] = argv;
  }
  return found;
}

/** Times whole runs of a script, start-up included, in all shells in turn. */
export async function compareScript(
  row: string,
  script: string,
  names: readonly string[],
  targets: readonly Target[],
  rounds: number,
  options: BenchOptions,
): Promise<Figures> {
  const contenders = Object.fromEntries(
    Object.entries(shells(names, options)).map(([name, argv]) => [name, () => timeOf([...argv, '-c', script])]),
  );
  const results = await alternate(contenders, options.quick ? 1 : rounds);
  return { row, unit: 'ms', medians: medians(results), targets };
}
