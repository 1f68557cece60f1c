import type { EventStreamState } from './event-stream-state.js';
import { type TemplateEvent, templateEventRecord } from '@mersal/contracts';
import {
  createAdmin,
  createPublisher,
  type KafkaConnection,
  PublishError,
  type Publisher,
} from '@mersal/kafka';
import { type CacheLogger, reasonOf } from '../logger.js';
import { TemplateCacheError } from '../template-cache-error.js';
import { EventBuffer } from './event-buffer.js';
import type { RecordedEvent } from './recorded-event.js';

const MOST_EVENTS = 10_000;
const BATCH = 500;
const LINGER_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface EventStreamOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly logger: CacheLogger;
}

/**
 * Publishes events in their order, one batch at a time, connecting with the first. A process that crashes loses what it recorded within
 * the last second at most while Kafka answers (the pause to gather, and one batch), else what waits.
 *
 *   idle ──event──► lingering ──► publishing ──► idle
 *                                   │    ▲
 *                       failed ─────┴────┘ after a pause that doubles: the same batch again
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #buffer = new EventBuffer(MOST_EVENTS);
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #publisher: Promise<Publisher> | undefined;
  #partitions: number | undefined;
  #failures = 0;
  #published = 0;
  #closed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  get state(): EventStreamState {
    return {
      buffered: this.#buffer.detailed,
      trimmed: this.#buffer.trimmed,
      dropped: this.#buffer.dropped,
      published: this.#published,
    };
  }

  add(event: RecordedEvent): void {
    const before = this.#buffer.trimmed;
    this.#buffer.add(event);
    if (before === 0 && this.#buffer.trimmed === 1)
      this.#options.logger.warn(
        {},
        `template events are trimmed to counts: ${this.#buffer.detailed} wait for Kafka, and no more are kept with their detail`,
      );
    this.#schedule();
  }

  /** Publishes all that waits. Throws TemplateCacheError `flush_failed` after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (this.#buffer.waiting > 0) {
      const left = deadline - performance.now();
      const failuresBefore = this.#failures;
      if (left > 0) await within(this.#drain(), left);
      if (this.#buffer.waiting > 0 && performance.now() >= deadline)
        throw new TemplateCacheError('flush_failed', `${this.#buffer.waiting} events wait for Kafka`);
      if (this.#failures > failuresBefore)
        await pause(Math.min(250, Math.max(0, deadline - performance.now())));
    }
  }

  /** Publishes what it can within `timeoutMs` and ends the connection. */
  async close(timeoutMs: number): Promise<void> {
    try {
      await this.flush(timeoutMs);
    } finally {
      this.#closed = true;
      clearTimeout(this.#timer);
      const publisher = await this.#publisher?.catch(() => undefined);
      await publisher?.close();
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#draining !== undefined || this.#closed) return;
    const wait =
      this.#failures === 0 ? LINGER_MS : Math.min(LONGEST_PAUSE_MS, LINGER_MS * 2 ** this.#failures);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#drain();
    }, wait);
    // Metrics must not keep a program alive that has finished.
    this.#timer.unref();
  }

  /** Until nothing waits, or a batch fails. Never rejects. */
  #drain(): Promise<void> {
    this.#draining ??= this.#publishAll().finally(() => {
      this.#draining = undefined;
      if (this.#buffer.waiting > 0) this.#schedule();
    });
    return this.#draining;
  }

  async #publishAll(): Promise<void> {
    for (let batch = this.#buffer.take(BATCH); batch.length > 0; batch = this.#buffer.take(BATCH)) {
      try {
        await this.#publish(batch);
        this.#published += this.#buffer.acknowledge();
        this.#failures = 0;
      } catch (error) {
        if (error instanceof PublishError && error.code === 'record_too_large') {
          this.#options.logger.error(
            { reason: reasonOf(error) },
            'template events that Kafka does not take are left out',
          );
          this.#buffer.drop();
          continue;
        }
        this.#failures += 1;
        this.#partitions = undefined;
        this.#options.logger.warn(
          { reason: reasonOf(error), waiting: this.#buffer.waiting },
          'template events could not be published, trying again',
        );
        return;
      }
    }
  }

  async #publish(events: readonly TemplateEvent[]): Promise<void> {
    const { connection, topic } = this.#options;
    this.#partitions ??= await partitionCount(connection, topic);
    const partitions = this.#partitions;
    this.#publisher ??= createPublisher({ connection });
    await (await this.#publisher).publish(
      events.map((event) => templateEventRecord(event, { topic, partitions, source: 'template-cache' })),
    );
  }
}

async function partitionCount(connection: KafkaConnection, topic: string): Promise<number> {
  const admin = createAdmin({ connection, patienceMs: 3_000 });
  try {
    return await admin.partitionCount(topic);
  } finally {
    await admin.close();
  }
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
