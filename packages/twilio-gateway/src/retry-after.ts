const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * The wait that a `Retry-After` header asks for, in ms from `nowMs` (wall clock), within 0–24 h: seconds or an HTTP
 * date. Undefined when absent or unreadable.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, Math.ceil(ms)), DAY_MS);
}
