/** The links of one end of a stream: topics always; a direct connection where one can be had. */
import type { Ear, Link, Route } from './link.js';
import type { TopicLink } from './topic-link.js';

/** One stream's share of the direct connections between two machines. */
export interface DirectPath {
  /** The connection to use now; undefined while there is none. */
  readonly link: Link | undefined;
  close(): void;
}

/** Finds a direct path, now or later; `ear` hears of it. */
export type FindPath = (ear: Ear) => DirectPath;

/** What is said to it is lost. */
const nowhere: Link = { open: false, copies: false, say: () => undefined, offer: () => undefined };

/** Direct connections alone: while there is none, a stream waits for one. */
export class DirectRoute implements Route {
  private path: DirectPath | undefined;

  constructor(private readonly find: FindPath) {}

  get link(): Link {
    return this.path?.link ?? nowhere;
  }

  async start(ear: Ear): Promise<void> {
    this.path = this.find(ear);
  }

  close(): void {
    this.path?.close();
  }
}

/**
 * Direct while there is a connection, else topics. The topics are subscribed to only when they are needed first, so that a
 * stream over a direct connection costs the broker nothing.
 */
export class BestRoute implements Route {
  private path: DirectPath | undefined;
  private ear: Ear | undefined;

  constructor(
    private readonly topic: TopicLink,
    private readonly find: FindPath | undefined,
  ) {}

  get link(): Link {
    return this.path?.link ?? this.topic;
  }

  async start(ear: Ear): Promise<void> {
    this.ear = ear;
    this.path = this.find?.({
      hear: (frame, link) => ear.hear(frame, link),
      changed: () => {
        if (this.path?.link === undefined) this.fallBack();
        ear.changed();
      },
    });
    if (this.path?.link !== undefined) return;
    await this.topic.listen(ear);
  }

  /** The connection has gone: from here on the topics are listened to. */
  private fallBack(): void {
    const { ear } = this;
    if (ear === undefined) return;
    this.topic.listen(ear).then(
      () => ear.changed(),
      // Refused by the broker: the stream waits for a direct path, and its patience ends it.
      () => undefined,
    );
  }

  close(): void {
    this.ear = undefined;
    this.path?.close();
    this.topic.close();
  }
}
