/**
 * Other machines' clocks. Messages are fresh or stale by their sender's clock, and that may be an hour off: a Raspberry Pi has no
 * battery. So a message that seems stale is not refused at once; its sender is asked for the time, in a question that only it
 * can answer and that nobody could have foreseen, and what it says then is how far its clock is from this one's.
 */
import type { Envelope, Sender } from '../wire/messages.js';

/** Messages of one machine that may wait for its clock to be known. */
const heldMost = { messages: 256, bytes: 16 << 20 } as const;
/** A machine is asked no more often than this, in milliseconds: a replayed message costs no more than a question. */
const askAgainMs = 5000;
/** An answer that took longer says too little about the time, in milliseconds. */
const slowestAnswerMs = 10_000;
/** Machines that are remembered. */
const machinesMost = 10_000;

interface Machine {
  /** Milliseconds its clock is ahead of this one's. */
  ahead: number;
  asked: number;
  /** Messages that wait for the answer; undefined while nobody has been asked. */
  held: Envelope[] | undefined;
  heldBytes: number;
}

export interface ClockOptions {
  readonly now: () => number;
  /** Asks a sender for its time; undefined when it does not answer. */
  ask(sender: Sender): Promise<number | undefined>;
  /** What is still to be done with a message that waited: its second chance. */
  retry(envelope: Envelope): void;
}

export class Clocks {
  private readonly machines = new Map<string, Machine>();

  constructor(private readonly options: ClockOptions) {}

  /** When `envelope` was made, by this machine's clock. */
  timeOf({ from, time }: Envelope): number {
    return time - (this.machines.get(from.runtime)?.ahead ?? 0);
  }

  /** A message seems stale: true when it waits for its second chance. */
  doubt(envelope: Envelope, bytes: number): boolean {
    const { runtime } = envelope.from;
    const machine = this.machines.get(runtime) ?? {
      ahead: 0,
      asked: Number.NEGATIVE_INFINITY,
      held: undefined,
      heldBytes: 0,
    };
    if (machine.held === undefined) {
      if (performance.now() - machine.asked < askAgainMs) return false;
      machine.asked = performance.now();
      machine.held = [];
      if (this.machines.size >= machinesMost) this.machines.clear();
      this.machines.set(runtime, machine);
      void this.learn(machine, envelope.from);
    }
    if (machine.held.length >= heldMost.messages || machine.heldBytes + bytes > heldMost.bytes) return false;
    machine.held.push(envelope);
    machine.heldBytes += bytes;
    return true;
  }

  private async learn(machine: Machine, sender: Sender): Promise<void> {
    const { now, ask, retry } = this.options;
    const asked = performance.now();
    const time = await ask(sender);
    const took = performance.now() - asked;
    if (time !== undefined && took <= slowestAnswerMs) machine.ahead = time - (now() - took / 2);
    const { held = [] } = machine;
    machine.held = undefined;
    machine.heldBytes = 0;
    for (const envelope of held) retry(envelope);
  }
}
