import type { KafkaAdmin } from '@mersal/kafka';
import { type Database, noteCacheReadTo } from '@mersal/ledger';

/** How far the clocks of Kafka's brokers may lie behind this one's. */
const CLOCK_MARGIN_MS = 3_000;

export interface ReadingOptions {
  readonly admin: Pick<KafkaAdmin, 'offsetsForTimestamp'>;
  readonly database: Database;
  readonly topic: string;
  /** Up to where each partition of this member is counted. */
  readonly positions: () => ReadonlyMap<number, bigint>;
  readonly wallClock: () => number;
}

/**
 * Notes up to which append time this member's partitions are read, also those where nothing comes: Kafka tells the first offset from a
 * time on, and where everything below that is counted, everything before that time is.
 */
export async function noteReading(options: ReadingOptions): Promise<void> {
  const { admin, database, topic, positions, wallClock } = options;
  if (positions().size === 0) return;
  const time = wallClock() - CLOCK_MARGIN_MS;
  const firsts = await admin.offsetsForTimestamp(topic, time);
  const read = [...positions()]
    .filter(([partition, next]) => next >= (firsts.get(partition) ?? Number.POSITIVE_INFINITY))
    .map(([partition, next]) => ({ partition, next, readTo: time - 1 }));
  await noteCacheReadTo(database, read);
}
