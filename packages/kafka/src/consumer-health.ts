import { type Reading, StallWatch } from './stall-watch.js';

export interface ConsumerHealth {
  readonly ok: boolean;
  /** Why not, for an operator. */
  readonly reason?: string;
}

export interface GroupHealthOptions {
  readonly stallAfterMs: number;
  /** Milliseconds that a rebalance may take. */
  readonly joinWithinMs: number;
  readonly now: () => number;
}

/** What a member of a group knows about its own well-being. */
export class GroupHealth {
  readonly #options: GroupHealthOptions;
  readonly #stalls: StallWatch;
  #death: Error | undefined;
  /** Since when there is no assignment; undefined while there is one, null before the start. */
  #adriftSince: number | null | undefined = null;
  #lookedAt = 0;

  constructor(options: GroupHealthOptions) {
    this.#options = options;
    this.#stalls = new StallWatch(options.stallAfterMs);
  }

  started(): void {
    this.#adriftSince = this.#options.now();
  }

  joined(): void {
    this.#adriftSince = undefined;
    this.#lookedAt = this.#options.now();
    this.#stalls.reset();
  }

  left(): void {
    this.#adriftSince = this.#options.now();
  }

  died(error: Error): void {
    this.#death = error;
  }

  looked(readings: readonly Reading[]): void {
    this.#lookedAt = this.#options.now();
    this.#stalls.look(this.#lookedAt, readings);
  }

  state(): ConsumerHealth {
    const now = this.#options.now();
    if (this.#death !== undefined) return unwell(`the consumer died: ${this.#death.message}`);
    if (this.#adriftSince === null) return unwell('not started');
    if (this.#adriftSince !== undefined) {
      const forMs = now - this.#adriftSince;
      return forMs > this.#options.joinWithinMs
        ? unwell(`no assignment for ${seconds(forMs)}`)
        : { ok: true };
    }
    const stall = this.#stalls.stalls(now)[0];
    if (stall !== undefined) {
      const { topic, partition, position, lag, forMs } = stall;
      return unwell(
        `${topic}/${partition} stands at ${position} for ${seconds(forMs)} with a lag of ${lag ?? 'unknown size'}`,
      );
    }
    const unseenMs = now - this.#lookedAt;
    if (unseenMs > this.#options.stallAfterMs)
      return unwell(`the logs' ends are not known for ${seconds(unseenMs)}`);
    return { ok: true };
  }
}

function unwell(reason: string): ConsumerHealth {
  return { ok: false, reason };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
