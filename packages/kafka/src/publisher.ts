import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { MAX_RECORD_BYTES } from '@mersal/contracts';
import { accessErrorOf } from './access-error.js';
import { type BackoffBounds, backoffMs } from './backoff.js';
import type { KafkaConnection } from './connection.js';
import { describeError } from './kafkajs-error.js';
import { type OutRecord, recordBytes } from './out-record.js';
import { kafkajsSession, NothingWritten, type ProducerSession } from './producer-session.js';
import { PublishError } from './publish-error.js';
import { PublishQueue, type QueuedRecord, type Submission } from './publish-queue.js';

export interface Publisher {
  /**
   * Resolves once Kafka has acknowledged every record of the call with `acks=all`. Rejects with a PublishError, at the latest
   * at the deadline. Calls are gathered into common requests: to learn of each record alone, publish each by a call of its own.
   */
  publish(records: readonly OutRecord[], options?: { readonly deadlineMs?: number }): Promise<void>;
  /** Records accepted here and not answered yet. */
  readonly queued: number;
  /** Whether a producer is connected now. */
  readonly connected: boolean;
  /** Refuses new records, gives those waiting until their deadlines, ends the connection. */
  close(): Promise<void>;
}

export interface PublisherOptions {
  readonly connection: KafkaConnection;
  /** Least milliseconds from one request to the next; what comes meanwhile shares it. Default 2. */
  readonly lingerMs?: number;
  /** Milliseconds within which a publish is answered. Default 5,000. */
  readonly deadlineMs?: number;
  /** Milliseconds before a request is repeated, with the same sequence numbers. Default 3,000. */
  readonly requestTimeoutMs?: number;
  /** Default 20,000. */
  readonly maxQueuedRecords?: number;
  /** Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Default 500: larger ones are no faster. */
  readonly maxBatchRecords?: number;
  /** Default 8 MiB. */
  readonly maxBatchBytes?: number;
  /** `max.message.bytes` of a topic. Default MAX_RECORD_BYTES for every topic. */
  readonly maxMessageBytes?: (topic: string) => number;
  /** Milliseconds between attempts to connect. Default 100 to 2,000. */
  readonly reconnect?: BackoffBounds;
  /** Makes a producer; a fake in tests. */
  readonly openSession?: () => ProducerSession;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly random?: () => number;
}

/**
 * A publisher whose acknowledged records are in the log exactly once, in order within a partition.
 *
 * ```
 *   empty ──record──► lingering ──► connecting ◄──► pausing          (records that expire here were never sent)
 *     ▲                                │
 *     └──────── acknowledged ◄──── requesting: exactly one            (records that expire here: 'unknown')
 *                                      │ error, or the deadline of all its records
 *                                      └──► the producer is discarded, never reused ──► connecting
 * ```
 *
 * With two requests of one idempotent kafkajs producer under way, a time-out of one makes it give the same sequence numbers to
 * other records, which Kafka then acknowledges as repeats without writing them. Hence the one request, and the discarding.
 *
 * On several brokers a request that one of them answers while another fails may be repeated as a whole by kafkajs and be written
 * twice to the first; it is never lost. Readers recognise a repeat by its id.
 */
export async function createPublisher(options: PublisherOptions): Promise<Publisher> {
  const publisher = new QueueingPublisher(options);
  publisher.warmUp();
  return publisher;
}

