import type { Pipeline } from '@mersal/testkit';
import { post } from '../pipeline/test/api.js';
import { customer, orderText } from '../pipeline/test/orders.js';
import { untilSeen, wallClock } from './moments.js';

/** Between two posts of all restaurants together, in ms. */
const PACE_MS = 50;

/** Posts at a fixed pace, in turns; the times from before the POST to the request at the provider, in ms. */
export async function livePosts(
  pipeline: Pipeline,
  restaurants: readonly string[],
  samples: number,
): Promise<number[]> {
  const startedAt = performance.now();
  const posted = await Promise.all(
    Array.from({ length: samples }, async (_, n) => {
      const due = startedAt + n * PACE_MS;
      await new Promise((next) => setTimeout(next, due - performance.now()));
      const at = wallClock();
      const tenant = pipeline.tenant(restaurants[n % restaurants.length] as string);
      const id = await post(pipeline, tenant, { phoneNumber: customer(n), text: orderText(n) });
      return { id, at };
    }),
  );
  const seen = await untilSeen(
    pipeline.simulator,
    posted.map((one) => one.id),
    60_000,
  );
  return posted.map(({ id, at }) => (seen.get(id)?.receivedAt ?? Number.NaN) - at);
}
