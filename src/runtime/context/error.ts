/** Errors of a context: as Node's own, with errno, code, syscall, path and dest. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** What an error is about: Node's name of the call, and the paths as the program gave them. */
export interface Where {
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;
}

const errnos = constants.errno as Readonly<Record<string, number>>;

/** What the host's C library says for an errno, e.g. `no such file or directory`. */
function textOf(code: string): string | undefined {
  const errno = errnos[code];
  return errno === undefined ? undefined : getSystemErrorMap().get(-errno)?.[1];
}

/** `message` is kept only where the code alone does not tell: our own codes, and ENOSYS, which names the call. */
export function systemError(code: string, where: Where = {}, message = code): NodeJS.ErrnoException {
  const own = code === 'ENOSYS' ? undefined : textOf(code);
  const { syscall, path, dest } = where;
  const place = `${syscall === undefined ? '' : `, ${syscall}`}${path === undefined ? '' : ` '${path}'`}${dest === undefined ? '' : ` -> '${dest}'`}`;
  const error: NodeJS.ErrnoException = new Error(own === undefined ? message : `${code}: ${own}${place}`);
  const errno = errnos[code];
  if (errno !== undefined) error.errno = -errno;
  return Object.assign(error, { code }, where);
}

/** A call that is not virtualised. */
export const notAvailable = (name: string): NodeJS.ErrnoException =>
  systemError('ENOSYS', {}, `${name} is not available in this context`);

/** What an aborted call ends with. */
export const aborted = (signal: AbortSignal): Error =>
  Object.assign(new Error('The operation was aborted', { cause: signal.reason }), {
    code: 'ABORT_ERR',
    name: 'AbortError',
  });

export const codeOf = (error: unknown): string | undefined => (error as { code?: string } | undefined)?.code;
