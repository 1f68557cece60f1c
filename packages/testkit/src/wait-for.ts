import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `condition` until it gives something other than false, null or undefined, and returns that. A rejection counts as
 * "not yet"; the last one is the cause of the error when the time is up.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: { timeoutMs?: number; intervalMs?: number; describe?: string | (() => string) } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { timeoutMs = 30_000, intervalMs = 25, describe = 'the condition' } = options;
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      last = undefined;
      const value = await condition();
      if (value !== false && value !== null && value !== undefined)
        return value as Exclude<T, false | null | undefined>;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) {
      const what = typeof describe === 'string' ? describe : describe();
      throw new Error(
        `waited ${timeoutMs} ms in vain for ${what}`,
        last === undefined ? {} : { cause: last },
      );
    }
    await sleep(intervalMs);
  }
}
