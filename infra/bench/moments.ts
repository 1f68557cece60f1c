import { type SeenRequest, type SimulatorClient, waitFor } from '@mersal/testkit';

/** ms since 1970 with their fractions. */
export const wallClock = (): number => performance.timeOrigin + performance.now();

/** What the provider saw of these messages first, once it has seen all of them. */
export async function untilSeen(
  simulator: SimulatorClient,
  ids: readonly string[],
  timeoutMs: number,
): Promise<Map<string, SeenRequest>> {
  const wanted = new Set(ids);
  let missing = wanted.size;
  return waitFor(
    async () => {
      const seen = new Map<string, SeenRequest>();
      for (const request of await simulator.requests()) {
        const { messageId } = request;
        if (messageId !== null && wanted.has(messageId) && !seen.has(messageId)) seen.set(messageId, request);
      }
      missing = wanted.size - seen.size;
      return missing === 0 && [...seen.values()].every((one) => one.finishedAt !== null) ? seen : undefined;
    },
    { timeoutMs, intervalMs: 250, describe: () => `${missing} of ${ids.length} messages at the provider` },
  );
}
