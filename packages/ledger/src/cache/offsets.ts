import type { Database } from '../database.js';
import { timeOf } from './counts.js';

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

/** A partition of which every record appended up to `readTo`, ms since 1970, lies below the offset `next`. */
export interface ReadTo {
  readonly partition: number;
  readonly next: bigint;
  readonly readTo: number;
}

/** Notes how far partitions are read, where they still are counted up to that very offset. */
export async function noteCacheReadTo(database: Database, read: readonly ReadTo[]): Promise<void> {
  if (read.length === 0) return;
  await database.run({
    name: 'note-cache-read-to',
    text: `
      update cache_offset o set read_to = greatest(o.read_to, i.read_to)
        from unnest($1::smallint[], $2::bigint[], $3::timestamptz[]) i(partition, next_offset, read_to)
       where o.partition = i.partition and o.next_offset = i.next_offset`,
    values: [
      read.map(({ partition }) => partition),
      read.map(({ next }) => String(next)),
      read.map(({ readTo }) => timeOf(readTo)),
    ],
  });
}
