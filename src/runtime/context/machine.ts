/** What `os` says of the machine and of the user: the runtime, and whoever's session it is. */
import type * as dns from 'node:dns';
import type * as os from 'node:os';
import type { ContextDescription } from '../syscalls/codec.js';

type Os = { -readonly [K in 'hostname' | 'userInfo']: (typeof os)[K] };

/**
 * Changes `os`. The name of the machine is the runtime's, also at home. Away from home this machine's user, who runs the runtime, is
 * nobody of the session's: the name, home directory and shell are what the session's environment has. The numbers stay, for they are
 * what the process is.
 */
export function nameMachine(module: Os, { home, runtime }: ContextDescription): void {
  module.hostname = () => runtime;
  if (home === runtime) return;
  const { HOME, LOGNAME, USER, SHELL } = process.env;
  const { userInfo } = module;
  module.userInfo = ((options?: { readonly encoding?: string }) => {
    const found = userInfo(options as os.UserInfoOptions) as os.UserInfo<unknown>;
    const form = (text: string | undefined, own: unknown): unknown =>
      text === undefined ? own : options?.encoding === 'buffer' ? Buffer.from(text) : text;
    return {
      ...found,
      username: form(LOGNAME ?? USER, found.username),
      homedir: form(HOME, found.homedir),
      shell: form(SHELL, found.shell),
    };
  }) as typeof userInfo;
}

/** The runtime's name is one of this machine's addresses, as a machine's own name is. `hostname` is the name that the host has. */
export function resolveOwnName(module: typeof dns, { runtime }: ContextDescription, hostname: string): void {
  const known = (name: unknown): unknown =>
    typeof name === 'string' && name.toLowerCase() === runtime.toLowerCase() ? hostname : name;
  for (const table of [module, module.promises]) {
    const lookup = table.lookup as (...args: unknown[]) => unknown;
    const call = (name: unknown, ...rest: unknown[]): unknown => lookup.call(table, known(name), ...rest);
    // How it is made a promise of is among its properties.
    Object.assign(table, { lookup: Object.defineProperties(call, Object.getOwnPropertyDescriptors(lookup)) });
  }
}
