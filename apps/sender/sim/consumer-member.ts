import type { ConsumerOptions, PartitionOffset, Revocation } from '@mersal/kafka';
import type { Host } from './host.js';
import type { Kafka } from './kafka.js';

export type Handlers = Pick<ConsumerOptions, 'onAssigned' | 'onRevoked' | 'onBatch'>;

interface Cursor {
  readonly topic: string;
  readonly partition: number;
  next: number;
  busy: boolean;
  waiting: boolean;
  /** Grows with every seek: what was under way then counts no more. */
  version: number;
}

interface Holding {
  readonly generation: number;
  readonly partitions: readonly number[];
  readonly abort: AbortController;
  readonly cursors: Map<string, Cursor>;
  ended: boolean;
}

/** One member of the group as packages/kafka shows it to its owner: assigned, reading, revoked. */
export class ConsumerMember {
  readonly host: Host;
  readonly #kafka: Kafka;
  readonly #handlers: Handlers;
  #holding: Holding | undefined;
  /** The newest that it is a member of. */
  #generation = 0;
  #closed = false;

  constructor(kafka: Kafka, host: Host, handlers: Handlers) {
    this.#kafka = kafka;
    this.host = host;
    this.#handlers = handlers;
  }

  /** It believes that partitions are its own. */
  get isIn(): boolean {
    return this.#holding !== undefined;
  }

  start(): void {
    this.#kafka.join(this);
  }

  close(): void {
    this.#closed = true;
    this.#revoke('closed');
    this.#kafka.leave(this);
  }

  seek(topic: string, partition: number, offset: bigint): void {
    const cursor = this.#holding?.cursors.get(`${topic}/${partition}`);
    if (!cursor) return;
    cursor.version += 1;
    cursor.next = Number(offset);
    cursor.busy = false;
    this.#look(this.#holding as Holding, cursor);
  }

  async commit(_offsets: readonly PartitionOffset[]): Promise<void> {}

  // --- told by the group ---

  revokeIn(ms: number, reason: Revocation['reason']): void {
    const holding = this.#holding;
    this.host.deliver(ms, () => {
      if (holding && this.#holding === holding) this.#revoke(reason);
    });
  }

  /** Missed a rebalance: goes on as before until it hears of it, and joins again. */
  missed(ms: number): void {
    this.host.deliver(ms, () => {
      if (this.#closed) return;
      this.#revoke('lost');
      this.#kafka.join(this);
    });
  }

  /** Its session was over while it was away. */
  kicked(): void {
    this.host.deliver(0, () => {
      if (this.#closed) return;
      this.#revoke('lost');
      this.#kafka.join(this);
    });
  }

  assignIn(ms: number, generation: number, partitions: readonly number[]): void {
    this.#generation = generation;
    this.host.deliver(ms, () => {
      if (this.#closed || generation < this.#generation) return;
      this.#revoke('lost');
      const holding: Holding = {
        generation,
        partitions,
        abort: new AbortController(),
        cursors: new Map(),
        ended: false,
      };
      this.#holding = holding;
      this.#take(holding);
    });
  }

  appended(topic: string, partition: number): void {
    const cursor = this.#holding?.cursors.get(`${topic}/${partition}`);
    if (cursor) this.#look(this.#holding as Holding, cursor);
  }

  // --- towards its owner ---

  #revoke(reason: Revocation['reason']): void {
    const holding = this.#holding;
    if (!holding) return;
    this.#holding = undefined;
    holding.ended = true;
    holding.abort.abort();
    const { generation, partitions } = holding;
    this.#handlers.onRevoked({ generation, partitions, reason });
  }

  #take(holding: Holding): void {
    const { generation, partitions, abort } = holding;
    const { send, retry, callbacks } = this.#kafka.topics;
    const byTopic = new Map([send, retry, callbacks].map((topic) => [topic, partitions]));
    this.#handlers.onAssigned({ generation, partitions, byTopic, signal: abort.signal }).then(
      (offsets) => this.#begin(holding, offsets),
      () => {
        this.host.deliver(this.#kafka.random.between(200, 600), () => {
          if (!holding.ended) this.#take(holding);
        });
      },
    );
  }

  #begin(holding: Holding, offsets: readonly PartitionOffset[]): void {
    if (holding.ended) return;
    const { random, weather } = this.#kafka;
    for (const { topic, partition, offset } of offsets) {
      let next = Number(offset);
      const end = this.#kafka.log(topic, partition).length;
      // As kafkajs does, which may fetch from the committed offset before a seek takes hold. What it skips shows in a batch.
      if (random.chance(weather.astray)) next = random.whole(Math.max(0, next - 3), Math.max(end - 1, next));
      const cursor = { topic, partition, next, busy: false, waiting: false, version: 0 };
      holding.cursors.set(`${topic}/${partition}`, cursor);
      this.#look(holding, cursor);
    }
  }

  /** Reads on, where there is something and nothing is under way. */
  #look(holding: Holding, cursor: Cursor, soonMs = 1): void {
    if (holding.ended || cursor.busy || cursor.waiting) return;
    if (cursor.next >= this.#kafka.log(cursor.topic, cursor.partition).length) return;
    cursor.waiting = true;
    this.host.deliver(this.#kafka.random.between(soonMs, soonMs + 20), () => {
      cursor.waiting = false;
      if (holding.ended || cursor.busy) return;
      if (this.#kafka.isAway) this.#look(holding, cursor, 300);
      else this.#deliver(holding, cursor);
    });
  }

  #deliver(holding: Holding, cursor: Cursor): void {
    const { random, weather } = this.#kafka;
    const { topic, partition, version } = cursor;
    const log = this.#kafka.log(topic, partition);
    if (random.chance(weather.astray)) cursor.next = Math.max(0, cursor.next - random.whole(1, 3));
    const records = log.slice(cursor.next, cursor.next + random.whole(1, 12));
    const [first] = records;
    if (!first) return;
    const last = first.offset + BigInt(records.length - 1);
    const current = (): boolean => !holding.ended && cursor.version === version;
    cursor.busy = true;
    const end = (next: number, soonMs: number): void => {
      if (!current()) return;
      cursor.busy = false;
      cursor.next = next;
      this.#look(holding, cursor, soonMs);
    };
    this.#handlers
      .onBatch({
        topic,
        partition,
        records,
        firstOffset: first.offset,
        lastOffset: last,
        highWatermark: BigInt(log.length),
        signal: holding.abort.signal,
        isOwned: current,
      })
      .then(
        () => end(Number(last) + 1, 1),
        () => end(Number(first.offset), 200),
      );
  }
}
