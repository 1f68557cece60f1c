/** What a new claim adds to the estimate. */
const WEIGHT = 0.2;
/** Timers and the event loop are late by about this, in ms. */
const SLACK_MS = 3;

/**
 * How long claims take lately: their instants are reserved so that none is over before its claim is made. The mean and the mean
 * deviation of a moving average, as TCP estimates its round trips.
 */
export class ClaimTime {
  #mean = 5;
  #deviation = 2;

  took(ms: number): void {
    this.#deviation += WEIGHT * (Math.abs(ms - this.#mean) - this.#deviation);
    this.#mean += WEIGHT * (ms - this.#mean);
  }

  /** Within this time nearly every claim is made. */
  get mostMs(): number {
    return this.#mean + 2 * this.#deviation + SLACK_MS;
  }
}
