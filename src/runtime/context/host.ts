/** Node's own modules as they were before the context took their place: for the calls that are the host's. */
import type * as nodeFs from 'node:fs';
import type { Front, Table } from './front.js';

/** What is in front of this context, where something is. */
declare const front: Front | undefined;
const hasFront = typeof front !== 'undefined';

/** A module of Node's that most programs do not need: what is not loaded at the start costs nothing. */
export const builtin = process.getBuiltinModule.bind(process) as <T>(name: string) => T;
/** `fs` as the program has it. */
export const programFs = (): typeof nodeFs => builtin<typeof nodeFs>('node:fs');

export const hostFs: typeof nodeFs = hasFront ? front!.fs : programFs();
export const hostTable = hostFs as unknown as Table;
/** `fs.promises`, which Node itself loads when it is first asked for. */
export const hostPromisesTable = (): Table => (hasFront ? front!.promises() : (hostFs.promises as unknown as Table));
export const { readSync, writeSync } = hostFs;
