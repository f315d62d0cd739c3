/** Signals for a job in the foreground, passed on to its agents: they have no terminal of their own to get them from. */
import { constants } from 'node:os';
import { type Stage, signalAgents } from '../jobs.js';
import type { Env } from '../state.js';

const { SIGINT, SIGTERM, SIGHUP, SIGSTOP } = constants.signals;
const passedOn = { SIGINT, SIGTERM, SIGHUP } as const;
type Passed = keyof typeof passedOn;

/** Until the returned function is called, which gives the signal that was meant to end the job, if one came. */
export function forwardSignals(stages: readonly Stage[], env: Env): () => number | undefined {
  let ended: number | undefined;
  const send = (signal: number) => {
    void signalAgents(stages, signal);
  };
  const pass = (name: NodeJS.Signals) => {
    ended = passedOn[name as Passed];
    send(ended);
  };
  // The kernel does not stop an orphaned process group by SIGTSTP, and an agent is one (POSIX, General Terminal Interface).
  const suspend = () => send(SIGSTOP);
  const caught = (Object.keys(passedOn) as Passed[]).filter((name) => !env.traps.has(passedOn[name]));
  for (const name of caught) process.on(name, pass);
  if (env.options.monitor) process.on('SIGTSTP', suspend);
  return () => {
    for (const name of caught) process.off(name, pass);
    process.off('SIGTSTP', suspend);
    return ended;
  };
}
