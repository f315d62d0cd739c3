/** A link over topics: frames towards the other end are published on one topic, those from it are heard on another. */
import type { Bus, Subscription } from '../bus/bus.js';
import { decodeFrame, encodeFrame, type Frame } from '../wire/frame.js';
import { type Ear, headroom, type Link, type Supplier } from './link.js';
import { streamLimits } from './stream.js';
import { Turns } from './turns.js';

/** Bytes that may wait in the connection before the streams let it drain. */
const highWater = 16 * streamLimits.frame;

/** Streams of one bus share its connection. */
const turnsOf = new WeakMap<Bus, Turns>();

function turnsOn(bus: Bus): Turns {
  const known = turnsOf.get(bus);
  if (known !== undefined) return known;
  const turns = new Turns(() => (bus.pending > highWater ? bus.drained() : undefined));
  turnsOf.set(bus, turns);
  return turns;
}

export class TopicLink implements Link {
  private subscription: Promise<Subscription> | undefined;
  private asked = false;
  private stopWatching: () => void = () => undefined;
  private closed = false;

  constructor(
    private readonly bus: Bus,
    private readonly towards: string,
    private readonly from: string,
  ) {}

  /** From {@link listen} on: a broker takes the subscription before what is published after it. */
  get open(): boolean {
    return this.asked && this.bus.state === 'connected';
  }

  get copies(): boolean {
    return this.bus.copies;
  }

  say(frame: Frame, insist = false): void {
    if (!insist && !this.open) return;
    this.bus.publish(this.towards, encodeFrame(frame), { qos: insist ? 1 : 0 }).catch(() => undefined);
  }

  offer(supplier: Supplier): void {
    turnsOn(this.bus).add(supplier, this, (frame) => {
      this.bus.publish(this.towards, frame.subarray(headroom)).catch(() => undefined);
    });
  }

  /** Subscribes, once; the ear hears of every reconnect. @throws WireError EACCES, ENOTCONN */
  async listen(ear: Ear): Promise<void> {
    if (this.subscription === undefined) {
      this.asked = true;
      this.subscription = this.bus.subscribe(this.from, ({ payload }) => {
        const frame = decodeFrame(payload);
        if (frame !== undefined && !this.closed) ear.hear(frame, this);
      });
      this.subscription.catch(() => undefined);
      await this.subscription;
      if (this.closed) return;
      this.stopWatching = this.bus.onState((state) => {
        if (state === 'connected') ear.changed();
      });
    } else await this.subscription;
  }

  close(): void {
    this.closed = true;
    this.stopWatching();
    this.subscription?.then((subscription) => subscription.close()).catch(() => undefined);
  }
}
