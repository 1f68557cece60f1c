import { type Counts, missRate } from './panes.js';

export interface SpikeLimits {
  /** A spike opens above this rate of misses… */
  readonly opensAbove: number;
  /** …and closes below this lower one, so that a rate at the border does not raise alarm after alarm. */
  readonly closesBelow: number;
  /** Fewer requests in a window open nothing; fewer than half as many close what is open. */
  readonly leastRequests: number;
}

export const SPIKE_LIMITS: SpikeLimits = { opensAbove: 0.5, closesBelow: 0.4, leastRequests: 20 };

export type SpikeStep = 'open' | 'stay' | 'close' | 'quiet';

/**
 * What a window does to the spike of its scope (all keys, or one).
 *
 *            rate > opensAbove, and requests ≥ leastRequests
 *   quiet ─────────────────────────────────────────────────────► open ──┐ any other window: stay
 *     ▲                                                           │ ▲   │
 *     └───────────────────────────────────────────────────────────┘ └───┘
 *            rate < closesBelow, or requests < leastRequests / 2
 */
export function spikeStep(open: boolean, window: Counts, limits: SpikeLimits = SPIKE_LIMITS): SpikeStep {
  const requests = window.hits + window.misses;
  const rate = missRate(window);
  if (!open) return requests >= limits.leastRequests && rate > limits.opensAbove ? 'open' : 'quiet';
  return requests < limits.leastRequests / 2 || rate < limits.closesBelow ? 'close' : 'stay';
}
