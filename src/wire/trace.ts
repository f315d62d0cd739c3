/**
 * W3C trace context (Trace Context Level 1, section 3.2.2) as programs find it in `TRACEPARENT`: one trace for a job, a span for each of
 * its agents. Both are made of ids that everybody concerned knows, so that no message carries them.
 */
import { type AgentId, bitsOf, type JobId } from './ids.js';

/** Version, trace id, parent span, flags; a later version may go on. */
const form = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/;

/**
 * What `agent` of `job` finds. Whoever started it may be in a trace already (`outer`): then it stays in that one; what is no trace
 * context begins a new one, as the standard has it.
 */
export function traceparent(job: JobId, agent: AgentId, outer: string | undefined): string {
  const known = outer === undefined ? null : form.exec(outer);
  const trace = known === null || /^0+$/.test(known[1]!) ? undefined : known[1];
  // Sampled, unless the outer trace is not.
  const flags = trace === undefined ? '01' : known![2]!;
  return `00-${trace ?? hex(job, 20).padStart(32, '0')}-${hex(agent, 16)}-${flags}`;
}

/** The last `digits` hexadecimal digits of the random bits of an id. */
const hex = (id: string, digits: number): string => bitsOf(id).toString(16).padStart(20, '0').slice(-digits);
