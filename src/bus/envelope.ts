/**
 * The envelope of a control message on the wire: JSON text whose last property is `"sig"`, the signature over the text
 * without that property. So it stays readable with `mosquitto_sub`, and nothing needs a canonical form.
 */
import { WireError } from '../wire/errors.js';
import { type Envelope, freshMs } from '../wire/messages.js';
import { isEnvelope } from '../wire/schema.js';
import { type Keys, sign, verify } from './identity.js';

/** Largest control message in bytes. Data goes through streams, not through messages. */
export const maxMessageBytes = 8 << 20;

/** Why a message was dropped. */
export type Refusal = 'malformed' | 'unsigned' | 'stale' | 'replayed';

/** Signed text of `envelope`. @throws WireError EMSGSIZE above {@link maxMessageBytes} */
export function seal(envelope: Envelope<unknown>, keys: Keys): Buffer {
  const text = JSON.stringify(envelope);
  const payload = Buffer.from(`${text.slice(0, -1)},"sig":"${sign(text, keys)}"}`);
  if (payload.length > maxMessageBytes) {
    throw new WireError('EMSGSIZE', `message of ${payload.length} bytes is larger than ${maxMessageBytes}`);
  }
  return payload;
}

/** Public key that must have signed an envelope; undefined: nobody's, so it is refused. */
export type KeyLookup = (runtime: string, envelope: Envelope) => string | undefined;

/**
 * The envelope in `payload`, or why it is refused: `malformed` when it is no envelope for `topic`, `unsigned` when its
 * sender is unknown or the signature is not the sender's. Freshness is {@link Freshness}'s.
 */
export function open(payload: Uint8Array, topic: string, keyOf: KeyLookup): Envelope | Refusal {
  if (payload.length > maxMessageBytes) return 'malformed';
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  const match = /,"sig":"([A-Za-z0-9_-]{86})"\}$/.exec(text.slice(-97));
  if (match === null) return 'unsigned';
  const signed = `${text.slice(0, -match[0].length)}}`;
  let value: unknown;
  try {
    value = JSON.parse(signed);
  } catch {
    return 'malformed';
  }
  if (!isEnvelope(value) || value.to !== topic) return 'malformed';
  const key = keyOf(value.from.runtime, value);
  return key !== undefined && verify(signed, match[1]!, key) ? value : 'unsigned';
}

/**
 * Accepts each message once and only while it is fresh. Memory is bounded: beyond `capacity` ids the older half is forgotten
 * and everything up to its newest time counts as stale from then on, so that forgetting never lets a replay through.
 */
export class Freshness {
  private seen = new Map<string, number>();
  private floor = 0;

  constructor(private readonly capacity = 65_536) {}

  /** `undefined` when accepted. `now`, and `time` when it was made, in milliseconds since the epoch by this machine's clock. */
  check(envelope: Envelope, now = Date.now(), time = envelope.time): Refusal | undefined {
    if (Math.abs(now - time) > freshMs || time < this.floor) return 'stale';
    const key = `${envelope.from.runtime} ${envelope.id}`;
    if (this.seen.has(key)) return 'replayed';
    this.seen.set(key, time);
    if (this.seen.size > this.capacity) this.forget(now);
    return undefined;
  }

  private forget(now: number): void {
    const rows = [...this.seen].filter(([, time]) => now - time <= freshMs).sort((a, b) => a[1] - b[1]);
    if (rows.length > this.capacity / 2) {
      const cut = rows.length >> 1;
      this.floor = Math.max(this.floor, rows[cut - 1]![1] + 1);
      this.seen = new Map(rows.slice(cut).filter(([, time]) => time >= this.floor));
    } else this.seen = new Map(rows);
  }
}
