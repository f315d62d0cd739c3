/**
 * Errors that cross a boundary between parts or machines: a stable code and a message, never a stack.
 */

/** POSIX errno names (XBD <errno.h>) that the wire uses, and onesh's own codes. */
export type ErrorCode =
  | 'EACCES'
  | 'EBADF'
  | 'EBADMSG'
  | 'EBUSY'
  | 'ECANCELED'
  | 'ECONNREFUSED'
  | 'EEXIST'
  | 'EHOSTDOWN'
  | 'EINTR'
  | 'EINVAL'
  | 'EIO'
  | 'EISDIR'
  | 'ELOOP'
  | 'EMFILE'
  | 'EMSGSIZE'
  | 'ENODEV'
  | 'ENOENT'
  | 'ENOEXEC'
  | 'ENOMEM'
  | 'ENOSPC'
  | 'ENOSYS'
  | 'ENOTCONN'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'EPERM'
  | 'EPIPE'
  | 'EPROTO'
  | 'EROFS'
  | 'ESPIPE'
  | 'ESRCH'
  | 'ESTALE'
  | 'ETIMEDOUT'
  | 'EXDEV'
  /** No runtime satisfies an agent's constraints. */
  | 'ENOPLACE'
  /** A join token was refused. */
  | 'ETOKEN'
  /** The name is registered to another key. */
  | 'ENAMETAKEN'
  /** A bug in onesh itself. */
  | 'EINTERNAL';

/** An error with a code that survives the wire. `path` is the namespace path it concerns, if any. */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** Each bundle has a class of its own; an error of one is known in another. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'WireError';
  }
  readonly path: string | undefined;
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown; path?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.path = options.path;
  }
}

/** An error as a message body. */
export interface ErrorBody {
  readonly type: 'error';
  readonly code: ErrorCode;
  readonly message: string;
  readonly path?: string;
}

/** Any thrown value as a message body: a system error keeps its errno, all else is EINTERNAL. */
export function toErrorBody(error: unknown): ErrorBody {
  if (error instanceof WireError) {
    return {
      type: 'error',
      code: error.code,
      message: error.message,
      ...(error.path === undefined ? {} : { path: error.path }),
    };
  }
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) {
      return { type: 'error', code: code as ErrorCode, message: error.message };
    }
    return { type: 'error', code: 'EINTERNAL', message: error.message };
  }
  return { type: 'error', code: 'EINTERNAL', message: String(error) };
}

/** The inverse of {@link toErrorBody}. */
export function fromErrorBody(body: ErrorBody): WireError {
  return new WireError(body.code, body.message, body.path === undefined ? {} : { path: body.path });
}
