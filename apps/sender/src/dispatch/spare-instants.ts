import type { Instant } from '@mersal/limits';
import type { Clock } from '../clock/clock.js';

/** Instants that no head was there for, kept for the next round while they are good. */
export class SpareInstants {
  readonly #clock: Clock;
  #instants: Instant[] = [];
  #epoch: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those of another epoch of the rate group are of no use together with older ones. */
  keep(instants: readonly Instant[], epoch: number | undefined): void {
    if (epoch !== this.#epoch) this.#instants = [];
    this.#epoch = epoch;
    this.#instants.push(...instants);
  }

  drop(): void {
    this.#instants = [];
  }

  /** Up to `most` that can still be met, earliest first; undefined: there is none. */
  take(
    most: number,
  ): { readonly instants: readonly Instant[]; readonly epoch: number | undefined } | undefined {
    const now = this.#clock.now();
    // One that is over by the time its claim is made would only be renewed.
    const good = this.#instants
      .filter((instant) => instant.at > now && instant.isValid(now))
      .toSorted((a, b) => a.at - b.at);
    const instants = good.splice(0, most);
    this.#instants = good;
    return instants.length === 0 ? undefined : { instants, epoch: this.#epoch };
  }
}
