import type { HashSketch } from '@mersal/contracts';

export const PANE_MS = 10_000;
/** A window ends with a pane, and holds this many milliseconds before that. */
export const WINDOW_MS = 300_000;
/** An event is late when it was appended more than this after its pane's end. */
export const LATENESS_MS = 10_000;

export interface Counts {
  readonly hits: number;
  readonly misses: number;
  readonly creations: number;
}

export const NONE: Counts = { hits: 0, misses: 0, creations: 0 };

/** Counts of one cache key and tenant in the pane that begins at `pane`, ms since 1970. */
export interface Pane extends Counts {
  readonly key: string;
  readonly tenant: string;
  readonly pane: number;
  /** Events that came in this pane, too late for their own. */
  readonly late: number;
}

/** Misses of one pane for one reason. */
export interface MissPane {
  readonly key: string;
  readonly tenant: string;
  readonly pane: number;
  readonly reason: MissReason;
  readonly misses: number;
  readonly hashes: HashSketch;
}

/** All that was counted of a key, late events too. */
export interface KeyTotal extends Counts {
  readonly key: string;
  readonly late: number;
  /** Of its first event that was in time, ms since 1970: what comes late must not change how a window looked that was judged. */
  readonly firstAt: number | null;
}

/** Reasons that tell causes apart. Any other text counts as `other`. */
export const MISS_REASONS = [
  'not_cached',
  'under_way',
  'creation_failed',
  'invalidated',
  'redis_away',
  'database_away',
  'other',
] as const;
export type MissReason = (typeof MISS_REASONS)[number];

/** The start of the pane that holds this time. */
export function paneOf(ms: number): number {
  return Math.floor(ms / PANE_MS) * PANE_MS;
}

/** The end of the newest window that no event can change any more, once every record appended up to `readTo` is counted. */
export function judgeable(readTo: number): number {
  return paneOf(readTo - LATENESS_MS);
}

export function missRate({ hits, misses }: Counts): number {
  return hits + misses === 0 ? 0 : misses / (hits + misses);
}

export function plus(a: Counts, b: Counts): Counts {
  return { hits: a.hits + b.hits, misses: a.misses + b.misses, creations: a.creations + b.creations };
}
