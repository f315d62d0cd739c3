/**
 * Streams between machines. One protocol over two carriers that lose, double and reorder: a broker's topics at QoS 0, and direct
 * connections that come and go. So a stream recovers by itself, whichever carries it, and may move from one to the other:
 *
 *  - bytes are numbered; the reader takes them in order and ignores what it has, and a gap makes it ask again (HELLO);
 *  - the reader grants a window of bytes beyond what was consumed (CREDIT); the writer keeps what was not received;
 *  - when a link opens or goes, or nothing moves for a while, the writer asks what has arrived (PING) and sends the rest again;
 *  - the end is acknowledged; a side that stays silent for `peerTimeoutMs` while the other waits breaks the stream.
 */
import type { Bus } from '../bus/bus.js';
import type { ClusterId, RuntimeName } from '../wire/ids.js';
import type { Contact, RoutedEdge } from '../wire/messages.js';
import { credit, topics } from '../wire/topics.js';
import { Receiver } from './receiver.js';
import { BestRoute, DirectRoute, type FindPath } from './route.js';
import { Sender } from './sender.js';
import type { StreamReader, StreamWriter } from './stream.js';
import { TopicLink } from './topic-link.js';

/**
 * How long the other side may be silent while this one waits for it, in milliseconds. Longer than a cable is unplugged or a
 * broker takes to restart; a machine that is lost is noticed sooner, by its presence.
 */
const patience = 60_000;

export interface StreamOptions {
  readonly peerTimeoutMs?: number;
  /** The number of the first byte, the same at both ends: a stream that goes on where another broke off. Default 0. */
  readonly offset?: number;
}

/** Opens the ends of streams that are here. */
export interface Streams {
  /** The sending end of an edge. The reader need not be there yet. */
  openWriter(edge: RoutedEdge, options?: StreamOptions): StreamWriter;
  /** The receiving end of an edge; resolves once bytes can arrive. @throws WireError EACCES, ENOTCONN */
  openReader(edge: RoutedEdge, options?: StreamOptions): Promise<StreamReader>;
  /**
   * A pair of streams, one each way, that go over direct connections alone: whoever is at the other end has proved to be
   * `runtime`. The other end's `towards` is this one's `from`. undefined where there are no direct connections at all.
   */
  openDirect(ends: {
    readonly runtime: RuntimeName;
    readonly towards: string;
    readonly from: string;
  }): DirectPair | undefined;
  /** Where others can reach this process directly; undefined when they cannot. */
  contact(): Contact | undefined;
}

export interface DirectPair {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** There is a connection now. */
  readonly open: boolean;
}

/** Finds direct paths: `towards` and `from` name the stream's two directions, `dial` is false when the other end comes to us. */
export interface Paths {
  find(options: {
    readonly towards: string;
    readonly from: string;
    readonly runtime: RuntimeName;
    readonly dial: boolean;
  }): FindPath;
  contact(): Contact | undefined;
}

/** Streams over the topics of `bus`, and over direct connections where `paths` finds them. */
export function openStreams(options: {
  readonly bus: Bus;
  readonly cluster: ClusterId;
  readonly paths?: Paths;
}): Streams {
  const { bus, cluster, paths } = options;
  const route = (towards: string, from: string, runtime: RuntimeName, dial: boolean) =>
    new BestRoute(new TopicLink(bus, towards, from), paths?.find({ towards, from, runtime, dial }));
  return {
    contact: () => paths?.contact(),
    openDirect: ({ runtime, towards, from }) => {
      if (paths === undefined) return undefined;
      const find = (there: string, here: string) => paths.find({ towards: there, from: here, runtime, dial: true });
      const out = new DirectRoute(find(towards, credit(towards)));
      const ends = { peerTimeoutMs: patience, offset: 0 };
      const receiver = new Receiver({ route: new DirectRoute(find(credit(from), from)), ...ends });
      const writer = new Sender({ route: out, ...ends });
      receiver.open().catch(() => undefined);
      return {
        reader: receiver,
        writer,
        get open() {
          return out.link.open;
        },
      };
    },
    openWriter: (edge, { peerTimeoutMs = patience, offset = 0 } = {}) => {
      const data = topics.edge(cluster, edge);
      // A session comes to the runtimes, which do not know where it is.
      const dial = edge.to.kind !== 'session' && !edge.toSession;
      const way = route(data, topics.edgeCredit(cluster, edge), edge.toRuntime, dial);
      return new Sender({ route: way, peerTimeoutMs, offset });
    },
    openReader: async (edge, { peerTimeoutMs = patience, offset = 0 } = {}) => {
      const data = topics.edge(cluster, edge);
      const dial = edge.from.kind !== 'session' && !edge.fromSession;
      const way = route(topics.edgeCredit(cluster, edge), data, edge.fromRuntime, dial);
      const receiver = new Receiver({ route: way, peerTimeoutMs, offset });
      await receiver.open();
      return receiver;
    },
  };
}
