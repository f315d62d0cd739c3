/** Tilde expansion (XCU 2.6.1). */
import { readFileSync } from 'node:fs';
import type { Env } from '../state.js';

/** The home directory of `user` (`''`: HOME); undefined when unknown, and the tilde stays. */
export function expandTilde(user: string, env: Env): string | undefined {
  if (user === '') return env.get('HOME');
  try {
    for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
      const fields = line.split(':');
      if (fields[0] === user) return fields[5];
    }
  } catch {
    // no user database here
  }
  return undefined;
}
