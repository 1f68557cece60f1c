/** One partition at one look. */
export interface Reading {
  readonly topic: string;
  readonly partition: number;
  readonly position: bigint | null;
  /** Null: not known, which is not zero. */
  readonly lag: bigint | null;
  /** Its owner does not want it read now. */
  readonly paused: boolean;
}

export interface Stall {
  readonly topic: string;
  readonly partition: number;
  readonly position: bigint | null;
  readonly lag: bigint | null;
  readonly forMs: number;
}

/**
 * Notices partitions that have records and do not move: kafkajs is known to stop fetching without an error.
 * Looks at what it is told; the clock is the caller's.
 */
export class StallWatch {
  readonly #stallAfterMs: number;
  readonly #since = new Map<string, { position: bigint | null; at: number; reading: Reading }>();

  constructor(stallAfterMs: number) {
    this.#stallAfterMs = stallAfterMs;
  }

  /** Forgets everything: the assignment changed. */
  reset(): void {
    this.#since.clear();
  }

  look(now: number, readings: readonly Reading[]): void {
    const seen = new Set<string>();
    for (const reading of readings) {
      const key = `${reading.topic}/${reading.partition}`;
      seen.add(key);
      const before = this.#since.get(key);
      const moved = before === undefined || before.position !== reading.position;
      const idle = reading.paused || reading.lag === 0n;
      this.#since.set(key, { position: reading.position, at: moved || idle ? now : before.at, reading });
    }
    for (const key of this.#since.keys()) if (!seen.has(key)) this.#since.delete(key);
  }

  /** Partitions that had something to read and did not move for the time allowed. */
  stalls(now: number): Stall[] {
    return [...this.#since.values()]
      .filter(({ at, reading }) => !reading.paused && reading.lag !== 0n && now - at >= this.#stallAfterMs)
      .map(({ at, reading: { topic, partition, position, lag } }) => ({
        topic,
        partition,
        position,
        lag,
        forMs: now - at,
      }));
  }
}
