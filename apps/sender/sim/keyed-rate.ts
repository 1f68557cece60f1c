import type { KeyedRate } from '@mersal/limits';

/** Rates by key as Redis keeps them: one for all senders. */
export function keyedRate(now: () => number): KeyedRate {
  const last = new Map<string, number>();
  return {
    shared: true,
    reserve: (asks) =>
      Promise.resolve(
        asks.map(({ key, perSecond }) => {
          const moment = now();
          const at = Math.max(moment, (last.get(key) ?? Number.NEGATIVE_INFINITY) + 1_020 / perSecond);
          last.set(key, at);
          return { granted: true, at, waitMs: at - moment };
        }),
      ),
  };
}
