import { type CacheEventKind, type CacheMetrics, Counts } from './counts.js';

export const WINDOW_MS = 300_000;
const PANE_MS = 10_000;
const OPENS_ABOVE = 0.5;
/** Lower than where it opens, so that a rate at the border does not raise alarm after alarm. */
const CLOSES_BELOW = 0.4;
const LEAST_REQUESTS = 20;

/**
 * The last five minutes of this process, in panes of 10 s.
 *
 *   quiet ──more than half of at least 20 requests are misses──► spike ──under 40 %, or nothing to judge by──► quiet
 */
export class SpikeWatch {
  readonly #panes = new Map<number, Counts>();
  #open = false;

  /** `opened` or `closed` where this event changed the state. `now`: ms since 1970. */
  add(kind: CacheEventKind, now: number): 'opened' | 'closed' | undefined {
    const start = Math.floor(now / PANE_MS);
    let pane = this.#panes.get(start);
    if (!pane) {
      pane = new Counts();
      this.#panes.set(start, pane);
    }
    pane.add(kind);
    // Hits can't open a spike, and the sum over the panes is for the rest.
    if (kind === 'creation' || (kind === 'hit' && !this.#open)) return undefined;
    const { missRate, totalRequests } = this.window(now);
    const enough = totalRequests >= LEAST_REQUESTS;
    if (!this.#open && enough && (missRate ?? 0) > OPENS_ABOVE) {
      this.#open = true;
      return 'opened';
    }
    if (this.#open && (!enough || (missRate ?? 0) < CLOSES_BELOW)) {
      this.#open = false;
      return 'closed';
    }
    return undefined;
  }

  get open(): boolean {
    return this.#open;
  }

  window(now: number): CacheMetrics {
    const sum = new Counts();
    const newest = Math.floor(now / PANE_MS);
    for (const [start, pane] of this.#panes) {
      // Also what a clock that was set back left in the future.
      if (start <= newest - WINDOW_MS / PANE_MS || start > newest) this.#panes.delete(start);
      else {
        sum.add('hit', pane.hits);
        sum.add('miss', pane.misses);
        sum.add('creation', pane.creations);
      }
    }
    return sum.metrics();
  }
}
