import { LATENCY_BOUNDS_S } from '@mersal/telemetry';

const SLICE_MS = 10_000;
const SLICES = 6;
/** How far back it looks, in ms. */
export const LATENCY_WINDOW_MS = SLICE_MS * SLICES;

interface Slice {
  readonly number: number;
  readonly counts: number[];
}

/** How long something took within the last minute, counted by the buckets of the histograms: those that are told of by Prometheus. */
export class LatencyWindow {
  readonly #now: () => number;
  /** At most six, the newest last. */
  #slices: Slice[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  observe(seconds: number): void {
    const number = this.#number();
    let slice = this.#slices.at(-1);
    if (slice?.number !== number) {
      slice = { number, counts: empty() };
      this.#slices = [...this.#living(number), slice];
    }
    const bucket = LATENCY_BOUNDS_S.findIndex((bound) => seconds <= bound);
    const at = bucket === -1 ? LATENCY_BOUNDS_S.length : bucket;
    slice.counts[at] = (slice.counts[at] ?? 0) + 1;
  }

  /** By bucket; the last counts what is beyond every bound. */
  counts(): readonly number[] {
    const sums = empty();
    for (const { counts } of this.#living(this.#number()))
      for (const [n, count] of counts.entries()) sums[n] = (sums[n] ?? 0) + count;
    return sums;
  }

  #number(): number {
    return Math.floor(this.#now() / SLICE_MS);
  }

  #living(number: number): readonly Slice[] {
    return this.#slices.filter((slice) => slice.number > number - SLICES);
  }
}

function empty(): number[] {
  return Array.from({ length: LATENCY_BOUNDS_S.length + 1 }, () => 0);
}
