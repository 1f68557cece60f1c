import { randomUUID } from 'node:crypto';
import { READER_GROUPS } from '@mersal/contracts';
import { createAdmin } from './admin.js';
import type { KafkaConnection } from './connection.js';
import { createConsumer } from './consumer.js';
import type { InRecord, PartitionBatch } from './in-record.js';

/** Offsets of one partition: from the first on, before `to`. */
export interface OffsetRange {
  readonly from: bigint;
  readonly to: bigint;
}

export interface ReadRangeOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** By partition. What the log does not have any more, or not yet, is left out. */
  readonly ranges: ReadonlyMap<number, OffsetRange>;
  /**
   * Takes records of one partition, in order, one call at a time. `next`: the offset behind them. When it rejects, the
   * reading ends with its error.
   */
  readonly onRecords: (partition: number, records: readonly InRecord[], next: bigint) => Promise<void>;
  /** Ends the reading, behind the call that is under way; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a record, while there are some to read, after which it gives up. Default 60,000. */
  readonly stallAfterMs?: number;
}

/**
 * Reads a part of a topic that has an end, and leaves no trace of having done so: a group of its own, which commits nothing.
 * Resolves once every range is read.
 */
export async function readRange(options: ReadRangeOptions): Promise<void> {
  const { connection, topic, signal, stallAfterMs = 60_000 } = options;
  signal?.throwIfAborted();
  const left = await existing(options);
  if (left.size === 0) return;
  const positions = new Map([...left].map(([partition, { from }]) => [partition, from]));
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const ended = new Promise<void>((done, failed) => {
    [resolve, reject] = [done, failed];
  });
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    reject(error instanceof Error ? error : new Error(String(error)));
  };
  // Awaited below; a failure before that is no unhandled one.
  ended.catch(() => undefined);
  let lastAt = performance.now();
  let calls: Promise<void> = Promise.resolve();

  const take = async (batch: PartitionBatch): Promise<void> => {
    const range = left.get(batch.partition);
    if (range === undefined || failure !== undefined || !batch.isOwned()) return;
    const position = positions.get(batch.partition) ?? range.from;
    const records = batch.records.filter(({ offset }) => offset >= position && offset < range.to);
    const behind = batch.lastOffset + 1n;
    const next = behind < range.to ? behind : range.to;
    try {
      if (next > position) await options.onRecords(batch.partition, records, next);
    } catch (error) {
      fail(error);
      return;
    } finally {
      lastAt = performance.now();
    }
    positions.set(batch.partition, next);
    if (next < range.to) return;
    left.delete(batch.partition);
    if (left.size === 0) resolve();
  };

  const consumer = createConsumer({
    connection,
    groupId: `${READER_GROUPS}${randomUUID()}`,
    topics: [topic],
    onAssigned: async ({ partitions }) =>
      partitions.flatMap((partition) => {
        const offset = positions.get(partition);
        return offset === undefined ? [] : [{ topic, partition, offset }];
      }),
    onRevoked: () => undefined,
    onBatch: (batch) => {
      // One call at a time over all partitions, whatever the consumer does side by side.
      calls = calls.then(() => take(batch));
      return calls;
    },
    onFatal: fail,
  });
  const onAbort = (): void => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  const watch = setInterval(() => {
    if (performance.now() - lastAt > stallAfterMs)
      fail(new Error(`${topic}: no record came within ${stallAfterMs} ms`));
  }, 1_000);
  try {
    await consumer.start();
    lastAt = performance.now();
    await ended;
  } finally {
    clearInterval(watch);
    signal?.removeEventListener('abort', onAbort);
    await consumer.close();
    // Nobody is called any more once this has ended.
    await calls;
  }
}

async function existing({ connection, topic, ranges }: ReadRangeOptions): Promise<Map<number, OffsetRange>> {
  const admin = createAdmin({ connection });
  try {
    const log = await admin.watermarks(topic);
    return new Map(
      [...ranges].flatMap(([partition, range]) => {
        const ends = log.get(partition);
        if (ends === undefined) throw new RangeError(`${topic} has no partition ${partition}`);
        const from = range.from > ends.low ? range.from : ends.low;
        const to = range.to < ends.high ? range.to : ends.high;
        return from < to ? [[partition, { from, to }] as const] : [];
      }),
    );
  } finally {
    await admin.close();
  }
}
