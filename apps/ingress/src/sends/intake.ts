import type { SendRequested } from '@mersal/contracts';
import type { IntakeAnswer, IntakeRate } from '@mersal/limits';
import { Problem } from '../problems/problem.js';

/** What the sends of a request may: those whose restaurant is within its rate, and what its caller is told of the rate. */
export interface Intake {
  readonly refused: ReadonlySet<string>;
  readonly headers: Readonly<Record<string, string>>;
  /** Where none is within its rate: the answer, which says when to come again. */
  readonly refusal?: Problem;
}

const UNLIMITED: Intake = { refused: new Set(), headers: {} };

/** Takes a request's sends from the rates of their restaurants. `rate` undefined: unlimited. */
export async function takeIn(rate: IntakeRate | undefined, sends: readonly SendRequested[]): Promise<Intake> {
  if (rate === undefined || sends.length === 0) return UNLIMITED;
  const counts = new Map<string, number>();
  for (const { restaurantId } of sends) counts.set(restaurantId, (counts.get(restaurantId) ?? 0) + 1);
  const answers = await Promise.all(
    [...counts].map(
      async ([restaurantId, count]) => [restaurantId, await rate.take(restaurantId, count)] as const,
    ),
  );
  const refused = new Set(answers.filter(([, { admitted }]) => !admitted).map(([id]) => id));
  const [, tightest] =
    answers.toSorted(([, a], [, b]) => a.remaining - b.remaining || b.retryMs - a.retryMs)[0] ?? [];
  const headers = tightest === undefined ? {} : rateHeaders(tightest);
  if (refused.size < answers.length) return { refused, headers };
  const soonestMs = Math.min(...answers.map(([, one]) => one.retryMs));
  return { refused, headers, refusal: overRate(headers, soonestMs) };
}

/** Of a send that its restaurant's rate had no room for. */
export function overRate(headers: Readonly<Record<string, string>> = {}, retryMs = 0): Problem {
  return new Problem('rate_limited', {
    detail: 'the restaurant sends faster than it may',
    accepted: false,
    headers: { ...headers, 'retry-after': String(Math.max(1, Math.ceil(retryMs / 1_000))) },
  });
}

/** As in draft-ietf-httpapi-ratelimit-headers up to 07, which clients know: seconds, whole. */
function rateHeaders({ limit, remaining, resetMs }: IntakeAnswer): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(resetMs / 1_000)),
  };
}
