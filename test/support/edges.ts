/** Edges to open streams for. */
import { newStreamId, type RuntimeName } from '../../src/wire/ids.js';
import type { RoutedEdge } from '../../src/wire/messages.js';

/** An edge between paths of two runtimes, or with a session at the end that is named. */
export function makeEdge(from = 'pi1', to = 'pi2', session?: 'from' | 'to'): RoutedEdge {
  const path = (provider: string, mode: 'read' | 'write') =>
    ({ kind: 'path', path: '/dev/x', provider: provider as RuntimeName, mode }) as const;
  const here = { kind: 'session', label: 'test' } as const;
  return {
    id: newStreamId(),
    from: session === 'from' ? here : path(from, 'read'),
    to: session === 'to' ? here : path(to, 'write'),
    fromRuntime: from as RuntimeName,
    toRuntime: to as RuntimeName,
  };
}
