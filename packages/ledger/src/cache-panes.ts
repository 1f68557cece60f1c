import type { Database, Row } from './database.js';
import { LedgerError } from './errors.js';

/** Counts of one cache key and tenant in one pane. `pane` is the pane's start, ms since 1970. */
export interface PaneCount {
  readonly key: string;
  readonly tenant: string;
  readonly pane: number;
  readonly hits: number;
  readonly misses: number;
  readonly creations: number;
}

export interface KeyCounts {
  readonly hits: number;
  readonly misses: number;
  readonly creations: number;
}

/** Where to go on reading a partition of template-events. */
export async function readCacheOffset(database: Database, partition: number): Promise<bigint> {
  const [row] = await database.run({
    name: 'read-cache-offset',
    text: `
      insert into cache_offset (partition, next_offset) values ($1, 0)
      on conflict (partition) do update set partition = excluded.partition returning next_offset`,
    values: [partition],
  });
  return BigInt(row?.['next_offset'] as string);
}

/**
 * The highest running number counted of each of the named processes. Together with the offset it stays true until the
 * offset moves: whoever adds panes moves it.
 */
export async function readCacheProducers(
  database: Database,
  partition: number,
  producers: readonly string[],
): Promise<Map<string, number>> {
  const rows = await database.run({
    name: 'read-cache-producers',
    text: 'select producer, sequence from cache_producer where partition = $1 and producer = any($2::text[])',
    values: [partition, producers],
  });
  return new Map(rows.map((row) => [row['producer'] as string, Number(row['sequence'])]));
}

/**
 * Adds a batch's counts, notes the highest running number of each process in it, and moves the offset, in one transaction:
 * only if the offset still is where this reader began, so that neither a crash nor a second reader counts a record twice.
 * Throws LedgerError `offset_gap` otherwise.
 */
export async function addPanes(
  database: Database,
  partition: number,
  range: { readonly first: bigint; readonly next: bigint },
  panes: readonly PaneCount[],
  producers: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  await database.conversation(async (run) => {
    const moved = await run({
      name: 'move-cache-offset',
      text: `
        update cache_offset set next_offset = $3::bigint
         where partition = $1 and next_offset = $2::bigint returning partition`,
      values: [partition, String(range.first), String(range.next)],
    });
    if (moved.length === 0) {
      throw new LedgerError(
        'offset_gap',
        `partition ${partition} of the template events is not counted up to ${range.first}`,
      );
    }
    if (producers.size > 0) {
      await run({
        name: 'note-cache-producers',
        text: `
          insert into cache_producer as p (partition, producer, sequence)
          select $1, i.producer, i.sequence from unnest($2::text[], $3::bigint[]) i(producer, sequence)
          on conflict (partition, producer) do update
             set sequence = greatest(p.sequence, excluded.sequence), seen_at = clock_timestamp()`,
        values: [partition, [...producers.keys()], [...producers.values()]],
      });
    }
    const column = <T>(pick: (pane: PaneCount) => T): T[] => panes.map(pick);
    await run({
      name: 'add-panes',
      text: `
        insert into cache_pane as p (key, tenant, pane, hits, misses, creations)
        select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[]) i(k, t, at, h, m, c)
         order by k, t, at
        on conflict (key, tenant, pane) do update
           set hits = p.hits + excluded.hits, misses = p.misses + excluded.misses, creations = p.creations + excluded.creations`,
      values: [
        column((p) => p.key),
        column((p) => p.tenant),
        column((p) => new Date(p.pane).toISOString()),
        column((p) => p.hits),
        column((p) => p.misses),
        column((p) => p.creations),
      ],
    });
    await run({
      name: 'add-totals',
      text: `
        insert into cache_total as p (key, hits, misses, creations)
        select k, sum(h), sum(m), sum(c) from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) i(k, h, m, c)
         group by k order by k
        on conflict (key) do update
           set hits = p.hits + excluded.hits, misses = p.misses + excluded.misses, creations = p.creations + excluded.creations`,
      values: [
        column((p) => p.key),
        column((p) => p.hits),
        column((p) => p.misses),
        column((p) => p.creations),
      ],
    });
  });
}

/** Forgets panes of event times, and processes last seen, before these times, ms since 1970. Totals stay. */
export async function pruneCachePanes(
  database: Database,
  before: { readonly panes: number; readonly producers: number },
): Promise<void> {
  await database.run({
    name: 'prune-cache-panes',
    text: 'delete from cache_pane where pane < $1::timestamptz',
    values: [new Date(before.panes).toISOString()],
  });
  await database.run({
    name: 'prune-cache-producers',
    text: 'delete from cache_producer where seen_at < $1::timestamptz',
    values: [new Date(before.producers).toISOString()],
  });
}

/** All-time counts by key, the largest first. */
export async function readCacheTotals(database: Database, most: number): Promise<Map<string, KeyCounts>> {
  const rows = await database.run({
    name: 'read-cache-totals',
    text: 'select key, hits, misses, creations from cache_total order by hits + misses desc, key limit $1',
    values: [most],
  });
  return new Map(rows.map((row) => [row['key'] as string, toCounts(row)]));
}

/** Counts of the panes that begin at or after `from` and before `to`, all keys together. */
export async function readCacheWindow(database: Database, from: number, to: number): Promise<KeyCounts> {
  const [row] = await database.run({
    name: 'read-cache-window',
    text: `
      select coalesce(sum(hits), 0) as hits, coalesce(sum(misses), 0) as misses, coalesce(sum(creations), 0) as creations
        from cache_pane where pane >= $1::timestamptz and pane < $2::timestamptz`,
    values: [new Date(from).toISOString(), new Date(to).toISOString()],
  });
  return toCounts(row ?? {});
}

function toCounts(row: Row): KeyCounts {
  return {
    hits: Number(row['hits'] ?? 0),
    misses: Number(row['misses'] ?? 0),
    creations: Number(row['creations'] ?? 0),
  };
}
