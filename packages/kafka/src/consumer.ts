import type { Consumer, EachBatchPayload } from 'kafkajs';
import { accessErrorOf, groupRefused } from './access-error.js';
import { createAdmin, type KafkaAdmin } from './admin.js';
import { backoffMs } from './backoff.js';
import { coPartitionedAssigner } from './co-partitioned-assigner.js';
import { createClient, retryOptions } from './connection.js';
import {
  type CompiledConsumerOptions,
  type ConsumerOptions,
  type ConsumerTrouble,
  compileConsumerOptions,
  type PartitionOffset,
  type Revocation,
  type TopicPartition,
} from './consumer-options.js';
import { type ConsumerHealth, GroupHealth } from './consumer-health.js';
import { createFencedSockets } from './fenced-sockets.js';
import { inRecord, type PartitionBatch } from './in-record.js';
import { describeError, kafkajsErrorFacts } from './kafkajs-error.js';
import { interruptibleSleep } from './interruptible-sleep.js';
import { Ownership } from './ownership.js';
import { type Hold, type PartitionCursor, repositioned } from './partition-cursor.js';

export interface ConsumerPosition extends TopicPartition {
  /** The offset due next; null before it is known. */
  readonly position: bigint | null;
  /** Null when it is not known, which is not zero. */
  readonly lag: bigint | null;
}

export interface PartitionConsumer {
  /** Joins the group. Rejects when Kafka is not reachable or a topic is missing for `startTimeoutMs`. */
  start(): Promise<void>;
  /** Reads on from this offset; a batch under way is told by its signal. Nothing for a partition that is not ours. */
  seek(topic: string, partition: number, offset: bigint): void;
  /** Stops reading until `resume`, or until the partition is assigned anew. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** Commits the offsets due next. Those of partitions that are not ours any more are left out. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  assigned(): ReadonlyMap<string, readonly number[]>;
  positions(): ConsumerPosition[];
  healthy(): ConsumerHealth;
  /** Waits for batches under way, within bounds, and leaves the group. */
  close(): Promise<void>;
}

/** kafkajs' batch tells its types nothing of the offset it was fetched from. */
type FetchedBatch = EachBatchPayload['batch'] & { readonly fetchedOffset: string };

/** A commit that comes too late for its generation is no failure: the new owner commits for itself. */
const COMMIT_TOO_LATE = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']);

/**
 * A member of a consumer group with one writer a partition.
 *
 * ```
 *   joining ──assigned──► taking ──onAssigned resolved──► reading ──┐
 *      ▲                    │                                │     │ batch: deliver, or drop when it is not the one due
 *      └──── revoked ◄──────┴───────── rebalance, crash ─────┘ ◄───┘
 * ```
 *
 * A partition is read while nothing holds it: `assigning` (its owner has not taken it yet), `owner` (paused), `busy` (its batch takes
 * long), `backoff` (its batch failed), `repositioning` (kafkajs read from elsewhere).
 */
export function createConsumer(options: ConsumerOptions): PartitionConsumer {
  return new GroupConsumer(compileConsumerOptions(options));
}

class GroupConsumer implements PartitionConsumer {
  readonly #options: CompiledConsumerOptions;
  readonly #sockets = createFencedSockets();
  readonly #consumer: Consumer;
  readonly #admin: KafkaAdmin;
  readonly #health: GroupHealth;
  readonly #closed = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();
  #ownership: Ownership | undefined;
  #groupRefused = false;
  #generation = 0;
  #lastOwned: Record<string, readonly number[]> = {};
  #closing: Promise<void> | undefined;

