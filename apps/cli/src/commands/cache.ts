import {
  type KeyCounts,
  readCacheAlerts,
  readCacheHistory,
  readCacheTotals,
  readCacheWindow,
} from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { readTime } from './read-time.js';

export const WINDOW_MS = 300_000;
const MOST_KEYS = 1_000;
const MOST_ALERTS = 100;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MOST_STEPS = 1_500;

export type CacheGrade = 'good' | 'fair' | 'degraded' | 'poor' | 'unknown';

/** Above 95 % of hits good, from 90 fair, from 80 degraded, else poor; without a request nothing is known. */
export function gradeOf(hits: number, misses: number): CacheGrade {
  const requests = hits + misses;
  if (requests === 0) return 'unknown';
  const rate = hits / requests;
  return rate > 0.95 ? 'good' : rate >= 0.9 ? 'fair' : rate >= 0.8 ? 'degraded' : 'poor';
}

/** Counts of all instances, and open alerts; exits 3 while one is open. */
export async function cacheReport(env: Environment, now: number): Promise<Report> {
  return withDatabase(env, async (database) => {
    const { all, byKey: totals } = await readCacheTotals(database, MOST_KEYS);
    const window = await readCacheWindow(database, now - WINDOW_MS, now + WINDOW_MS);
    const alerts = await readCacheAlerts(database, now, MOST_ALERTS);
    const byKey = [...totals].map(([key, counts]) => ({ key, ...withRates(counts) }));
    const health = gradeOf(all.hits, all.misses);
    const line = (name: string, c: ReturnType<typeof withRates>): unknown[] => [
      name,
      c.hits,
      c.misses,
      c.creations,
      percent(c.hitRate),
    ];
    return report(
      { total: withRates(all), window: { ms: WINDOW_MS, ...withRates(window) }, byKey, health, alerts },
      [
        table(
          ['', 'hits', 'misses', 'creations', 'hit rate'],
          [line('all time', withRates(all)), line('last 5 min', withRates(window))],
        ),
        '',
        table(
          ['key', 'hits', 'misses', 'creations', 'hit rate'],
          byKey.map((one) => line(one.key, one)),
          'no event was counted yet',
        ),
        '',
        `health: ${health}`,
        ...alerts.map(({ openedAt, message }) => `🚨 since ${new Date(openedAt).toISOString()}: ${message}`),
      ].join('\n'),
      alerts.length > 0 ? EXIT.attention : EXIT.ok,
    );
  });
}

export interface HistoryChoice {
  readonly key?: string;
  readonly from?: string;
  readonly to?: string;
  /** Minutes. */
  readonly step?: string;
}

/** Counts over time, of one key or all. Default: the last hour by minutes. */
export async function cacheHistory(env: Environment, choice: HistoryChoice, now: number): Promise<Report> {
  const to = choice.to === undefined ? now : readTime('--to', choice.to);
  const from = choice.from === undefined ? to - HOUR_MS : readTime('--from', choice.from);
  const asked = Number(choice.step ?? 1);
  if (!Number.isInteger(asked) || asked < 1)
    throw new CliError('step_invalid', '--step is a number of minutes, at least 1', EXIT.usage);
  const stepMs = Math.max(asked, Math.ceil((to - from) / MOST_STEPS / MINUTE_MS)) * MINUTE_MS;
  return withDatabase(env, async (database) => {
    const range = {
      key: choice.key ?? null,
      from: Math.floor(from / stepMs) * stepMs,
      to: Math.ceil(to / stepMs) * stepMs,
      stepMs,
    };
    const entries = await readCacheHistory(database, range);
    const items = entries.map(({ from: at, late, ...counts }) => ({
      from: new Date(at).toISOString(),
      ...withRates(counts),
      late,
    }));
    return report(
      {
        key: range.key,
        from: new Date(range.from).toISOString(),
        to: new Date(range.to).toISOString(),
        stepMinutes: stepMs / MINUTE_MS,
        items,
      },
      table(
        ['from', 'hits', 'misses', 'creations', 'hit rate', 'late'],
        items.map((one) => [one.from, one.hits, one.misses, one.creations, percent(one.hitRate), one.late]),
        'no event was counted then',
      ),
    );
  });
}

function withRates({ hits, misses, creations }: KeyCounts) {
  const totalRequests = hits + misses;
  const rate = (n: number): number | null => (totalRequests === 0 ? null : n / totalRequests);
  return { hits, misses, creations, totalRequests, hitRate: rate(hits), missRate: rate(misses) };
}

function percent(rate: number | null): string | null {
  return rate === null ? null : `${(rate * 100).toFixed(1)} %`;
}
