import type { KafkaConnection, OffsetRange, Publisher } from '@mersal/kafka';
import {
  beginReplay,
  type Database,
  endReplay,
  type Ledger,
  readTenantNumbers,
  saveReplay,
} from '@mersal/ledger';
import { logReaders, Pace, replay, spanOf, type Tally } from '@mersal/recovery';
import type { Logger } from '@mersal/telemetry';
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

export interface ReplayCourse {
  readonly id: string;
  readonly actor: string;
  readonly ranges: ReadonlyMap<number, OffsetRange>;
  readonly restaurantId: string | undefined;
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
    const id = await beginReplay(this.#options.database, {
      actor,
      asked: { from: new Date(from).toISOString(), to, restaurant: restaurantId },
      restaurantId: restaurantId ?? null,
      ranges,
    });
    this.carryOut({ id, actor, ranges, restaurantId });
    return id;
  }

  /** Goes on in the background. */
  carryOut(course: ReplayCourse): void {
    this.#requireIdle();
    const { logger } = this.#options;
    this.#running = this.#run(course)
      .catch((error: unknown) => {
        logger.error({ err: error, replay: course.id }, 'a replay did not end; it can be resumed by its id');
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async stop(): Promise<void> {
    this.#ended.abort(new Error('this instance is stopping'));
    await this.#running;
  }

  async #run({ id, actor, ranges, restaurantId, resumed }: ReplayCourse): Promise<void> {
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
            id,
            new Map(
              [...ranges].map(([partition, range]) => [
                partition,
                { from: positions.get(partition) ?? range.from, to: range.to },
              ]),
            ),
            soFar,
          ),
      },
      { ranges, restaurantId, resumed },
    );
    await endReplay(database, id, actor, tally);
    logger.info({ replay: id, sent: tally.sent, skipped: tally.skipped }, 'a replay ended');
  }

  #requireIdle(): void {
    if (this.#ended.signal.aborted) throw new Problem('shutting_down');
    if (this.#running)
      throw new Problem('conflict', { detail: 'this instance replays already: one at a time' });
  }
}
