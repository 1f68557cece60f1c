/** Answers after which the same request, under the same idempotency key, may do better. */
const WORTH_REPEATING = new Set([408, 425, 429, 500, 502, 503, 504]);
const FIRST_DELAY_MS = 200;
const LONGEST_BACKOFF_MS = 5_000;

export function isWorthRepeating(status: number): boolean {
  return WORTH_REPEATING.has(status);
}

/** Reads a Retry-After header, seconds or a date, as ms from `now` (ms since 1970); undefined where it is none. */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) || !/[a-z]/i.test(text) ? undefined : Math.max(0, date - now);
}

/**
 * Milliseconds before the next request, after this many failed ones: doubling with jitter, at least what the server asked
 * for. `random` gives 0 ≤ n < 1. Callers that were turned away together do not come back together.
 */
export function retryDelay(failures: number, retryAfterMs: number | undefined, random: () => number): number {
  const ceiling = Math.min(LONGEST_BACKOFF_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  const jittered = Math.round(ceiling * (0.5 + random() / 2));
  return retryAfterMs === undefined ? jittered : retryAfterMs + Math.round((ceiling * random()) / 2);
}
