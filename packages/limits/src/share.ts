import type { GlobalRate, Instant } from './global-rate.js';
import { MOST_LEAD_MS } from './sliding-log.js';

/** How far ahead instants of a share are given, in ms. */
const HORIZON_MS = 250;
/** The share of the rate that is used: what is left is for lateness, clocks, and each member's one more. */
const SAFE_SHARE = 0.9625;
/** An instant not used within this time after it is void, in ms: a share knows nothing of what the others let through. */
const SHARE_GRACE_MS = 15;

/**
 * One member's equal share of the global rate: a GCRA with a burst of one, on its own monotonic clock. N shares of
 * rate/N let through at most the rate and one more each in any second; the unused 3.75 % cover a few members, and for
 * more the share shrinks: each takes a whole instant less a second.
 */
export function createShare(options: {
  readonly perSecond: number;
  readonly members: number;
  readonly now: () => number;
}): GlobalRate {
  const { now, members } = options;
  const spare = options.perSecond * (1 - SAFE_SHARE);
  const all = options.perSecond * SAFE_SHARE - Math.max(0, members - spare);
  const intervalMs = (1_000 * members) / Math.max(members * 0.1, all);
  let next = now();
  return {
    atOnce: 4,
    reserve(most, readyInMs = 0) {
      const moment = now();
      next = Math.max(next, moment + Math.min(MOST_LEAD_MS, readyInMs));
      if (next - moment > HORIZON_MS) return Promise.resolve({ kind: 'wait', retryAt: next - HORIZON_MS });
      const instants: Instant[] = [];
      while (instants.length < Math.max(1, Math.min(most, 4)) && next - moment <= HORIZON_MS) {
        const at = next;
        instants.push({
          at,
          isValid: (when) => when <= at + SHARE_GRACE_MS,
          written: () => undefined,
          unused: () => undefined,
        });
        next += intervalMs;
      }
      return Promise.resolve({ kind: 'instants', instants });
    },
  };
}
