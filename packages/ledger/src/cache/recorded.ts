import type { Database } from '../database.js';
import { type KeyCounts, msOf, timeOf, toCounts } from './counts.js';

export interface RecordedMinute extends KeyCounts {
  readonly key: string;
  readonly tenant: string;
  /** Its start, ms since 1970. */
  readonly minute: number;
  readonly late: number;
}

/** Up to where windows are judged, ms since 1970; null: none is. */
export async function readCacheJudgedTo(database: Database): Promise<number | null> {
  const [row] = await database.run({
    name: 'read-cache-judged-to',
    text: `select ${msOf('judged_to')} as judged_to from cache_watch`,
    values: [],
  });
  const judgedTo = row?.['judged_to'] ?? null;
  return judgedTo === null ? null : Number(judgedTo);
}

/** All counts by minute, key and tenant from `from` until `to`, whole minutes in ms since 1970. */
export async function readCacheMinutes(
  database: Database,
  from: number,
  to: number,
): Promise<RecordedMinute[]> {
  const rows = await database.run({
    name: 'read-cache-minutes',
    text: `
      select key, tenant, ${msOf("date_bin('1 minute', at, 'epoch'::timestamptz)")} as minute,
             sum(hits) as hits, sum(misses) as misses, sum(creations) as creations, sum(late) as late
        from (select pane as at, key, tenant, hits, misses, creations, late from cache_pane
              union all
              select minute, key, tenant, hits, misses, creations, late from cache_minute) counted
       where at >= $1::timestamptz and at < $2::timestamptz group by 1, 2, 3`,
    values: [timeOf(from), timeOf(to)],
  });
  return rows.map((row) => ({
    key: row['key'] as string,
    tenant: row['tenant'] as string,
    minute: Number(row['minute']),
    ...toCounts(row),
    late: Number(row['late']),
  }));
}

/** When each key's first event was, ms since 1970, where that was noted. */
export async function readCacheFirstTimes(database: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await database.run({
    name: 'read-cache-first-times',
    text: `select key, ${msOf('first_at')} as first_at from cache_total where first_at is not null`,
    values: [],
  });
  return new Map(rows.map((row) => [row['key'] as string, Number(row['first_at'])]));
}
