import { setTimeout as sleep } from 'node:timers/promises';

/** Runs work again and again, one run at a time, with pauses between. A failure is told and ends nothing. Returns what stops it. */
export function repeat(
  work: () => Promise<void>,
  everyMs: number,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await work().catch(onError);
      // The only thing that ends a pause early is that it is to stop.
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = run();
  return async () => {
    stop.abort();
    await running;
  };
}
