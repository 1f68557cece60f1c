import { type GlobalRate, INSTANT_GRACE_MS, type Instant, LEAD_MS, SAFE_SHARE } from './global-rate.js';

/** How far ahead instants of a share are given, in ms. */
const HORIZON_MS = 250;

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
    reserve(most, leadMs = 0) {
      const moment = now();
      next = Math.max(next, moment + Math.min(LEAD_MS.most, leadMs));
      if (next - moment > HORIZON_MS) return Promise.resolve({ kind: 'wait', retryAt: next - HORIZON_MS });
      const instants: Instant[] = [];
      while (instants.length < Math.max(1, Math.min(most, 4)) && next - moment <= HORIZON_MS) {
        const at = next;
        instants.push({ at, isValid: (when) => when <= at + INSTANT_GRACE_MS });
        next += intervalMs;
      }
      return Promise.resolve({ kind: 'instants', instants });
    },
  };
}
