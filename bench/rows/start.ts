/** Starting the shell for nothing, against starting Node for nothing: time and peak memory. */
import { alternate, medians, peakMemoryOf, timeOf } from '../measure.js';
import type { Row } from '../row.js';
import { onesh } from '../shells.js';

export const start: Row = {
  name: 'start',
  run: async (options) => {
    const commands = { onesh: [onesh, '-c', ':'], node: [process.execPath, '-e', '0'] };
    const rounds = options.quick ? 3 : 31;
    const times = await alternate({ onesh: () => timeOf(commands.onesh), node: () => timeOf(commands.node) }, rounds);
    const peaks = await alternate(
      { onesh: () => peakMemoryOf(commands.onesh), node: () => peakMemoryOf(commands.node) },
      Math.min(rounds, 9),
    );
    return [
      {
        row: 'onesh -c : / node -e 0',
        unit: 'ms',
        medians: medians(times),
        targets: [{ against: 'node', limit: 1.15, is: 'at most' }],
      },
      {
        row: 'peak memory of the same',
        unit: 'MiB',
        medians: medians(peaks),
        targets: [{ against: 'node', limit: 1.3, is: 'at most' }],
      },
    ];
  },
};
