import type { Database } from '../database.js';
import { type KeyCounts, msOf, timeOf, toCounts } from './counts.js';

export interface CacheHistoryEntry extends KeyCounts {
  /** Its start, ms since 1970. */
  readonly from: number;
  /** Events that came then, too late for their window. */
  readonly late: number;
}

/** A key's counts over time, all tenants together, of what begins at or after `from` and before `to`. `stepMs`: whole minutes, or 10 s. */
export async function readCacheHistory(
  database: Database,
  {
    key,
    from,
    to,
    stepMs,
  }: { readonly key: string | null; readonly from: number; readonly to: number; readonly stepMs: number },
): Promise<CacheHistoryEntry[]> {
  const rows = await database.run({
    name: 'read-cache-history',
    text: `
      select ${msOf("date_bin($4::float8 * interval '1 millisecond', at, 'epoch'::timestamptz)")} as start,
             sum(hits) as hits, sum(misses) as misses, sum(creations) as creations, sum(late) as late
        from (select pane as at, key, hits, misses, creations, late from cache_pane
               where pane >= $2::timestamptz and pane < $3::timestamptz and ($1::text is null or key = $1)
              union all
              select minute, key, hits, misses, creations, late from cache_minute
               where minute >= $2::timestamptz and minute < $3::timestamptz and ($1::text is null or key = $1)) counted
       group by 1 order by 1`,
    values: [key, timeOf(from), timeOf(to), stepMs],
  });
  return rows.map((row) => ({ from: Number(row['start']), ...toCounts(row), late: Number(row['late']) }));
}
