import type { QueueCounts } from '@mersal/ledger';
import { z } from 'zod';
import { problemResponses } from '../problems/problem-schema.js';
import { timeText } from '../requests/time-text.js';
import type { Routes } from '../routes.js';
import type { MetricsAccess } from './metrics-access.js';

const count = z.int().min(0);
export const queueMetricsSchema = z.object({
  accepted: count.describe('waiting + active + delayed + completed + failed + cancelled + expired'),
  waiting: count,
  active: count.describe('requests under way at the provider'),
  delayed: count.describe('retrying + scheduled + held + unknown'),
  completed: count.describe('accepted by the provider'),
  failed: count.describe('reported failed later, or dead'),
  dead: count,
  cancelled: count,
  expired: count,
  retrying: count,
  scheduled: count,
  held: count,
  unknown: count,
  undecided: count.describe('of the unknown ones: an operator has to decide'),
  unfiled: count
    .nullable()
    .describe('in the log and in none of these counts yet, repeats included; null: the log can not be asked'),
  tenantConcurrency: z.record(z.string(), z.object({ active: count, limit: count })),
  at: timeText,
});
export type QueueMetrics = z.infer<typeof queueMetricsSchema>;

export function queueMetrics(
  counts: QueueCounts,
  unfiled: number | null,
  concurrency: number,
  at: number,
): QueueMetrics {
  const tenantConcurrency = Object.fromEntries(
    Object.entries(counts.tenantConcurrency).map(([restaurantId, { active, limit }]) => [
      restaurantId,
      { active, limit: limit ?? concurrency },
    ]),
  );
  return { ...counts, unfiled, tenantConcurrency, at: new Date(at).toISOString() };
}

/** GET /api/queue/metrics */
export function queueMetricsRoute(
  { app }: Routes,
  access: MetricsAccess,
  read: () => Promise<QueueMetrics>,
): void {
  app.route({
    method: 'GET',
    url: '/api/queue/metrics',
    ...access.hooks,
    schema: {
      operationId: 'getQueueMetrics',
      summary: 'How many messages are in which state',
      tags: ['metrics'],
      security: access.security,
      response: {
        200: queueMetricsSchema,
        ...problemResponses('unauthorized', 'forbidden', 'store_unavailable'),
      },
    },
    handler: read,
  });
}
