import { type AppendedEvent, decodeTemplateEvent, foldEvents } from '@mersal/cache-windows';
import type { Assignment, InRecord, PartitionBatch, PartitionOffset } from '@mersal/kafka';
import { addPanes, type Database, LedgerError, readCacheOffset, readCacheProducers } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';

export interface CountingOptions {
  readonly database: Database;
  readonly topic: string;
  readonly seek: (topic: string, partition: number, offset: bigint) => void;
  /** Tells that everything below this offset is counted. */
  readonly counted: (partition: number, next: bigint) => void;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'count'>;
}

const MOST_WARNINGS = 5;

/**
 * Counts batches of template events into the ledger, each record once.
 *
 *   assigned ──read the ledger's offset──► seek there ──batch──► panes + producers + offset in one transaction
 *                                            ▲                          │ the offset is another reader's by now
 *                                            └──────────────────────────┘
 *
 * Kafka's committed offset plays no part in it: it is written for whoever watches the lag.
 */
export class Counting {
  readonly #options: CountingOptions;
  readonly #next = new Map<number, bigint>();
  #joined = false;

  constructor(options: CountingOptions) {
    this.#options = options;
  }

  /** Whether the group has given this member its part, which may be nothing. */
  get joined(): boolean {
    return this.#joined;
  }

  readonly onAssigned = async ({ partitions, signal }: Assignment): Promise<PartitionOffset[]> => {
    const { database, topic } = this.#options;
    const starts: PartitionOffset[] = [];
    for (const partition of partitions)
      starts.push({ topic, partition, offset: await readCacheOffset(database, partition) });
    if (signal.aborted) return starts;
    this.#next.clear();
    for (const { partition, offset } of starts) this.#next.set(partition, offset);
    this.#joined = true;
    return starts;
  };

  /** Up to where each partition of this member is counted. */
  positions(): ReadonlyMap<number, bigint> {
    return this.#next;
  }

  readonly onRevoked = (): void => this.#next.clear();

  readonly onBatch = async (batch: PartitionBatch): Promise<void> => {
    const { database, logger, metrics } = this.#options;
    const { partition } = batch;
    const first = this.#next.get(partition);
    // A batch of a former assignment: whoever has the partition now reads it.
    if (first === undefined) return;
    const next = batch.lastOffset + 1n;
    if (next <= first) return;
    if (batch.firstOffset > first)
      logger.warn(
        { partition, counted: String(first), log: String(batch.firstOffset) },
        'events were deleted before they were counted',
      );

    const { events, undecodable } = this.#decode(batch, first);
    const highest = await readCacheProducers(database, partition, [
      ...new Set(events.map(({ event }) => event.producer)),
    ]);
    const folded = foldEvents(events, highest);
    try {
      await addPanes(database, partition, { first, next, readTo: readTo(batch) }, folded);
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'offset_gap') throw error;
      await this.#readOnFromLedger(batch);
      return;
    }
    if (batch.isOwned()) this.#next.set(partition, next);
    const { counted, late, repeated } = folded;
    for (const [kind, n] of Object.entries({ ...counted, late, repeated, undecodable }))
      if (n > 0) metrics.count('mersal_cache_events', { kind }, n);
    this.#options.counted(partition, next);
  };

  #decode(batch: PartitionBatch, from: bigint): { events: AppendedEvent[]; undecodable: number } {
    const events: AppendedEvent[] = [];
    let undecodable = 0;
    for (const record of batch.records) {
      if (record.offset < from) continue;
      const decoded = decodeTemplateEvent(record);
      if ('event' in decoded) {
        events.push({ event: decoded.event, appendedAt: record.timestamp });
        continue;
      }
      undecodable += 1;
      if (undecodable <= MOST_WARNINGS) this.#warnOf(batch, record, decoded.reason);
    }
    if (undecodable > MOST_WARNINGS)
      this.#options.logger.warn(
        { partition: batch.partition, undecodable },
        'more records of this batch cannot be read',
      );
    return { events, undecodable };
  }

  #warnOf({ topic, partition }: PartitionBatch, { offset }: InRecord, reason: string): void {
    this.#options.logger.warn(
      { topic, partition, offset: String(offset), reason },
      'a record cannot be read and is left out',
    );
  }

  /** Another reader has counted meanwhile: not what it counted is wrong, but where this one stands. */
  async #readOnFromLedger(batch: PartitionBatch): Promise<void> {
    const { database, logger, seek } = this.#options;
    const at = await readCacheOffset(database, batch.partition);
    if (!batch.isOwned()) return;
    logger.info(
      { partition: batch.partition, offset: String(at) },
      'another reader counted this partition; reading on from there',
    );
    this.#next.set(batch.partition, at);
    seek(batch.topic, batch.partition, at);
  }
}

/** Records of the last one's very millisecond may follow. */
function readTo({ records }: PartitionBatch): number | null {
  const last = records.at(-1);
  return last === undefined ? null : last.timestamp - 1;
}
