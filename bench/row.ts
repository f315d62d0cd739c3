/** What the benchmark is made of: rows, each of which measures onesh and its peers side by side. */

/** A limit of a ratio (or of a figure of onesh alone, `against` nobody). */
export interface Target {
  /** The peer; undefined for an absolute figure. */
  readonly against?: string;
  readonly limit: number;
  /** The ratio has to be at most, or at least, the limit. */
  readonly is: 'at most' | 'at least';
}

export interface Figures {
  readonly row: string;
  readonly unit: string;
  /** Medians by who was measured; `onesh` is one of them. */
  readonly medians: Readonly<Record<string, number>>;
  readonly targets: readonly Target[];
  /** Something a reader of the figures must know. */
  readonly note?: string;
}

export interface BenchOptions {
  /** Few and small runs: shows that the benchmark works; its figures mean little. */
  readonly quick: boolean;
  /** A directory for the row's files, removed afterwards. */
  readonly directory: string;
  /** Says why a peer or a row is left out. */
  skip(reason: string): void;
}

export interface Row {
  readonly name: string;
  run(options: BenchOptions): Promise<Figures[]>;
}

/** The figure a target is about: onesh's share of the peer's, or onesh's own. undefined: the peer was skipped. */
export function ratioOf(figures: Figures, target: Target): number | undefined {
  const own = figures.medians.onesh;
  const peer = target.against === undefined ? 1 : figures.medians[target.against];
  return own === undefined || peer === undefined ? undefined : own / peer;
}

export const isMet = (ratio: number, target: Target): boolean =>
  target.is === 'at most' ? ratio <= target.limit : ratio >= target.limit;
