import type { TopicNames } from '@mersal/contracts';
import {
  createAdmin,
  type KafkaAdmin,
  type KafkaConnection,
  type OffsetRange,
  readRange,
} from '@mersal/kafka';
import type { ReplayParts } from './replay.js';

export interface LogOptions {
  readonly connection: KafkaConnection;
  readonly topics: Pick<TopicNames, 'send' | 'outcomes'>;
  /** Ends a reading that is under way. */
  readonly signal?: AbortSignal | undefined;
}

/** What a replay reads of Kafka. */
export function logReaders({
  connection,
  topics,
  signal,
}: LogOptions): Pick<ReplayParts, 'readSends' | 'readOutcomes' | 'topic'> {
  return {
    topic: topics.send,
    readSends: (ranges, onRecords) =>
      readRange({ connection, topic: topics.send, ranges, onRecords, signal }),
    readOutcomes: async (partitions, since, onRecords) => {
      const ranges = await spanOf(connection, topics.outcomes, { partitions, from: since });
      await readRange({
        connection,
        topic: topics.outcomes,
        ranges,
        onRecords: async (_partition, records) => onRecords(records),
        signal,
      });
    },
  };
}

/** A part of a topic. Times are ms since 1970; offsets win over times, and only make sense for one partition. */
export interface Span {
  readonly partitions: readonly number[];
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly fromOffset?: bigint | undefined;
  readonly toOffset?: bigint | undefined;
}

/** Its offsets, as of now: what comes to the log later is not part of it. Throws RangeError for a partition that is not there. */
export async function spanOf(
  connection: KafkaConnection,
  topic: string,
  span: Span,
): Promise<Map<number, OffsetRange>> {
  const admin = createAdmin({ connection });
  try {
    const log = await admin.watermarks(topic);
    const starts = await offsetsAt(admin, topic, span.from);
    const ends = await offsetsAt(admin, topic, span.to);
    return new Map(
      span.partitions.map((partition) => {
        const marks = log.get(partition);
        if (marks === undefined) throw new RangeError(`${topic} has no partition ${partition}`);
        const from = span.fromOffset ?? starts?.get(partition) ?? marks.low;
        const to = span.toOffset ?? ends?.get(partition) ?? marks.high;
        return [partition, { from, to: to < from ? from : to }];
      }),
    );
  } finally {
    await admin.close();
  }
}

async function offsetsAt(
  admin: KafkaAdmin,
  topic: string,
  time: number | undefined,
): Promise<ReadonlyMap<number, bigint> | undefined> {
  return time === undefined ? undefined : admin.offsetsForTimestamp(topic, Math.max(0, Math.floor(time)));
}
