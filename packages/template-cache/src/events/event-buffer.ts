import { randomUUID } from 'node:crypto';
import type { TemplateEvent } from '@mersal/contracts';
import { EventRing } from './event-ring.js';
import { EventSummaries } from './event-summaries.js';
import type { RecordedEvent } from './recorded-event.js';

/**
 * Events that wait to be published, oldest first, at most `most` in detail, and fewer where each has a hash of its own. Past that the
 * oldest that is not under way loses its detail, never its count: it leaves in a summary.
 *
 * Records are numbered as they are taken. A batch that was taken stays the same until it is acknowledged or dropped: published again in
 * another order, its records would look like repeats of later ones.
 */
export class EventBuffer {
  readonly #ring: EventRing;
  readonly #summaries = new EventSummaries();
  /** Of this process; with the running number it makes a record unique. */
  readonly #producer: string;
  #sequence = 0;
  #underWay: readonly TemplateEvent[] = [];
  #trimmed = 0;
  #dropped = 0;

  constructor(most: number, producer: string = randomUUID()) {
    this.#ring = new EventRing(most);
    this.#producer = producer;
  }

  /** Events that wait, those under way and in summaries too. */
  get waiting(): number {
    return this.detailed + this.#summaries.events + countOf(this.#underWay.filter(({ count }) => count));
  }

  /** Those with their detail. */
  get detailed(): number {
    return this.#ring.size + this.#underWay.filter(({ count }) => count === undefined).length;
  }

  /** Events that lost their detail so far. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** Events given up so far. */
  get dropped(): number {
    return this.#dropped;
  }

  add(event: RecordedEvent): void {
    while (this.#ring.full) {
      const at = this.#ring.oldestAt;
      const oldest = this.#ring.shiftShape();
      if (!oldest) break;
      this.#summaries.add(oldest, at);
      this.#trimmed += 1;
    }
    this.#ring.push(event);
  }

  /** The batch under way, else the next one of at most `n` records. */
  take(n: number): readonly TemplateEvent[] {
    if (this.#underWay.length > 0) return this.#underWay;
    const batch: Omit<TemplateEvent, 'producer' | 'sequence'>[] = this.#summaries.take(n);
    while (batch.length < n) {
      const event = this.#ring.shift();
      if (!event) break;
      batch.push(event);
    }
    this.#underWay = batch.map((event) => {
      this.#sequence += 1;
      return { ...event, producer: this.#producer, sequence: this.#sequence };
    });
    return this.#underWay;
  }

  /** Returns how many events were in the batch. */
  acknowledge(): number {
    const events = countOf(this.#underWay);
    this.#underWay = [];
    return events;
  }

  /** Gives the batch under way up. */
  drop(): void {
    this.#dropped += this.acknowledge();
  }
}

function countOf(events: readonly TemplateEvent[]): number {
  return events.reduce((sum, { count = 1 }) => sum + count, 0);
}
