/**
 * Makes a costly question cheap to ask often: callers share one reading, and for `maxAgeMs` its answer. Up to `staleMs` longer that answer
 * is still given while the next reading is under way, so that nobody who asks often waits for one. A failure is not remembered.
 */
export function sharedRead<T>(
  read: () => Promise<T>,
  maxAgeMs: number,
  now: () => number,
  staleMs = 0,
): () => Promise<T> {
  let known: { readonly answer: T; readonly at: number } | undefined;
  let underWay: Promise<T> | undefined;
  const renew = async (): Promise<T> => {
    const at = now();
    try {
      const answer = await read();
      known = { answer, at };
      return answer;
    } catch (error) {
      known = undefined;
      throw error;
    } finally {
      underWay = undefined;
    }
  };
  return async () => {
    const age = known === undefined ? Number.POSITIVE_INFINITY : now() - known.at;
    if (known && age <= maxAgeMs) return known.answer;
    underWay ??= renew();
    if (!known || age > maxAgeMs + staleMs) return underWay;
    // Nobody waits for it; where it fails, the next one to ask has a reading of their own.
    underWay.catch(() => undefined);
    return known.answer;
  };
}
