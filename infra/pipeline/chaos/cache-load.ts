import { templateEventRecord, topicNames } from '@mersal/contracts';
import { createAdmin, createPublisher, type KafkaConnection, type Publisher } from '@mersal/kafka';
import { randomName, waitFor } from '@mersal/testkit';
import pg from 'pg';
import { pause } from './fault.js';

const PARTITIONS = 12;
const EVERY_MS = 500;
const BATCH = 20;
const KEYS = 15;
const STOP_WITHIN_MS = 30_000;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Publishes template events as a service that uses the cache does, each batch again until Kafka has it. */
export class CacheLoad {
  published = 0;
  #isOver = false;
  readonly #connection: KafkaConnection;
  readonly #publisher: Publisher;
  readonly #producer = randomName('chaos');
  readonly #stop = new AbortController();
  readonly #work: Promise<void>;

  private constructor(connection: KafkaConnection, publisher: Publisher) {
    this.#connection = connection;
    this.#publisher = publisher;
    this.#work = this.#run();
  }

  static async start(brokers: readonly string[]): Promise<CacheLoad> {
    const connection = { brokers, clientId: 'chaos', logger: silent };
    return new CacheLoad(connection, await createPublisher({ connection }));
  }

  /** Every event of a batch that was begun is in Kafka when it resolves, if Kafka is there within some time. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.race([this.#work, pause(STOP_WITHIN_MS)]);
    this.#isOver = true;
    await this.#publisher.close();
  }

  /** What was counted amiss, once cache-metrics has read all or the time, in ms, is over. */
  async judge(database: string, timeoutMs: number): Promise<string[]> {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    let counted = 0;
    try {
      await waitFor(
        async () => {
          const { rows } = await client.query<{ n: string }>(
            'select coalesce(sum(hits + misses + creations), 0) as n from cache_total',
          );
          counted = Number(rows[0]?.n);
          return counted >= this.published;
        },
        { timeoutMs, intervalMs: 200 },
      ).catch(() => undefined);
      if (counted === this.published) return [];
      const { rows } = await client.query<{ partition: number; next_offset: string }>(
        'select partition, next_offset from cache_offset',
      );
      const next = new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
      return [
        `${this.published} template events, ${counted} were counted; not read: ${await this.#unread(next)}`,
      ];
    } finally {
      await client.end();
    }
  }

  async #unread(next: ReadonlyMap<number, bigint>): Promise<string> {
    const admin = createAdmin({ connection: this.#connection });
    try {
      const ends = [...(await admin.endOffsets(topicNames().templateEvents))];
      const unread = ends.map(([partition, end]) => [partition, end - (next.get(partition) ?? 0n)] as const);
      return unread
        .filter(([, records]) => records > 0n)
        .map(([partition, records]) => `${records} of partition ${partition}`)
        .join(', ');
    } finally {
      await admin.close();
    }
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const records = Array.from({ length: BATCH }, (_, n) => this.#record(this.published + n + 1));
      while (!(await this.#isPublished(records))) {
        if (this.#isOver) return;
        await pause(EVERY_MS);
      }
      this.published += BATCH;
      await pause(EVERY_MS);
    }
  }

  /** A failure says nothing about what Kafka has: the same records again, which their numbers tell. */
  #isPublished(records: Parameters<Publisher['publish']>[0]): Promise<boolean> {
    return this.#publisher.publish(records).then(
      () => true,
      () => false,
    );
  }

  #record(sequence: number): Parameters<Publisher['publish']>[0][number] {
    const key = `template-${sequence % KEYS}`;
    const producer = this.#producer;
    const event = {
      kind: sequence % 10 === 0 ? ('miss' as const) : ('hit' as const),
      key,
      hash: 'h1',
      tenant: `restaurant-${sequence % 4}`,
      at: Date.now(),
      producer,
      sequence,
    };
    return templateEventRecord(event, {
      topic: topicNames().templateEvents,
      partitions: PARTITIONS,
      source: 'chaos',
    });
  }
}
