import type { KafkaConnection, OffsetRange, Publisher } from '@mersal/kafka';
import {
  beginReplay,
  type Database,
  endReplay,
  type Ledger,
  type ReplayHold,
  readTenantNumbers,
  saveReplay,
  takeReplay,
  whileHeld,
} from '@mersal/ledger';
import { logReaders, Pace, replay, spanOf, type Tally } from '@mersal/recovery';
import { type Logger, traceparentOf } from '@mersal/telemetry';
import type { TopicNames } from '@mersal/contracts';
import { Problem } from '../problems/problem.js';

export interface ReplaysOptions {
  readonly connection: KafkaConnection;
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly database: Database;
  readonly ledger: Pick<Ledger, 'statesOf'>;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly logger: Logger;
  readonly wallClock: () => number;
}

export interface ReplayWish {
  readonly actor: string;
  /** ms since 1970. */
  readonly from: number;
  readonly to?: number | undefined;
  readonly restaurantId?: string | undefined;
}

interface ReplayCourse {
  readonly hold: ReplayHold;
  readonly actor: string;
  readonly ranges: ReadonlyMap<number, OffsetRange>;
  readonly restaurantId: string | undefined;
  /** Trace context of the request. */
  readonly operation: string | undefined;
  readonly resumed?: { readonly tally: Tally };
}

/** Messages published a second. */
const PER_SECOND = 200;

/** Replays in the background, one at a time. One that is interrupted with its process is resumed by its id. */
export class Replays {
  readonly #options: ReplaysOptions;
  readonly #ended = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** The part of the log that is meant, as of now. */
  span({ from, to }: Pick<ReplayWish, 'from' | 'to'>): Promise<Map<number, OffsetRange>> {
    const { connection, topics, partitions } = this.#options;
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    return spanOf(connection, topics.send, { partitions: all, from, to });
  }

  async begin(wish: ReplayWish): Promise<string> {
    this.#requireIdle();
    const ranges = await this.span(wish);
    this.#requireIdle();
    const { actor, from, to, restaurantId } = wish;
    const hold = await beginReplay(this.#options.database, {
      actor,
      asked: { from: new Date(from).toISOString(), to, restaurant: restaurantId },
      restaurantId: restaurantId ?? null,
      ranges,
    });
    await this.#carryOut({ hold, actor, ranges, restaurantId, operation: traceparentOf() });
    return hold.id;
  }

  /** Goes on with one that was interrupted. */
  async resume(id: string, actor: string): Promise<void> {
    this.#requireIdle();
    const taken = await takeReplay(this.#options.database, id, actor);
    if (!taken) throw new Problem('conflict', { detail: 'another process runs that replay' });
    const { hold, state } = taken;
    const { ranges, tally } = state;
    const restaurantId = state.restaurantId ?? undefined;
    const operation = traceparentOf();
    await this.#carryOut({ hold, actor, ranges, restaurantId, operation, resumed: { tally } });
  }

  /** In the background. What can not begin here is let go, for another to resume. */
  async #carryOut(course: ReplayCourse): Promise<void> {
    const { logger, database } = this.#options;
    const onError = (error: unknown): void =>
      logger.warn({ err: error, replay: course.hold.id }, 'a replay may be lost to another process');
    if (this.#running || this.#ended.signal.aborted)
      return whileHeld(database, course.hold, { onError }, async () => this.#requireIdle());
    this.#running = whileHeld(database, course.hold, { onError }, () => this.#run(course))
      .catch((error: unknown) => {
        logger.error(
          { err: error, replay: course.hold.id },
          'a replay did not end; it can be resumed by its id',
        );
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async stop(): Promise<void> {
    this.#ended.abort(new Error('this instance is stopping'));
    await this.#running;
  }

  async #run({ hold, actor, ranges, restaurantId, operation, resumed }: ReplayCourse): Promise<void> {
    const { connection, topics, database, ledger, publisher, logger, wallClock } = this.#options;
    const { signal } = this.#ended;
    const tally = await replay(
      {
        ...logReaders({ connection, topics, signal }),
        wallClock,
        tenants: (restaurantIds) => readTenantNumbers(database, restaurantIds),
        statesOf: (keys) => ledger.statesOf(keys),
        publish: (records) => publisher.publish(records),
        pace: new Pace({ perSecond: PER_SECOND, signal }),
        onProgress: ({ positions, tally: soFar }) =>
          saveReplay(
            database,
            hold,
            new Map(
              [...ranges].map(([partition, range]) => [
                partition,
                { from: positions.get(partition) ?? range.from, to: range.to },
              ]),
            ),
            soFar,
          ),
      },
      { ranges, restaurantId, operation, resumed },
    );
    await endReplay(database, hold, actor, tally);
    logger.info({ replay: hold.id, sent: tally.sent, skipped: tally.skipped }, 'a replay ended');
  }

  #requireIdle(): void {
    if (this.#ended.signal.aborted) throw new Problem('shutting_down');
    if (this.#running)
      throw new Problem('conflict', { detail: 'this instance replays already: one at a time' });
  }
}
