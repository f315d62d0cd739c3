/**
 * Processes of this host that belong to agents: which process it really is (ids are used again), what an agent left behind, and
 * what is left of a runtime that was killed.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { killGroup } from '../host/libc.js';

/** Field 22 of /proc/PID/stat: ticks since boot when the process started. Undefined without /proc or without the process. */
export function startTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Records which process an agent is, for {@link endLeftovers} and the guard: `PID START` in `DIRECTORY/pid`. */
export function recordProcess(directory: string, pid: number): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, 'pid');
  writeFileSync(`${file}.new`, `${pid} ${startTime(pid) ?? ''}\n`);
  renameSync(`${file}.new`, file);
}

/** Kills what agents with these ids still have running here: every process that has one's ONESH_AGENT in its environment. */
export function killProcessesOf(agents: ReadonlySet<string>): void {
  if (agents.size === 0) return;
  for (const name of list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const found = /(?:^|\0)ONESH_AGENT=([^\0]*)/.exec(readFileSync(`/proc/${name}/environ`, 'latin1'));
      if (found !== null && agents.has(found[1]!)) process.kill(Number(name), 'SIGKILL');
    } catch {
      // another user's, or gone
    }
  }
}

/** Ends programs of a runtime that was killed: those that `agents/ID/pid` names and that are still the same process. */
export function endLeftovers(directory: string): void {
  const ids = new Set<string>();
  for (const name of list(directory)) {
    ids.add(name);
    try {
      const [pid, started] = readFileSync(path.join(directory, name, 'pid'), 'latin1')
        .trim()
        .split(' ');
      if (started !== undefined && startTime(Number(pid)) === started) killGroup(Number(pid), 'SIGKILL');
    } catch {
      // it had not started
    }
  }
  killProcessesOf(ids);
  for (const name of ids) rmSync(path.join(directory, name), { recursive: true, force: true });
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
