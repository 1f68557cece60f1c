import type { Database } from '../database.js';
import { type KeyCounts, timeOf, toCounts } from './counts.js';

/** All-time counts by key, the largest first. */
export async function readCacheTotals(database: Database, most: number): Promise<Map<string, KeyCounts>> {
  const rows = await database.run({
    name: 'read-cache-totals',
    text: 'select key, hits, misses, creations from cache_total order by hits + misses desc, key limit $1',
    values: [most],
  });
  return new Map(rows.map((row) => [row['key'] as string, toCounts(row)]));
}

/** All-time counts of all keys together, how many keys there are, and how many events came too late for their window. */
export async function readCacheSum(
  database: Database,
): Promise<KeyCounts & { readonly keys: number; readonly late: number }> {
  const [row = {}] = await database.run({
    name: 'read-cache-sum',
    text: `
      select count(*) as keys, coalesce(sum(hits), 0) as hits, coalesce(sum(misses), 0) as misses,
             coalesce(sum(creations), 0) as creations, coalesce(sum(late), 0) as late from cache_total`,
    values: [],
  });
  return { ...toCounts(row), keys: Number(row['keys'] ?? 0), late: Number(row['late'] ?? 0) };
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
