import type { Database, Row, Statement } from '../database.js';
import { LedgerError } from '../errors.js';
import { type KeyCounts, timeOf } from './counts.js';

/** Counts of one cache key and tenant in one pane. `pane` is the pane's start, ms since 1970. */
export interface PaneCount extends KeyCounts {
  readonly key: string;
  readonly tenant: string;
  readonly pane: number;
  /** Events that came in this pane, too late for their own. */
  readonly late: number;
}

/** Misses of one pane for one reason, with the smallest values of their distinct hashes, ascending. */
export interface MissCount {
  readonly key: string;
  readonly tenant: string;
  readonly pane: number;
  readonly reason: string;
  readonly misses: number;
  readonly hashes: readonly number[];
}

export interface TotalCount extends KeyCounts {
  readonly key: string;
  readonly late: number;
  /** Ms since 1970. */
  readonly firstAt: number | null;
}

export interface CountedBatch {
  readonly panes: readonly PaneCount[];
  readonly misses: readonly MissCount[];
  readonly totals: readonly TotalCount[];
  /** The highest running number of each process. */
  readonly producers: ReadonlyMap<string, number>;
}

export interface CountedRange {
  readonly first: bigint;
  readonly next: bigint;
  /** Every record appended up to then, ms since 1970, lies below `next`; null where that is not known. */
  readonly readTo: number | null;
}

/** How many values of distinct hashes a row keeps. */
const MOST_HASHES = 256;

/**
 * Adds a batch's counts, notes the highest running number of each process in it, and moves the offset, in one transaction:
 * only if the offset still is where this reader began, so that neither a crash nor a second reader counts a record twice.
 * Throws LedgerError `offset_gap` otherwise.
 */
export async function addPanes(
  database: Database,
  partition: number,
  range: CountedRange,
  batch: CountedBatch,
): Promise<void> {
  await database.conversation(async (run) => {
    const moved = await run({
      name: 'move-cache-offset',
      text: `
        update cache_offset set next_offset = $3::bigint, read_to = greatest(read_to, $4::timestamptz)
         where partition = $1 and next_offset = $2::bigint returning partition`,
      values: [
        partition,
        String(range.first),
        String(range.next),
        range.readTo === null ? null : timeOf(range.readTo),
      ],
    });
    if (moved.length === 0) {
      throw new LedgerError(
        'offset_gap',
        `partition ${partition} of the template events is not counted up to ${range.first}`,
      );
    }
    const written: Promise<Row[]>[] = [];
    if (batch.producers.size > 0) written.push(run(noteProducers(partition, batch.producers)));
    if (batch.panes.length > 0) written.push(run(addCounts(batch.panes)));
    if (batch.misses.length > 0) written.push(run(addMisses(batch.misses)));
    if (batch.totals.length > 0) written.push(run(addTotals(batch.totals)));
    await Promise.all(written);
  });
}

function noteProducers(partition: number, producers: ReadonlyMap<string, number>): Statement {
  return {
    name: 'note-cache-producers',
    text: `
      insert into cache_producer as p (partition, producer, sequence)
      select $1, i.producer, i.sequence from unnest($2::text[], $3::bigint[]) i(producer, sequence)
      on conflict (partition, producer) do update
         set sequence = greatest(p.sequence, excluded.sequence), seen_at = clock_timestamp()`,
    values: [partition, [...producers.keys()], [...producers.values()]],
  };
}

function addCounts(panes: readonly PaneCount[]): Statement {
  return {
    name: 'add-panes',
    text: `
      insert into cache_pane as p (key, tenant, pane, hits, misses, creations, late)
      select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        i(k, t, at, h, m, c, l)
       order by k, t, at
      on conflict (key, tenant, pane) do update
         set hits = p.hits + excluded.hits, misses = p.misses + excluded.misses,
             creations = p.creations + excluded.creations, late = p.late + excluded.late`,
    values: [
      panes.map((p) => p.key),
      panes.map((p) => p.tenant),
      panes.map((p) => timeOf(p.pane)),
      panes.map((p) => p.hits),
      panes.map((p) => p.misses),
      panes.map((p) => p.creations),
      panes.map((p) => p.late),
    ],
  };
}

function addMisses(misses: readonly MissCount[]): Statement {
  return {
    name: 'add-misses',
    text: `
      insert into cache_miss as p (key, tenant, pane, reason, misses, hashes)
      select k, t, at, r, m, array(select v::bigint from jsonb_array_elements_text(h) v)
        from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[], $6::jsonb[]) i(k, t, at, r, m, h)
       order by k, t, at, r
      on conflict (key, tenant, pane, reason) do update
         set misses = p.misses + excluded.misses,
             hashes = array(select distinct v from unnest(p.hashes || excluded.hashes) v order by v limit ${MOST_HASHES})`,
    values: [
      misses.map((p) => p.key),
      misses.map((p) => p.tenant),
      misses.map((p) => timeOf(p.pane)),
      misses.map((p) => p.reason),
      misses.map((p) => p.misses),
      misses.map((p) => JSON.stringify(p.hashes)),
    ],
  };
}

function addTotals(totals: readonly TotalCount[]): Statement {
  return {
    name: 'add-totals',
    text: `
      insert into cache_total as p (key, hits, misses, creations, late, first_at)
      select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[]) i(k, h, m, c, l, f)
       order by k
      on conflict (key) do update
         set hits = p.hits + excluded.hits, misses = p.misses + excluded.misses,
             creations = p.creations + excluded.creations, late = p.late + excluded.late,
             first_at = least(p.first_at, excluded.first_at)`,
    values: [
      totals.map((p) => p.key),
      totals.map((p) => p.hits),
      totals.map((p) => p.misses),
      totals.map((p) => p.creations),
      totals.map((p) => p.late),
      totals.map((p) => (p.firstAt === null ? null : timeOf(p.firstAt))),
    ],
  };
}
