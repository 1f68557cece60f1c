/** How much two clocks may drift apart, as a share: more than quartz does, and than a clock is slewed by. */
const DRIFT = 1e-3;

/**
 * How far a remote clock is ahead of ours, from the answers that carry its time: it was read between our request and its answer,
 * so every exchange bounds it, and a quick one bounds it narrowly for all those after it. (NTP's idea; Marzullo's intersection.)
 *
 *   our clock     ──sent──────────────received──►      remote − received ≤ offset ≤ remote − sent
 *   remote clock  ────────remote───────────────►
 *
 * A clock that was set makes the bounds contradict each other: then the newest counts alone.
 */
export class RemoteClock {
  #least = Number.NEGATIVE_INFINITY;
  #most = Number.POSITIVE_INFINITY;
  #notedAt = 0;

  /** All three in ms; `sent` and `received` on our monotonic clock. */
  note(sent: number, received: number, remote: number): void {
    const drifted = Math.max(0, received - this.#notedAt) * DRIFT;
    const least = Math.max(this.#least - drifted, remote - received);
    const most = Math.min(this.#most + drifted, remote - sent);
    const agrees = least <= most;
    this.#least = agrees ? least : remote - received;
    this.#most = agrees ? most : remote - sent;
    this.#notedAt = received;
  }

  /** Nothing that was noted counts any more: it is another clock. */
  forget(): void {
    this.#least = Number.NEGATIVE_INFINITY;
    this.#most = Number.POSITIVE_INFINITY;
  }

  /** How far apart the bounds are, in ms. */
  get uncertainty(): number {
    return this.#most - this.#least;
  }

  /** The latest that it can have been there at this moment of ours; Infinity: nothing is known. */
  toRemote(local: number): number {
    return local + this.#most;
  }

  /** When it will be, or was, that time there, on our clock: the middle of what is possible. */
  toLocal(remote: number): number {
    return remote - (this.#least + this.#most) / 2;
  }
}
