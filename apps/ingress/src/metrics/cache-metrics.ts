import { cacheHealth } from '@mersal/contracts';
import {
  type CacheAlert,
  type CacheTotals,
  type Database,
  type KeyCounts,
  readCacheAlerts,
  readCacheTotals,
  readCacheWindow,
} from '@mersal/ledger';
import { z } from 'zod';
import { problemResponses } from '../problems/problem-schema.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import { count, countsSchema, withRates } from './cache-counts.js';
import { cacheHistoryRoute, type ReadHistory } from './cache-history.js';
import type { MetricsAccess } from './metrics-access.js';

const MOST_KEYS = 1_000;
const OTHER_KEYS = '(others)';
const MOST_ALERTS = 100;
const CLOSED_SHOWN_MS = 86_400_000;

const alertSchema = z.object({
  scope: z.enum(['global', 'key']),
  key: z.string().nullable().describe('null: all keys together'),
  state: z.enum(['open', 'closed']),
  openedAt: timeText,
  closedAt: timeText.nullable(),
  missRate: z.number().min(0).max(1).describe('of the newest window judged'),
  requests: count.describe('of the newest window judged'),
  cause: z.enum(['hash_churn', 'cold_start', 'invalidation', 'new_key', 'store_away', 'unknown']),
  distinctHashes: count.nullable().describe('among the misses of the window'),
  message: z.string().describe('what happened, and what to do'),
});
export const cacheMetricsSchema = z.object({
  runtime: countsSchema
    .extend({
      byKey: z
        .record(z.string(), countsSchema)
        .describe(`the ${MOST_KEYS} keys with most requests; all others under ${OTHER_KEYS}`),
      window: countsSchema.extend({ from: timeText, to: timeText }),
      events: count.describe('events counted'),
      late: count.describe('events that came too late for their window; counted all the same'),
    })
    .describe('all time, all instances'),
  database: z.object({ reachable: z.boolean(), keys: count, latencyMs: z.number() }),
  health: z.object({
    status: z.enum(['good', 'fair', 'degraded', 'poor', 'unknown']),
    reasons: z.array(z.string()),
  }),
  alerts: z.array(alertSchema).describe('open ones first, and those that closed within a day'),
});
export type CacheMetrics = z.infer<typeof cacheMetricsSchema>;

export const WINDOW_MS = 300_000;
/** Length of a pane, in ms: the window ends with the pane that now lies in. */
const PANE_MS = 10_000;

export async function readCacheMetrics(
  database: Database,
  clocks: { readonly now: () => number; readonly wallClock: () => number },
): Promise<CacheMetrics> {
  const began = clocks.now();
  const wall = clocks.wallClock();
  const to = Math.floor(wall / PANE_MS) * PANE_MS + PANE_MS;
  const from = to - WINDOW_MS;
  const [totals, window, alerts] = await Promise.all([
    readCacheTotals(database, MOST_KEYS),
    readCacheWindow(database, from, to),
    readCacheAlerts(database, wall - CLOSED_SHOWN_MS, MOST_ALERTS),
  ]);
  const latencyMs = clocks.now() - began;
  return cacheMetrics({ totals, window: { ...window, from, to }, alerts, latencyMs });
}

export interface CacheReading {
  readonly totals: CacheTotals;
  readonly window: KeyCounts & { readonly from: number; readonly to: number };
  readonly alerts: readonly CacheAlert[];
  readonly latencyMs: number;
}

export function cacheMetrics({ totals, window, alerts, latencyMs }: CacheReading): CacheMetrics {
  const { all } = totals;
  const sum = withRates(all);
  const byKey = Object.fromEntries([...totals.byKey].map(([key, counts]) => [key, withRates(counts)]));
  if (all.keys > totals.byKey.size) byKey[OTHER_KEYS] = withRates(without(all, totals.byKey.values()));
  const open = alerts.filter(({ closedAt }) => closedAt === null);
  const { status, reasons } = cacheHealth(
    sum.hitRate,
    open.map(({ message }) => message),
  );
  return {
    runtime: {
      ...sum,
      byKey,
      window: {
        ...withRates(window),
        from: new Date(window.from).toISOString(),
        to: new Date(window.to).toISOString(),
      },
      events: all.hits + all.misses + all.creations,
      late: all.late,
    },
    database: { reachable: true, keys: all.keys, latencyMs: Math.round(latencyMs * 10) / 10 },
    health: { status, reasons: [...reasons] },
    alerts: alerts.map((alert) => ({
      scope: alert.scope,
      key: alert.scope === 'global' ? null : alert.key,
      state: alert.closedAt === null ? 'open' : 'closed',
      openedAt: new Date(alert.openedAt).toISOString(),
      closedAt: alert.closedAt === null ? null : new Date(alert.closedAt).toISOString(),
      missRate: alert.missRate,
      requests: alert.requests,
      cause: alert.cause as CacheMetrics['alerts'][number]['cause'],
      distinctHashes: alert.distinctHashes,
      message: alert.message,
    })),
  };
}

function without(all: KeyCounts, parts: Iterable<KeyCounts>): KeyCounts {
  const left = { hits: all.hits, misses: all.misses, creations: all.creations };
  for (const { hits, misses, creations } of parts) {
    left.hits -= hits;
    left.misses -= misses;
    left.creations -= creations;
  }
  return left;
}

/** GET /api/cache/metrics, and the history of a key beside it. `read`: CacheMetrics as JSON. */
export function cacheMetricsRoute(
  { app }: Routes,
  access: MetricsAccess,
  { read, history }: { readonly read: () => Promise<string>; readonly history: ReadHistory },
): void {
  cacheHistoryRoute(app, access, history);
  app.route({
    method: 'GET',
    url: '/api/cache/metrics',
    ...access.hooks,
    schema: {
      operationId: 'getCacheMetrics',
      summary: 'Hits, misses and creations of the template cache, and alerts on spikes of misses',
      tags: ['metrics'],
      security: access.security,
      response: {
        200: cacheMetricsSchema,
        ...problemResponses('unauthorized', 'forbidden', 'store_unavailable'),
      },
    },
    handler: async (_request, reply) => {
      // A text goes out as it is; its type is that of what it says.
      const text = (await read()) as unknown as CacheMetrics;
      return reply.type('application/json; charset=utf-8').send(text);
    },
  });
}