class QueueingPublisher implements Publisher {
  readonly #options: PublisherOptions;
  readonly #queue: PublishQueue;
  readonly #lingerMs: number;
  readonly #deadlineMs: number;
  readonly #now: () => number;
  readonly #closing = new AbortController();
  #session: ProducerSession | undefined;
  #pump: Promise<void> | undefined;
  #requesting = false;
  #requestedAt = Number.NEGATIVE_INFINITY;
  #connectFailures = 0;
  #lastConnectError: unknown;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#lingerMs = options.lingerMs ?? 2;
    this.#deadlineMs = options.deadlineMs ?? 5_000;
    this.#now = options.now ?? (() => performance.now());
    this.#queue = new PublishQueue({
      maxQueuedRecords: options.maxQueuedRecords ?? 20_000,
      maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1_048_576,
      maxBatchRecords: options.maxBatchRecords ?? 500,
      maxBatchBytes: options.maxBatchBytes ?? 8 * 1_048_576,
      maxMessageBytes: options.maxMessageBytes ?? (() => MAX_RECORD_BYTES),
    });
  }

  get queued(): number {
    return this.#queue.queued;
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  /** One attempt to connect ahead of the first record; its failure is only logged. */
  warmUp(): void {
    this.#start();
  }

  publish(records: readonly OutRecord[], options?: { readonly deadlineMs?: number }): Promise<void> {
    if (this.#closing.signal.aborted)
      return Promise.reject(new PublishError('closed', false, 'the publisher is closed'));
    if (records.length === 0) return Promise.resolve();
    const sizes = records.map(recordBytes);
    const tooLarge = this.#queue.tooLarge(records, sizes);
    if (tooLarge !== undefined) {
      return Promise.reject(
        new PublishError('record_too_large', false, `record too large for ${tooLarge.topic}`),
      );
    }
    return new Promise((resolve, reject) => {
      const now = this.#now();
      const deadlineMs = options?.deadlineMs ?? this.#deadlineMs;
      const submission: Submission = {
        records,
        sizes,
        bytes: sizes.reduce((sum, size) => sum + size, 0),
        deadlineAt: now + deadlineMs,
        waiting: records.length,
        unacknowledged: records.length,
        requested: false,
        settled: false,
        settle: (error) => {
          clearTimeout(timer);
          if (error === null) resolve();
          else reject(error);
        },
      };
      const timer = setTimeout(() => this.#expire(submission, deadlineMs), deadlineMs);
      if (!this.#queue.offer(submission)) {
        clearTimeout(timer);
        reject(new PublishError('publish_overloaded', false, `${this.#queue.queued} records wait already`));
        return;
      }
      this.#start();
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    while (this.#pump !== undefined) await this.#pump;
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    const limit = new AbortController();
    await Promise.race([session.close(), sleep(2_000, undefined, { signal: limit.signal })])
      .catch((error: unknown) => this.#logger.info({ err: error }, 'the producer did not close politely'))
      .finally(() => {
        limit.abort();
        session.discard();
      });
  }

  get #logger(): KafkaConnection['logger'] {
    return this.#options.connection.logger;
  }

  #expire(submission: Submission, deadlineMs: number): void {
    const unreachable = !submission.requested && this.#session === undefined;
    const refusal = unreachable ? accessErrorOf(this.#lastConnectError) : undefined;
    const why = refusal?.message ?? (unreachable ? 'Kafka is not reachable' : undefined);
    const error = new PublishError(
      refusal ? 'publish_forbidden' : unreachable ? 'publish_unavailable' : 'publish_timeout',
      submission.requested ? 'unknown' : false,
      `not acknowledged within ${deadlineMs} ms${why === undefined ? '' : `: ${why}`}`,
      unreachable ? (refusal ?? this.#lastConnectError) : undefined,
    );
    this.#queue.settle(submission, error);
  }

  #start(): void {
    this.#pump ??= this.#run().finally(() => {
      this.#pump = undefined;
      if (this.#queue.hasWaiting) this.#start();
    });
  }

  /** The only place that sends: one request after the other until nothing waits. */
  async #run(): Promise<void> {
    if (!this.#queue.hasWaiting && !this.#closing.signal.aborted) await this.#connect();
    while (this.#queue.hasWaiting) {
      await this.#linger();
      const session = this.#session ?? (await this.#connect());
      if (session === undefined) {
        await this.#pause(
          backoffMs(this.#connectFailures, this.#options.reconnect ?? RECONNECT, this.#random),
        );
        continue;
      }
      const batch = this.#queue.take();
      if (batch.length > 0) await this.#request(session, batch);
    }
  }

  get #random(): () => number {
    return this.#options.random ?? Math.random;
  }

  /** Who comes alone does not wait for company; who comes behind others goes with those that come meanwhile. */
  async #linger(): Promise<void> {
    if (this.#queue.full || this.#closing.signal.aborted) return;
    const rest = this.#requestedAt + this.#lingerMs - this.#now();
    if (rest > 0) await this.#pause(rest);
    // What came over several sockets at once is read in one turn.
    else await turn();
  }

  /** Sleeps, at once awake when closing: what waits then is sent without lingering, or fails at its deadline. */
  async #pause(ms: number): Promise<void> {
    const signal = this.#closing.signal.aborted ? undefined : this.#closing.signal;
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      if (signal?.aborted !== true) throw error;
    });
  }

  async #connect(): Promise<ProducerSession | undefined> {
    const session = this.#open();
    try {
      await within(session.connect(), CONNECT_LIMIT_MS);
    } catch (error) {
      session.discard();
      this.#lastConnectError = error;
      this.#connectFailures += 1;
      if (this.#connectFailures === 1)
        this.#logger.warn(
          { err: accessErrorOf(error) ?? error },
          'Kafka is not reachable for publishing, trying on',
        );
      return undefined;
    }
    if (this.#connectFailures > 0)
      this.#logger.info({ failures: this.#connectFailures }, 'publishing to Kafka again');
    this.#connectFailures = 0;
    this.#session = session;
    // Found closed while idle, the next record goes to a new connection instead of into a doubtful request.
    session.onClosed(() => {
      if (this.#session === session && !this.#requesting) this.#discard(session);
    });
    return session;
  }

  #open(): ProducerSession {
    if (this.#options.openSession !== undefined) return this.#options.openSession();
    return kafkajsSession({
      connection: this.#options.connection,
      requestTimeoutMs: this.#options.requestTimeoutMs ?? 3_000,
    });
  }

  #discard(session: ProducerSession): void {
    if (this.#session === session) this.#session = undefined;
    session.discard();
  }

  async #request(session: ProducerSession, batch: readonly QueuedRecord[]): Promise<void> {
    const lastDeadline = Math.max(...new Set(batch.map(({ submission }) => submission.deadlineAt)));
    this.#requesting = true;
    this.#requestedAt = this.#now();
    try {
      const refused = await within(
        session.send(batch.map(({ record }) => record)),
        lastDeadline - this.#now(),
      );
      for (const entry of batch) {
        if (refused.has(entry.record)) this.#refuse(entry);
        else this.#queue.acknowledge(entry);
      }
    } catch (error) {
      this.#discard(session);
      const unwritten = error instanceof NothingWritten;
      const refusal = unwritten ? error.refusal : accessErrorOf(error);
      this.#logger.warn(
        { err: refusal ?? error, records: batch.length },
        'a publish request failed; its producer was discarded',
      );
      for (const { submission } of batch) {
        const timedOut = error instanceof LimitPassed;
        const code = refusal ? 'publish_forbidden' : timedOut ? 'publish_timeout' : 'publish_unavailable';
        const said = refusal?.message ?? describeError(error);
        // Its first records may have gone with a request before this one.
        const none = unwritten && submission.unacknowledged === submission.records.length;
        this.#queue.settle(
          submission,
          new PublishError(code, none ? false : 'unknown', said, refusal ?? error),
        );
      }
    } finally {
      this.#requesting = false;
    }
  }

  #refuse({ record, submission }: QueuedRecord): void {
    const alone = submission.records.length === 1;
    const error = new PublishError(
      'record_too_large',
      alone ? false : 'unknown',
      `Kafka refused the size for ${record.topic}`,
    );
    this.#queue.settle(submission, error);
  }
}

const RECONNECT: BackoffBounds = { minMs: 100, maxMs: 2_000 };
const CONNECT_LIMIT_MS = 10_000;

class LimitPassed extends Error {
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms`);
    this.name = 'LimitPassed';
  }
}

/** Rejects when the work takes longer. The work itself goes on: the caller must fence it. */
async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LimitPassed(ms)), Math.max(ms, 0));
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
