import type { Database } from '../database.js';
import { type KeyCounts, timeOf, toCounts } from './counts.js';

export interface CacheTotals {
  /** All keys together. `late`: events that came too late for their window. */
  readonly all: KeyCounts & { readonly keys: number; readonly late: number };
  /** The keys with most requests. */
  readonly byKey: ReadonlyMap<string, KeyCounts>;
}

/** All-time counts in all and of the `most` keys with most requests, as of one moment. */
export async function readCacheTotals(database: Database, most: number): Promise<CacheTotals> {
  const rows = await database.run({
    name: 'read-cache-totals',
    text: `
      select key, hits, misses, creations, sum(hits) over () as all_hits, sum(misses) over () as all_misses,
             sum(creations) over () as all_creations, sum(late) over () as late, count(*) over () as keys
        from cache_total order by hits + misses desc, key limit $1`,
    values: [most],
  });
  const [first = {}] = rows;
  return {
    all: {
      hits: Number(first['all_hits'] ?? 0),
      misses: Number(first['all_misses'] ?? 0),
      creations: Number(first['all_creations'] ?? 0),
      late: Number(first['late'] ?? 0),
      keys: Number(first['keys'] ?? 0),
    },
    byKey: new Map(rows.map((row) => [row['key'] as string, toCounts(row)])),
  };
}

/** Counts of the panes that begin at or after `from` and before `to`, all keys together. */
export async function readCacheWindow(database: Database, from: number, to: number): Promise<KeyCounts> {
  const [row] = await database.run({
    name: 'read-cache-window',
    text: `
      select coalesce(sum(hits), 0) as hits, coalesce(sum(misses), 0) as misses, coalesce(sum(creations), 0) as creations
        from cache_pane where pane >= $1::timestamptz and pane < $2::timestamptz`,
    values: [timeOf(from), timeOf(to)],
  });
  return toCounts(row ?? {});
}
