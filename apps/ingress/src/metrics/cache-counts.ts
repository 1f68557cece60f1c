import type { KeyCounts } from '@mersal/ledger';
import { z } from 'zod';

const rate = z.number().min(0).max(1).nullable().describe('0–1; null without requests');
export const count = z.int().min(0);
export const countsSchema = z.object({
  hits: count,
  misses: count,
  creations: count,
  hitRate: rate,
  missRate: rate,
  totalRequests: count.describe('hits + misses'),
});

export function withRates({ hits, misses, creations }: KeyCounts): z.infer<typeof countsSchema> {
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
