/**
 * Makes a costly question cheap to ask often: callers share one reading, and for `maxAgeMs` its answer. A failure is not
 * remembered.
 */
export function sharedRead<T>(read: () => Promise<T>, maxAgeMs: number, now: () => number): () => Promise<T> {
  let current: { readonly reading: Promise<T>; readonly at: number; settled: boolean } | undefined;
  return () => {
    if (current && (!current.settled || now() - current.at <= maxAgeMs)) return current.reading;
    const mine = { reading: read(), at: now(), settled: false };
    current = mine;
    mine.reading.then(
      () => {
        mine.settled = true;
      },
      () => {
        if (current === mine) current = undefined;
      },
    );
    return mine.reading;
  };
}
