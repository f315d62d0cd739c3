/** The built-in utilities: special (XCU 2.15) and regular, and those built in for speed. */
import type { Builtin } from '../state.js';
import { control } from './control.js';
import { environment } from './environment.js';
import { historyUtility } from './fc.js';
import { io } from './io.js';
import { jobControl } from './job-control.js';
import { mountUtility } from './mount.js';
import { readUtility } from './read.js';
import { testUtilities } from './test.js';

export const builtins: ReadonlyMap<string, Builtin> = new Map(
  Object.entries({
    ...control,
    ...environment,
    ...io,
    ...readUtility,
    ...testUtilities,
    ...jobControl,
    ...historyUtility,
    ...mountUtility,
  }),
);
