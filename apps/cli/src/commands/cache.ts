import { readCacheTotals, readCacheWindow } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

export const WINDOW_MS = 300_000;
const MOST_KEYS = 1_000;

export type CacheGrade = 'good' | 'fair' | 'degraded' | 'poor' | 'unknown';

/** Above 95 % of hits good, from 90 fair, from 80 degraded, else poor; without a request nothing is known. */
export function gradeOf(hits: number, misses: number): CacheGrade {
  const requests = hits + misses;
  if (requests === 0) return 'unknown';
  const rate = hits / requests;
  return rate > 0.95 ? 'good' : rate >= 0.9 ? 'fair' : rate >= 0.8 ? 'degraded' : 'poor';
}

export async function cacheReport(env: Environment, now: number): Promise<Report> {
  return withDatabase(env, async (database) => {
    const totals = await readCacheTotals(database, MOST_KEYS);
    const window = await readCacheWindow(database, now - WINDOW_MS, now + WINDOW_MS);
    const [all] = await database.run({
      name: 'cli-cache-totals',
      text: 'select coalesce(sum(hits), 0) as hits, coalesce(sum(misses), 0) as misses, coalesce(sum(creations), 0) as creations from cache_total',
      values: [],
    });
    const total = {
      hits: Number(all?.['hits']),
      misses: Number(all?.['misses']),
      creations: Number(all?.['creations']),
    };
    const byKey = [...totals].map(([key, counts]) => ({ key, ...withRates(counts) }));
    const health = gradeOf(total.hits, total.misses);
    const line = (name: string, c: ReturnType<typeof withRates>): unknown[] => [
      name,
      c.hits,
      c.misses,
      c.creations,
      percent(c.hitRate),
    ];
    return report(
      { total: withRates(total), window: { ms: WINDOW_MS, ...withRates(window) }, byKey, health },
      [
        table(
          ['', 'hits', 'misses', 'creations', 'hit rate'],
          [line('all time', withRates(total)), line('last 5 min', withRates(window))],
        ),
        '',
        table(
          ['key', 'hits', 'misses', 'creations', 'hit rate'],
          byKey.map((one) => line(one.key, one)),
          'no event was counted yet',
        ),
        '',
        `health: ${health}`,
      ].join('\n'),
    );
  });
}

function withRates(counts: { readonly hits: number; readonly misses: number; readonly creations: number }) {
  const totalRequests = counts.hits + counts.misses;
  const rate = (n: number): number | null => (totalRequests === 0 ? null : n / totalRequests);
  return { ...counts, totalRequests, hitRate: rate(counts.hits), missRate: rate(counts.misses) };
}

function percent(rate: number | null): string | null {
  return rate === null ? null : `${(rate * 100).toFixed(1)} %`;
}
