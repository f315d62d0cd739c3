/** Streams between the two processes of a row: both make the same edge from its id. */
import type { ClusterId, RuntimeName, StreamId } from '../src/wire/ids.js';
import type { RoutedEdge } from '../src/wire/messages.js';

export const cluster = 'c-0000000000000000' as ClusterId;
/** The runtimes of a row: its main process, and the one it starts. */
export const here = 'here' as RuntimeName;
export const there = 'there' as RuntimeName;

/** The edge with number `n`, from one runtime to the other. */
export function edgeOf(n: number, fromRuntime: RuntimeName, toRuntime: RuntimeName): RoutedEdge {
  const path = (provider: RuntimeName, mode: 'read' | 'write') =>
    ({ kind: 'path', path: '/', provider, mode }) as const;
  const id = `t-${String(n).padStart(16, '0')}` as StreamId;
  return { id, from: path(fromRuntime, 'read'), to: path(toRuntime, 'write'), fromRuntime, toRuntime };
}
