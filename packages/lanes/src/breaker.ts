export interface BreakerOptions {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** Different messages among them, at least: one message that fails for ever says nothing of the provider. */
  readonly messages: number;
  /** Time until the first probe, in ms; doubles with each failed one up to `longestMs`. */
  readonly openMs: number;
  readonly longestMs: number;
}

export const BREAKER: BreakerOptions = { failures: 5, messages: 3, openMs: 2_000, longestMs: 60_000 };

/*
 *   closed ── 5 failures in a row, of 3 messages ──► open ── time is up ──► half-open: one probe
 *     ▲                                               ▲                        │
 *     └───────────────── success ─────────────────────┼────────────────────────┤
 *                                                     └─────── failure ────────┘
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #failed = new Set<string>();
  #failures = 0;
  #openUntil: number | undefined;
  #openings = 0;
  #probing = false;

  constructor(options: BreakerOptions = BREAKER) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#openUntil !== undefined;
  }

  /** How many requests may start: none while open, one as a probe, else any number. */
  permits(now: number): number {
    if (this.#openUntil === undefined) return Number.POSITIVE_INFINITY;
    return now >= this.#openUntil && !this.#probing ? 1 : 0;
  }

  /** When to ask again; undefined while closed. */
  get retryAt(): number | undefined {
    return this.#openUntil;
  }

  /** A request starts. */
  started(): void {
    if (this.#openUntil !== undefined) this.#probing = true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#failed.clear();
    this.#openUntil = undefined;
    this.#openings = 0;
    this.#probing = false;
  }

  /** Returns true when this failure opened it. */
  failed(message: string, now: number): boolean {
    this.#failures += 1;
    if (this.#failed.size < this.#options.messages) this.#failed.add(message);
    const wasOpen = this.#openUntil !== undefined;
    const enough = this.#failures >= this.#options.failures && this.#failed.size >= this.#options.messages;
    if (!wasOpen && !enough) return false;
    // Requests that were under way when it opened fail late: only a probe's failure lengthens the pause.
    if (wasOpen && !this.#probing) return false;
    this.#probing = false;
    const pause = Math.min(this.#options.longestMs, this.#options.openMs * 2 ** this.#openings);
    this.#openings += 1;
    this.#openUntil = now + pause;
    return !wasOpen;
  }
}
