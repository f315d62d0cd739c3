/** Asking servers that may be choosing a leader, or be exchanged for others, just now. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { AuthorizationError, errors } from '@nats-io/transport-node';
import { WireError } from '../../wire/errors.js';

export interface Trying {
  /** Who does not answer, for the message. */
  readonly what: string;
  /** When it is given up, by `performance.now()`. */
  readonly deadline: number;
}

/** Milliseconds between two attempts. */
const pauseMs = 50;

/** JetStream's answers while it cannot do what it is asked for: no leader, not enough servers yet. */
const isTemporary = (error: unknown): boolean =>
  error instanceof JetStreamApiError ? error.code === noPeers || error.status >= 500 : !isDenied(error);
/** JSClusterNoPeersErrF: too few servers are up for the replicas that are wanted. */
const noPeers = 10_005;

/** What asking again does not mend. */
function isDenied(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if (
      each instanceof AuthorizationError ||
      each instanceof errors.PermissionViolationError ||
      each instanceof errors.InvalidArgumentError ||
      each instanceof errors.ClosedConnectionError ||
      each instanceof errors.DrainingConnectionError
    )
      return true;
  return false;
}

/** Calls `attempt` until it is answered. @throws WireError ETIMEDOUT, EACCES, EMSGSIZE, ENOTCONN; EIO: what JetStream says, the cause */
export async function keepTrying<T>({ what, deadline }: Trying, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (cause instanceof WireError) throw cause;
      const said = `${what}: ${(cause as Error).message}`;
      if (!isTemporary(cause)) {
        if (cause instanceof JetStreamApiError) throw new WireError('EIO', said, { cause });
        if (cause instanceof errors.InvalidArgumentError) throw new WireError('EMSGSIZE', said, { cause });
        if (cause instanceof errors.ClosedConnectionError || cause instanceof errors.DrainingConnectionError)
          throw new WireError('ENOTCONN', said, { cause });
        throw new WireError('EACCES', said, { cause });
      }
      if (performance.now() >= deadline) throw new WireError('ETIMEDOUT', said, { cause });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
