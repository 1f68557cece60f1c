/** What comes after the answer to the last request: it is settled, the partitions are left, connections are closed. In ms. */
const AFTER_THE_LAST_MS = 15_000;

/**
 * Longest drain of a service that calls somebody, in ms: a request that began just before the signal is waited for to its end, as ended in
 * between nobody would know what became of it. Whatever stops the service by force must wait longer.
 */
export function drainMs(requestTimeoutMs: number): number {
  return requestTimeoutMs + AFTER_THE_LAST_MS;
}
