import { LATENCY_BOUNDS_S } from '@mersal/telemetry';

export interface Quantiles {
  readonly count: number;
  /** Null: there was none. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

/** By the counts of a histogram's buckets, as Prometheus computes them: straight between the bounds, and never beyond the last. */
export function quantilesOf(counts: readonly number[]): Quantiles {
  const count = counts.reduce((sum, one) => sum + one, 0);
  const at = (share: number): number | null => {
    if (count === 0) return null;
    const rank = share * count;
    let before = 0;
    for (const [n, upper] of LATENCY_BOUNDS_S.entries()) {
      const inside = counts[n] ?? 0;
      if (inside > 0 && before + inside >= rank) {
        const lower = LATENCY_BOUNDS_S[n - 1] ?? 0;
        return Math.round(1_000 * (lower + ((upper - lower) * (rank - before)) / inside));
      }
      before += inside;
    }
    return 1_000 * (LATENCY_BOUNDS_S.at(-1) ?? 0);
  };
  return { count, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
