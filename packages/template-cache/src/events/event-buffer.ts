import type { TemplateEvent } from '@mersal/contracts';

/**
 * Events that wait to be published, oldest first, at most `most`. Past that the oldest that is not under way is let go: the counts
 * of this process stay whole, the detail of the log does not.
 *
 * A batch that was taken stays the same until it is acknowledged or dropped: published again in another order, its events would look
 * like repeats of later ones.
 */
export class EventBuffer {
  readonly #most: number;
  #waiting: TemplateEvent[] = [];
  /** Where `#waiting` begins: cutting its head off for each event would cost its whole length. */
  #head = 0;
  #underWay: readonly TemplateEvent[] = [];
  #trimmed = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.length - this.#head + this.#underWay.length;
  }

  /** Events let go so far. */
  get trimmed(): number {
    return this.#trimmed;
  }

  add(event: TemplateEvent): void {
    this.#waiting.push(event);
    if (this.size <= this.#most) return;
    this.#skip(1);
    this.#trimmed += 1;
  }

  /** The batch under way, else the next one of at most `n` events. */
  take(n: number): readonly TemplateEvent[] {
    if (this.#underWay.length === 0) {
      this.#underWay = this.#waiting.slice(this.#head, this.#head + n);
      this.#skip(this.#underWay.length);
    }
    return this.#underWay;
  }

  acknowledge(): void {
    this.#underWay = [];
  }

  /** Gives the batch under way up. */
  drop(): void {
    this.#trimmed += this.#underWay.length;
    this.#underWay = [];
  }

  #skip(n: number): void {
    this.#head += n;
    if (this.#head < 1_024 || this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }
}
