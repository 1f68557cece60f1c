import { type Clock, Nap } from '@mersal/delivery';
import type { Publisher } from '@mersal/kafka';
import { type Ledger, type OutboxEntry, TOPIC_ROLES, type TopicRole } from '@mersal/ledger';
import type { Logger, Metrics } from '@mersal/telemetry';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import { type Addressing, deadRecord, outboxRecords } from './outbox-records.js';

export interface OutboxParts {
  readonly ledger: Ledger;
  readonly publisher: Pick<Publisher, 'publish'>;
  readonly owned: OwnedPartitions;
  readonly to: Addressing;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MOST = 1_000;
const MOST_DEAD = 100;
/** Rows that nobody published for this long have no living owner: anybody does, in ms. */
const ORPHANED_MS = 15_000;
const SWEEP_EVERY_MS = 5_000;
/** Without a hint it looks by itself, in ms. */
const IDLE_MS = 1_000;
const RETRY_MS = 500;
/** Lets what is settled in about the same moment share a read, a publication and a deletion, in ms. */
const LINGER_MS = 100;

/*
 * Outbox rows of the owned partitions go to Kafka and are deleted once it acknowledged them. A crash between the two
 * publishes them again: consumers see each at least once. Rows that lie too long have no living owner, or one that can not:
 * any sender publishes them.
 */
export class OutboxPublisher {
  readonly #parts: OutboxParts;
  readonly #idle: Nap;
  #stopping = false;
  #hinted = false;
  #deadReadAt = Number.NEGATIVE_INFINITY;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#idle = new Nap(parts.clock);
  }

  start(): void {
    this.#running = this.#loop();
  }

  /** There is something new. */
  readonly hint = (): void => {
    this.#hinted = true;
    this.#idle.wake();
  };

  /** Publishes what is there once more, and stops. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#idle.wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    for (;;) {
      const last = this.#stopping;
      let wait = IDLE_MS;
      try {
        this.#hinted = false;
        while (await this.#publish());
        await this.#sweep();
      } catch (error) {
        this.#parts.logger.warn({ err: error }, 'the outbox could not be published');
        wait = RETRY_MS;
      }
      if (last) return;
      if (!this.#hinted && !this.#stopping) await this.#idle.sleep(wait);
      if (!this.#stopping) await this.#parts.clock.sleep(LINGER_MS);
    }
  }

  /** True when there may be more. */
  async #publish(): Promise<boolean> {
    const { ledger, owned, publisher, to, clock } = this.#parts;
    const partitions = owned.numbers;
    if (partitions.length === 0) return false;
    // Records that can't be filed are rare: looked for at the idle pace only.
    const lookForDead = clock.now() - this.#deadReadAt > IDLE_MS;
    if (lookForDead) this.#deadReadAt = clock.now();
    const [entries, dead] = await Promise.all([
      ledger.readOutbox(partitions, MOST),
      lookForDead ? ledger.readDeadRecords(partitions, MOST_DEAD) : [],
    ]);
    if (entries.length > 0) await this.#send(entries);
    if (dead.length > 0) {
      await publisher.publish(
        dead.map((entry) => deadRecord(entry, to, { topic: to.topics[roleOf(entry.topic)] })),
      );
      await ledger.forgetDeadRecords(dead.map((entry) => entry.n));
    }
    return entries.length === MOST || dead.length === MOST_DEAD;
  }

  async #sweep(): Promise<void> {
    const { ledger, clock, logger } = this.#parts;
    if (clock.now() - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = clock.now();
    const orphaned = await ledger.readOrphanedOutbox(ORPHANED_MS, MOST);
    if (orphaned.length === 0) return;
    logger.warn({ events: orphaned.length }, 'events that nobody published for long are published now');
    await this.#send(orphaned);
  }

  async #send(entries: readonly OutboxEntry[]): Promise<void> {
    const { ledger, publisher, to, metrics } = this.#parts;
    await publisher.publish(entries.flatMap((entry) => outboxRecords(entry, to)));
    await ledger.forgetPublished(entries.map((entry) => entry.n));
    for (const entry of entries) {
      metrics.count('mersal_outcomes', { state: entry.state });
      if (entry.state === 'dead') metrics.count('mersal_dead', { reason: String(entry.detail['reason']) });
    }
  }
}

function roleOf(text: string): TopicRole {
  return TOPIC_ROLES.find((role) => role === text) ?? 'send';
}
