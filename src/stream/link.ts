/**
 * What a stream runs over. The two ends of a stream (`sender.ts`, `receiver.ts`) are one state machine that trusts no link: a
 * link may lose, double and reorder frames, and may be exchanged for another at any moment. A link is a pair of topics
 * (`topic-link.ts`) or a share of a direct connection (`direct/`).
 */
import { type Frame, frameHeader } from '../wire/frame.js';
import { streamLimits } from './stream.js';

/** Room before a DATA frame for what a connection puts there, so that a frame is one buffer and is written at once. */
export const headroom = 16;
/** Size of the buffer of a full DATA frame. */
export const fullSize = headroom + frameHeader + streamLimits.frame;

/** Gives the next DATA frame, behind {@link headroom}, or undefined when there is none to send over `link` now. */
export type Supplier = (link: Link) => Buffer | undefined;

export interface Link {
  /** What is sent while it is not open is lost. */
  readonly open: boolean;
  /** True when the other side gets a copy, so that a buffer may be used again once its bytes are known to be received. */
  readonly copies: boolean;
  /** Sends a control frame at once. `insist`: the link keeps it for the next connection where it can. */
  say(frame: Frame, insist?: boolean): void;
  /** Sends what `supplier` has, one frame at a time, in turns with the other streams of the connection, until it has no more. */
  offer(supplier: Supplier): void;
}

/** Where the frames for one end arrive, and the news that the links have changed. */
export interface Ear {
  /** A frame, and the link that brought it: the answer goes back the same way. */
  hear(frame: Frame, link: Link): void;
  /** A link has opened or gone: ask what has arrived. */
  changed(): void;
}

/** The links of one end of a stream: the best that is open is used. */
export interface Route {
  /** Never undefined: where no link is open, one that will be. */
  readonly link: Link;
  /** Starts listening; resolves once frames can arrive. @throws WireError EACCES, ENOTCONN */
  start(ear: Ear): Promise<void>;
  close(): void;
}

/** What an end is made from; the patience in milliseconds. */
export interface Ends {
  readonly route: Route;
  readonly peerTimeoutMs: number;
  /** Number of the first byte. */
  readonly offset: number;
}

/** How often a waiting side asks before it gives up: the clock alone could run out while this machine slept. */
export const probesBeforeTimeout = 3;
