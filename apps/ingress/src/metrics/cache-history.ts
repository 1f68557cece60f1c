import type { CacheHistoryEntry } from '@mersal/ledger';
import { z } from 'zod';
import { problemResponses } from '../problems/problem-schema.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { count, countsSchema, withRates } from './cache-counts.js';
import type { MetricsAccess } from './metrics-access.js';

export interface HistoryRange {
  readonly key: string | null;
  /** Ms since 1970; `to` is not included. */
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}

export type ReadHistory = (range: HistoryRange) => Promise<CacheHistoryEntry[]>;

const HOUR_MS = 3_600_000;
const MOST_STEPS = 1_500;
const SHORTEST_STEP_S = 60;

const time = z.iso.datetime({ offset: true });
const query = z.object({
  key: z.string().min(1).max(256).describe('default: all keys together').optional(),
  from: time.describe('default: an hour before `to`').optional(),
  to: time.describe('default: now; not included').optional(),
  step: z.coerce
    .number()
    .int()
    .min(SHORTEST_STEP_S)
    .max(86_400)
    .refine((seconds) => seconds % SHORTEST_STEP_S === 0, 'must be whole minutes')
    .describe('seconds, whole minutes')
    .default(SHORTEST_STEP_S),
});
export const cacheHistorySchema = z.object({
  key: z.string().nullable(),
  from: timeText,
  to: timeText,
  step: count.describe('seconds'),
  items: z
    .array(
      countsSchema.extend({
        from: timeText,
        late: count.describe('events that came then, too late for their window'),
      }),
    )
    .describe('the oldest first; steps without events are left out'),
});

/** The range asked for, on whole steps. Where it has more than `MOST_STEPS`, the steps become longer. */
export function historyRange(asked: z.infer<typeof query>, now: number): HistoryRange {
  const to = asked.to === undefined ? now : Date.parse(asked.to);
  const from = Math.min(to, asked.from === undefined ? to - HOUR_MS : Date.parse(asked.from));
  const shortest = SHORTEST_STEP_S * 1_000;
  const least = Math.ceil((to - from) / MOST_STEPS / shortest) * shortest;
  const stepMs = Math.max(asked.step * 1_000, least);
  return {
    key: asked.key ?? null,
    from: Math.floor(from / stepMs) * stepMs,
    to: Math.ceil(to / stepMs) * stepMs,
    stepMs,
  };
}

/** GET /api/cache/metrics/history */
export function cacheHistoryRoute(app: Routes['app'], access: MetricsAccess, read: ReadHistory): void {
  app.route<{ Querystring: z.infer<typeof query> }>({
    method: 'GET',
    url: '/api/cache/metrics/history',
    ...access.hooks,
    schema: {
      operationId: 'getCacheHistory',
      summary: 'Hits, misses and creations of the template cache over time, by key',
      tags: ['metrics'],
      security: access.security,
      querystring: query,
      response: {
        200: cacheHistorySchema,
        ...problemResponses('validation_failed', 'unauthorized', 'forbidden', 'store_unavailable'),
      },
    },
    handler: async ({ query: asked }) => {
      const range = historyRange(asked, Date.now());
      const items = await read(range);
      return {
        key: range.key,
        from: new Date(range.from).toISOString(),
        to: new Date(range.to).toISOString(),
        step: range.stepMs / 1_000,
        items: items.map(({ from, late, ...counts }) => ({
          from: new Date(from).toISOString(),
          ...withRates(counts),
          late,
        })),
      };
    },
  });
}