  constructor(options: CompiledConsumerOptions) {
    this.#options = options;
    const client = createClient(options.connection, {
      requestTimeoutMs: 10_000,
      retries: 5,
      sockets: this.#sockets,
      onGroupRefused: () => (this.#groupRefused = true),
    });
    this.#consumer = client.consumer({
      groupId: options.groupId,
      partitionAssigners: [coPartitionedAssigner(() => this.#lastOwned)],
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      maxBytes: options.maxBytes,
      maxBytesPerPartition: options.maxBytesPerPartition,
      maxWaitTimeInMs: options.maxWaitMs,
      allowAutoTopicCreation: false,
      retry: retryOptions(5),
    });
    this.#admin = createAdmin({ connection: options.connection, patienceMs: 5_000 });
    this.#health = new GroupHealth({
      stallAfterMs: options.stallAfterMs,
      joinWithinMs: options.rebalanceTimeoutMs + options.sessionTimeoutMs,
      now: options.now,
    });
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment));
    this.#consumer.on(events.REBALANCING, () => this.#revoke('rebalance'));
    this.#consumer.on(events.START_BATCH_PROCESS, ({ payload }) => {
      // kafkajs steps over batches of control and aborted records without telling their handler.
      if (payload.batchSize === 0) {
        this.#ownership?.cursor(payload.topic, payload.partition)?.passed(BigInt(payload.lastOffset));
      }
    });
    this.#consumer.on(events.CRASH, ({ payload: { error, restart } }) => this.#crashed(error, restart));
  }

  async start(): Promise<void> {
    const giveUpAt = this.#options.now() + this.#options.startTimeoutMs;
    this.#health.started();
    for (let failures = 1; ; failures += 1) {
      try {
        await this.#consumer.connect();
        await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
        break;
      } catch (error) {
        const pause = backoffMs(failures, this.#options.retry, this.#options.random);
        const retriable = kafkajsErrorFacts(error).retriable && !this.#closed.signal.aborted;
        const refusal = accessErrorOf(error);
        if (refusal || !retriable || this.#options.now() + pause > giveUpAt) throw refusal ?? error;
        this.#trouble(error, { during: 'kafka', failures });
        await interruptibleSleep(pause, this.#closed.signal);
      }
    }
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.#options.concurrency,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
    this.#track(this.#watch());
  }

  seek(topic: string, partition: number, offset: bigint): void {
    if (offset < 0n) throw new RangeError('an offset is not negative');
    const cursor = this.#ownership?.cursor(topic, partition);
    if (cursor !== undefined) this.#moveTo(cursor, offset);
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const cursor = this.#ownership?.cursor(topic, partition);
      if (cursor !== undefined) this.#hold(cursor, 'owner');
    }
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const cursor = this.#ownership?.cursor(topic, partition);
      if (cursor !== undefined) this.#release(cursor, 'owner');
    }
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const ours = offsets.filter(
      ({ topic, partition }) => this.#ownership?.cursor(topic, partition) !== undefined,
    );
    if (ours.length === 0) return;
    try {
      await this.#consumer.commitOffsets(ours.map((at) => ({ ...at, offset: String(at.offset) })));
    } catch (error) {
      const { type } = kafkajsErrorFacts(error);
      if (type === undefined || !COMMIT_TOO_LATE.has(type)) throw error;
      this.#logger.info({ type, partitions: ours.length }, 'a commit came too late for its generation');
    }
  }

  assigned(): ReadonlyMap<string, readonly number[]> {
    return this.#ownership?.byTopic ?? new Map();
  }

  positions(): ConsumerPosition[] {
    return [...(this.#ownership?.cursors ?? [])].map(({ topic, partition, position, lag }) => ({
      topic,
      partition,
      position,
      lag,
    }));
  }

  healthy(): ConsumerHealth {
    return this.#health.state();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    // Its batches may still commit: the group is left afterwards.
    await this.#within(Promise.allSettled(this.#underWay), this.#options.closeTimeoutMs);
    this.#revoke('closed');
    await this.#within(this.#consumer.disconnect(), this.#options.closeTimeoutMs).catch((error: unknown) =>
      this.#trouble(error, { during: 'kafka' }),
    );
    this.#sockets.destroy(false);
    await this.#admin.close();
  }

  get #logger(): ConsumerOptions['connection']['logger'] {
    return this.#options.connection.logger;
  }

  // --- the group ---

  #joined(memberAssignment: Readonly<Record<string, readonly number[]>>): void {
    // Without a notice before: kafkajs joined anew by itself, others may have owned the partitions meanwhile.
    this.#revoke('lost');
    this.#generation += 1;
    const ownership = new Ownership(this.#generation, memberAssignment);
    this.#ownership = ownership;
    this.#lastOwned = Object.fromEntries(ownership.byTopic);
    this.#health.joined();
    this.#groupRefused = false;
    // kafkajs keeps its pauses over assignments; here all begin alike, and taking them resumes them.
    this.#kafkajs(() => this.#consumer.pause(topicPartitions(ownership)));
    this.#track(this.#take(ownership));
  }

  #revoke(reason: Revocation['reason']): void {
    const ownership = this.#ownership;
    if (ownership === undefined) return;
    this.#ownership = undefined;
    ownership.end();
    this.#health.left();
    const { generation, partitions } = ownership;
    try {
      this.#options.onRevoked({ generation, partitions, reason });
    } catch (error) {
      this.#trouble(error, { during: 'revoke' });
    }
  }

  #crashed(cause: Error, restart: boolean): void {
    const refusal = this.#groupRefused ? groupRefused(this.#options.groupId, cause) : accessErrorOf(cause);
    const error = refusal ?? cause;
    this.#revoke('lost');
    this.#trouble(error, { during: 'kafka' });
    if ((restart && refusal === undefined) || this.#closed.signal.aborted) return;
    this.#health.died(error);
    this.#options.onFatal(error);
  }

  async #take(ownership: Ownership): Promise<void> {
    for (let failures = 1; !ownership.ended && !this.#closed.signal.aborted; failures += 1) {
      try {
        const { named, open } = ownership.start(await this.#options.onAssigned(ownership));
        const starts = [...named, ...(open.length > 0 ? await this.#committedOrFirst(open) : [])];
        if (ownership.ended) return;
        for (const [cursor, offset] of starts) {
          this.#moveTo(cursor, offset);
          this.#release(cursor, 'assigning');
        }
        return;
      } catch (error) {
        if (ownership.ended) return;
        this.#trouble(error, { during: 'assign', failures });
        await this.#backOffAfter(failures, ownership);
      }
    }
  }

  /** Asked for by ourselves, so that every partition has an offset due and a batch from elsewhere is noticed. */
  async #committedOrFirst(cursors: readonly PartitionCursor[]): Promise<[PartitionCursor, bigint][]> {
    const topics = [...new Set(cursors.map(({ topic }) => topic))];
    const committed = new Map(
      (await this.#admin.committed(this.#options.groupId, topics)).map((at) => [
        `${at.topic}/${at.partition}`,
        at.committed,
      ]),
    );
    const logs = new Map(
      await Promise.all(topics.map(async (topic) => [topic, await this.#admin.watermarks(topic)] as const)),
    );
    return cursors.map((cursor) => {
      const low = logs.get(cursor.topic)?.get(cursor.partition)?.low;
      if (low === undefined) throw new Error(`no watermarks of ${cursor.topic}/${cursor.partition}`);
      return [cursor, committed.get(`${cursor.topic}/${cursor.partition}`) ?? low];
    });
  }

  // --- reading ---

  /** Never rejects for a reason of ours: kafkajs dies of a TypeError and repeats any other error for ever. */
  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const ownership = this.#ownership;
    const { topic, partition } = payload.batch;
    const cursor = ownership?.cursor(topic, partition);
    if (ownership === undefined || cursor === undefined || this.#closed.signal.aborted) return;
    cursor.end = BigInt(payload.batch.highWatermark);
    // Not resolved, so it is fetched again.
    if (cursor.held || payload.isStale()) return;
    const batch = payload.batch as FetchedBatch;
    if (!cursor.accepts(BigInt(batch.fetchedOffset))) {
      this.#track(this.#reposition(ownership, cursor, BigInt(batch.fetchedOffset)));
      return;
    }
    const version = cursor.version;
    const lastOffset = BigInt(batch.lastOffset());
    const current = (): boolean => !ownership.ended && cursor.version === version;
    const handled = this.#handle(ownership, cursor, batch, lastOffset, current);
    this.#track(handled);
    const inTime = await this.#within(handled, this.#options.handBackAfterMs, ownership.signal);
    if (inTime === undefined) {
      if (!current()) return;
      // The fetch waits for this batch with all of its broker's partitions: let it go on without this one.
      this.#hold(cursor, 'busy');
      this.#track(
        handled.then((taken) => {
          if (taken && current()) this.#moveTo(cursor, lastOffset + 1n);
          this.#release(cursor, 'busy');
        }),
      );
    } else if (inTime && current()) {
      payload.resolveOffset(batch.messages.at(-1)?.offset ?? batch.lastOffset());
    }
  }

  /** Whether the owner took the batch. A failure holds the partition for a while and leaves its offset due. */
  async #handle(
    ownership: Ownership,
    cursor: PartitionCursor,
    fetched: FetchedBatch,
    lastOffset: bigint,
    current: () => boolean,
  ): Promise<boolean> {
    const { topic, partition } = cursor;
    const firstOffset = BigInt(fetched.messages[0]?.offset ?? fetched.fetchedOffset);
    try {
      const batch: PartitionBatch = {
        topic,
        partition,
        records: fetched.messages.map(inRecord),
        firstOffset,
        lastOffset,
        highWatermark: BigInt(fetched.highWatermark),
        signal: cursor.begin(),
        isOwned: current,
      };
      await this.#options.onBatch(batch);
      if (current()) cursor.delivered(lastOffset);
      return true;
    } catch (error) {
      if (!current()) return false;
      cursor.failures += 1;
      this.#trouble(error, {
        during: 'batch',
        topic,
        partition,
        offset: firstOffset,
        failures: cursor.failures,
      });
      this.#backOff(ownership, cursor);
      return false;
    }
  }

  #backOff(ownership: Ownership, cursor: PartitionCursor): void {
    this.#hold(cursor, 'backoff');
    this.#track(this.#backOffAfter(cursor.failures, ownership).then(() => this.#release(cursor, 'backoff')));
  }

  /** kafkajs read from another offset than the one due; see PartitionCursor. */
  async #reposition(ownership: Ownership, cursor: PartitionCursor, fetchedFrom: bigint): Promise<void> {
    const { topic, partition, version, due } = cursor;
    if (due === null) return;
    this.#hold(cursor, 'repositioning');
    for (let failures = 1; !ownership.ended && cursor.version === version; failures += 1) {
      if (this.#closed.signal.aborted) return;
      try {
        const log = (await this.#admin.watermarks(topic)).get(partition);
        if (log === undefined) throw new Error(`no watermarks of ${topic}/${partition}`);
        if (ownership.ended || cursor.version !== version) break;
        const to = repositioned(due, log);
        const line = { topic, partition, due: String(due), fetchedFrom: String(fetchedFrom), to: String(to) };
        if (to === due) this.#logger.info(line, 'a fetch began elsewhere than due; reading again from there');
        else this.#logger.warn(line, 'the offset due is not in the log; reading from its beginning');
        this.#moveTo(cursor, to);
        break;
      } catch (error) {
        this.#trouble(error, { during: 'reposition', topic, partition, failures });
        await this.#backOffAfter(failures, ownership);
      }
    }
    this.#release(cursor, 'repositioning');
  }

  /** Looks at the logs' ends now and then: only they tell a stalled fetch from an idle topic. */
  async #watch(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      await interruptibleSleep(this.#options.watchEveryMs, this.#closed.signal);
      const ownership = this.#ownership;
      if (ownership === undefined || this.#closed.signal.aborted) continue;
      try {
        for (const topic of ownership.byTopic.keys()) {
          for (const [partition, { high }] of await this.#admin.watermarks(topic)) {
            const cursor = ownership.cursor(topic, partition);
            if (cursor !== undefined) cursor.end = high;
          }
        }
        if (ownership.ended) continue;
        this.#health.looked(
          [...ownership.cursors].map((cursor) => ({
            topic: cursor.topic,
            partition: cursor.partition,
            position: cursor.position,
            lag: cursor.lag,
            paused: cursor.has('owner'),
          })),
        );
      } catch (error) {
        this.#trouble(error, { during: 'watch' });
      }
    }
  }

  // --- kafkajs ---

  #moveTo(cursor: PartitionCursor, offset: bigint): void {
    cursor.moveTo(offset);
    const { topic, partition } = cursor;
    this.#kafkajs(() => this.#consumer.seek({ topic, partition, offset: String(offset) }));
  }

  #hold(cursor: PartitionCursor, hold: Hold): void {
    if (!cursor.hold(hold) || !this.#isCurrent(cursor)) return;
    this.#kafkajs(() => this.#consumer.pause([{ topic: cursor.topic, partitions: [cursor.partition] }]));
  }

  #release(cursor: PartitionCursor, hold: Hold): void {
    if (!cursor.release(hold) || !this.#isCurrent(cursor)) return;
    this.#kafkajs(() => this.#consumer.resume([{ topic: cursor.topic, partitions: [cursor.partition] }]));
  }

  #isCurrent(cursor: PartitionCursor): boolean {
    return this.#ownership?.cursor(cursor.topic, cursor.partition) === cursor;
  }

  /** kafkajs refuses these calls between a crash and its restart, when they mean nothing: it joins anew, and so do we. */
  #kafkajs(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.debug({ reason: describeError(error) }, 'kafkajs is not running');
    }
  }

  #trouble(error: unknown, trouble: ConsumerTrouble): void {
    const { offset, ...fields } = trouble;
    this.#logger.warn(
      { err: error, ...fields, ...(offset === undefined ? {} : { offset: String(offset) }) },
      `consumer trouble (${trouble.during}), trying again`,
    );
    try {
      this.#options.onError(error, trouble);
    } catch (second) {
      this.#logger.error({ err: second }, 'onError threw');
    }
  }

  #backOffAfter(failures: number, ownership: Ownership): Promise<void> {
    const pause = backoffMs(failures, this.#options.retry, this.#options.random);
    return interruptibleSleep(pause, ownership.signal, this.#closed.signal);
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.catch((error: unknown) => this.#trouble(error, { during: 'kafka' }));
    this.#underWay.add(tracked);
    void tracked.finally(() => this.#underWay.delete(tracked));
  }

  /** What the work gives, or undefined when it takes longer or the signal comes first. */
  async #within<T>(work: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
    const done = new AbortController();
    try {
      const signals = signal === undefined ? [done.signal] : [done.signal, signal];
      return await Promise.race([work, interruptibleSleep(ms, ...signals).then(() => undefined)]);
    } finally {
      done.abort();
    }
  }
}

function topicPartitions(ownership: Ownership): { topic: string; partitions: number[] }[] {
  return [...ownership.byTopic].map(([topic, partitions]) => ({ topic, partitions: [...partitions] }));
}
