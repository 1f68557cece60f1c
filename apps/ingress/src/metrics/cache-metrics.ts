import { type Database, type KeyCounts, readCacheTotals, readCacheWindow } from '@mersal/ledger';
import { z } from 'zod';
import { problemResponses } from '../problems/problem-schema.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { type CacheHealth, cacheHealth } from './cache-health.js';
import type { MetricsAccess } from './metrics-access.js';

const rate = z.number().min(0).max(1).nullable().describe('0–1; null without requests');
const count = z.int().min(0);
const countsSchema = z.object({
  hits: count,
  misses: count,
  creations: count,
  hitRate: rate,
  missRate: rate,
  totalRequests: count.describe('hits + misses'),
});
export const cacheMetricsSchema = z.object({
  runtime: countsSchema
    .extend({
      byKey: z.record(z.string(), countsSchema),
      window: countsSchema.extend({ from: timeText, to: timeText }),
      events: count.describe('events counted'),
    })
    .describe('all time, all instances'),
  database: z.object({ reachable: z.boolean(), keys: count, latencyMs: z.number() }),
  health: z.object({
    status: z.enum(['good', 'fair', 'degraded', 'poor', 'unknown']),
    reasons: z.array(z.string()),
  }),
  alerts: z.array(z.object({ scope: z.string(), key: z.string(), state: z.string() }).loose()),
});
export type CacheMetrics = z.infer<typeof cacheMetricsSchema>;

export const WINDOW_MS = 300_000;
/** Length of a pane, in ms: the window ends with the pane that now lies in. */
const PANE_MS = 10_000;
const MOST_KEYS = 10_000;

export async function readCacheMetrics(
  database: Database,
  clocks: { readonly now: () => number; readonly wallClock: () => number },
): Promise<CacheMetrics> {
  const began = clocks.now();
  const to = Math.floor(clocks.wallClock() / PANE_MS) * PANE_MS + PANE_MS;
  const from = to - WINDOW_MS;
  const [totals, window] = await Promise.all([
    readCacheTotals(database, MOST_KEYS),
    readCacheWindow(database, from, to),
  ]);
  return cacheMetrics(totals, { ...window, from, to }, clocks.now() - began);
}

export function cacheMetrics(
  totals: ReadonlyMap<string, KeyCounts>,
  window: KeyCounts & { readonly from: number; readonly to: number },
  latencyMs: number,
): CacheMetrics {
  const sum = { hits: 0, misses: 0, creations: 0 };
  for (const { hits, misses, creations } of totals.values()) {
    sum.hits += hits;
    sum.misses += misses;
    sum.creations += creations;
  }
  const health: CacheHealth = cacheHealth(withRates(sum).hitRate);
  return {
    runtime: {
      ...withRates(sum),
      byKey: Object.fromEntries([...totals].map(([key, counts]) => [key, withRates(counts)])),
      window: {
        ...withRates(window),
        from: new Date(window.from).toISOString(),
        to: new Date(window.to).toISOString(),
      },
      events: sum.hits + sum.misses + sum.creations,
    },
    database: { reachable: true, keys: totals.size, latencyMs: Math.round(latencyMs * 10) / 10 },
    health,
    alerts: [],
  };
}

function withRates({ hits, misses, creations }: KeyCounts) {
  const totalRequests = hits + misses;
  return {
    hits,
    misses,
    creations,
    hitRate: totalRequests === 0 ? null : hits / totalRequests,
    missRate: totalRequests === 0 ? null : misses / totalRequests,
    totalRequests,
  };
}

/** GET /api/cache/metrics */
export function cacheMetricsRoute(
  { app }: Routes,
  access: MetricsAccess,
  read: () => Promise<CacheMetrics>,
): void {
  app.route({
    method: 'GET',
    url: '/api/cache/metrics',
    ...access.hooks,
    schema: {
      operationId: 'getCacheMetrics',
      summary: 'Hits, misses and creations of the template cache',
      tags: ['metrics'],
      security: access.security,
      response: {
        200: cacheMetricsSchema,
        ...problemResponses('unauthorized', 'forbidden', 'store_unavailable'),
      },
    },
    handler: read,
  });
}
