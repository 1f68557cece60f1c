import { type CacheMetrics, Counts } from './counts.js';

/** A spike of misses, over all instances, as GET /api/cache/metrics tells it. Times by ISO 8601. */
export interface CacheAlertReport {
  readonly scope: 'global' | 'key';
  /** Null: all keys together. */
  readonly key: string | null;
  readonly state: 'open' | 'closed';
  readonly openedAt: string;
  readonly closedAt: string | null;
  /** Of the newest window judged, 0 to 1; and its requests. */
  readonly missRate: number;
  readonly requests: number;
  readonly cause: 'hash_churn' | 'cold_start' | 'invalidation' | 'new_key' | 'store_away' | 'unknown';
  /** Among the misses of the window. */
  readonly distinctHashes: number | null;
  /** What happened, and what to do. */
  readonly message: string;
}

/** What cache-metrics has counted of the events of all instances, all time, and its alerts: open ones first, then the last day's. */
export interface RecordedReport {
  readonly all: CacheMetrics;
  readonly alerts: readonly CacheAlertReport[];
}

type Query = (text: string, values: readonly unknown[]) => Promise<Record<string, unknown>[]>;

const MOST_ALERTS = 100;
const CLOSED_SHOWN_MS = 86_400_000;

const msOf = (column: string): string => `floor(extract(epoch from ${column}) * 1000)::float8`;

/** The rows that GET /api/cache/metrics reads. `now`: ms since 1970. */
export async function readRecorded(query: Query, now: number): Promise<RecordedReport> {
  const [[totals = {}], alerts] = await Promise.all([
    query(
      `select coalesce(sum(hits), 0)::float8 as hits, coalesce(sum(misses), 0)::float8 as misses,
              coalesce(sum(creations), 0)::float8 as creations
         from cache_total`,
      [],
    ),
    query(
      `select scope, key, ${msOf('opened_at')} as opened_at, ${msOf('closed_at')} as closed_at, miss_rate,
              requests::float8 as requests, cause, distinct_hashes::float8 as distinct_hashes, message
         from cache_alert where closed_at is null or closed_at >= $1::timestamptz
        order by closed_at is not null, cache_alert.opened_at desc, scope, key limit $2`,
      [new Date(now - CLOSED_SHOWN_MS).toISOString(), MOST_ALERTS],
    ),
  ]);
  const counts = new Counts();
  counts.add('hit', totals['hits'] as number);
  counts.add('miss', totals['misses'] as number);
  counts.add('creation', totals['creations'] as number);
  return { all: counts.metrics(), alerts: alerts.map(toAlert) };
}

function toAlert(row: Record<string, unknown>): CacheAlertReport {
  const closedAt = row['closed_at'] as number | null;
  return {
    scope: row['scope'] as CacheAlertReport['scope'],
    key: row['scope'] === 'global' ? null : (row['key'] as string),
    state: closedAt === null ? 'open' : 'closed',
    openedAt: new Date(row['opened_at'] as number).toISOString(),
    closedAt: closedAt === null ? null : new Date(closedAt).toISOString(),
    missRate: row['miss_rate'] as number,
    requests: row['requests'] as number,
    cause: row['cause'] as CacheAlertReport['cause'],
    distinctHashes: row['distinct_hashes'] as number | null,
    message: row['message'] as string,
  };
}
