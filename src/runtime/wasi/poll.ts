/** `poll_oneoff`: waits for the first of several clocks and descriptors. */
import { pollAll, readableBytes } from '../../host/poll.js';
import { errnoOf, filetype, right, WasiError } from './abi.js';
import { nanoseconds } from './clocks.js';
import type { Calls, Program } from './program.js';

type Subscription =
  /** `at`: by the monotonic clock, in nanoseconds. */
  | { readonly kind: 'clock'; readonly userdata: bigint; readonly at: bigint }
  | { readonly kind: 'read' | 'write'; readonly userdata: bigint; readonly fd: number };

interface Event {
  readonly errno?: number;
  readonly bytes?: bigint;
  readonly hangup?: boolean;
}

const tags = ['clock', 'read', 'write'] as const;
const monotonic = 1;
const absolute = 1;
/** Where devices of other machines are waited for beside descriptors of this one, each is looked at this often, in ms. */
const slice = 20;

/** Blocks this thread. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export function pollCalls(program: Program): Calls {
  const { memory, table, files } = program;

  const subscription = (at: number): Subscription => {
    const userdata = memory.u64(at);
    const kind = tags[memory.view.getUint8(at + 8)];
    if (kind === undefined) throw new WasiError('EINVAL');
    if (kind !== 'clock') return { kind, userdata, fd: memory.u32(at + 16) };
    const clock = memory.u32(at + 16);
    const timeout = memory.u64(at + 24);
    const now = nanoseconds(monotonic);
    const passed = memory.view.getUint16(at + 40, true) & absolute ? nanoseconds(clock) : 0n;
    return { kind, userdata, at: now + timeout - passed };
  };

  /** What is known of a descriptor without waiting; undefined: it is to be waited for. */
  const known = ({ kind, fd }: Extract<Subscription, { fd: number }>): Event | undefined => {
    try {
      const entry = table.get(fd, right.pollFdReadwrite! | (kind === 'read' ? right.fdRead! : right.fdWrite!));
      if (entry.filetype !== filetype.regularFile)
        return kind === 'write' && program.isDevice(entry.fd!) ? {} : undefined;
      const { size } = files.fstatSync(entry.fd!, { bigint: true });
      const left = size - BigInt(entry.position);
      return { bytes: kind === 'write' ? 0n : left > 0n ? left : 0n };
    } catch (error) {
      return { errno: errnoOf(error) };
    }
  };

  /** Waits for descriptors, `ms` at most; -1: as long as it takes. */
  const wait = (asked: readonly Extract<Subscription, { fd: number }>[], ms: number): (Event | undefined)[] => {
    const fds = asked.map(({ fd }) => table.get(fd).fd!);
    const devices = fds.filter((fd) => program.isDevice(fd));
    const hosts = asked.flatMap(({ kind }, i) => (devices.includes(fds[i]!) ? [] : [{ fd: fds[i]!, direction: kind }]));
    const end = performance.now() + ms;
    for (;;) {
      const left = ms < 0 ? Number.POSITIVE_INFINITY : Math.max(0, end - performance.now());
      const both = devices.length > 0 && hosts.length > 0;
      const far = devices.length === 0 ? [] : program.waitForDevices(devices, both ? 0 : left);
      const hostMs = both ? Math.min(left, far.includes(true) ? 0 : slice) : left;
      const near = hosts.length === 0 ? [] : pollAll(hosts, Number.isFinite(hostMs) ? hostMs : -1);
      const events = fds.map((fd, i): Event | undefined => {
        const device = devices.indexOf(fd);
        if (device >= 0) return far[device] ? {} : undefined;
        const polled = near[hosts.findIndex((h) => h.fd === fd && h.direction === asked[i]!.kind)]!;
        if (!polled.ready) return undefined;
        const bytes = asked[i]!.kind === 'read' ? BigInt(readableBytes(fd)) : 0n;
        return { bytes, hangup: polled.hangup };
      });
      if (left === 0 || events.some((event) => event !== undefined)) return events;
    }
  };

  const poll = (input: number, output: number, count: number, result: number): void => {
    if (count === 0) throw new WasiError('EINVAL');
    const asked = Array.from({ length: count >>> 0 }, (_, i) => subscription(input + 48 * i));
    const events = new Map<Subscription, Event>();
    const waited: Extract<Subscription, { fd: number }>[] = [];
    let first: bigint | undefined;
    for (const each of asked) {
      if (each.kind === 'clock') {
        if (first === undefined || each.at < first) first = each.at;
        continue;
      }
      const event = known(each);
      if (event === undefined) waited.push(each);
      else events.set(each, event);
    }
    const left = (): number => (first === undefined ? -1 : Math.max(0, Number(first - nanoseconds(monotonic)) / 1e6));
    if (waited.length > 0) {
      wait(waited, events.size > 0 ? 0 : left()).forEach((event, i) => {
        if (event !== undefined) events.set(waited[i]!, event);
      });
    } else if (events.size === 0) {
      for (let ms = left(); ms > 0; ms = left()) sleep(ms);
    }
    const now = nanoseconds(monotonic);
    let written = 0;
    for (const each of asked) {
      const event = each.kind === 'clock' ? (each.at <= now ? {} : undefined) : events.get(each);
      if (event === undefined) continue;
      const at = output + 32 * written++;
      memory.setU64(at, each.userdata);
      memory.setU64(at + 8, BigInt(event.errno ?? 0) | (BigInt(tags.indexOf(each.kind)) << 16n));
      memory.setU64(at + 16, event.bytes ?? 0n);
      memory.setU64(at + 24, event.hangup ? 1n : 0n);
    }
    memory.setU32(result, written);
  };

  return { poll_oneoff: poll };
}
