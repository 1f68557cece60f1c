import { setTimeout as wait } from 'node:timers/promises';

export interface PaceOptions {
  /** Records a second. */
  readonly perSecond: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Aborted, nothing is let through any more: `take` rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How much at once: a tenth of a second's share, so that nobody meets a bunch. */
const SLICES_PER_SECOND = 10;

/** Lets through at most so many a second, evenly. What was not used is not saved up. */
export class Pace {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #sleep: (ms: number) => Promise<unknown>;
  readonly #signal: AbortSignal | undefined;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, now = () => performance.now(), sleep = wait, signal }: PaceOptions) {
    if (!(perSecond > 0)) throw new RangeError('a pace is above 0 a second');
    this.#perSecond = perSecond;
    this.#now = now;
    this.#sleep = sleep;
    this.#signal = signal;
  }

  /** How many to take at once. */
  get slice(): number {
    return Math.max(1, Math.floor(this.#perSecond / SLICES_PER_SECOND));
  }

  /** Resolves when the next `count` may go. */
  async take(count: number): Promise<void> {
    this.#signal?.throwIfAborted();
    const now = this.#now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + (count / this.#perSecond) * 1_000;
    if (at > now) await this.#sleep(at - now);
    this.#signal?.throwIfAborted();
  }
}
