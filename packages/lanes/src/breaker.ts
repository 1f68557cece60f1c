export interface BreakerOptions {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** Different messages among them, at least: one message that fails for ever says nothing of the provider. */
  readonly messages: number;
  /** Time until the first probe, in ms; doubles with each failed one up to `longestMs`. */
  readonly openMs: number;
  readonly longestMs: number;
  /** A probe without an end by then is lost, in ms: longer than any request can take. Another may go. */
  readonly probeMs: number;
}

export const BREAKER: BreakerOptions = {
  failures: 5,
  messages: 3,
  openMs: 2_000,
  longestMs: 60_000,
  probeMs: 60_000,
};

/** How soon to ask again while a probe is under way, in ms. */
const ASK_AGAIN_MS = 200;
/** Troubles remembered, newest last. */
const MOST_TROUBLES = 32;

/** A request that started; its end is told with it. */
export interface Started {
  /** ms, on the clock that the breaker is told. */
  readonly at: number;
  /** It asks whether the trouble is over: its failure is never the message's. */
  readonly probe: boolean;
  /** How often the breaker had opened by then: what started before an opening says nothing about what came after. */
  readonly opening: number;
}

/*
 *   closed ── 5 failures in a row, of 3 messages ──► open ── time is up ──► half-open: one probe
 *     ▲                                               ▲                        │       │ no end within
 *     └────────────── the probe succeeds ─────────────┼────────────────────────┤       │ probeMs: lost
 *                                                     └─────── it fails ───────┘       ▼
 *                                                                             another probe may go
 *
 * Requests that were under way when it opened end late: they change nothing then.
 *
 * A run of failures that led to an opening and the open period after it are one trouble. Attempts that failed inside
 * of one did not fail for their message's sake: `troubleAt` tells, so that they can be given back.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #failed = new Set<string>();
  readonly #troubles: { from: number; to: number }[] = [];
  #failures = 0;
  #runFrom = 0;
  #openUntil: number | undefined;
  /** Since it was closed last: the pause doubles with them. */
  #reopenings = 0;
  #openings = 0;
  #probe: Started | undefined;

  constructor(options: BreakerOptions = BREAKER) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#openUntil !== undefined;
  }

  /** Nothing is left of it but, maybe, troubles that are over. */
  get isQuiet(): boolean {
    return !this.isOpen && this.#failures === 0;
  }

  /** The last trouble, on the clock that it is told; its end is Infinity while it lasts. */
  get lastSpan(): { readonly from: number; readonly to: number } | undefined {
    return this.#troubles.at(-1);
  }

  /** When the last trouble was over; undefined when there was none, Infinity while it lasts. */
  get lastTrouble(): number | undefined {
    return this.#troubles.at(-1)?.to;
  }

  /** Since when there is trouble, on the clock that it is told, and whether it asks about its end yet; undefined: it is closed. */
  trouble(now: number): { readonly state: 'open' | 'half_open'; readonly since: number } | undefined {
    const last = this.#troubles.at(-1);
    if (!this.isOpen || !last) return undefined;
    return { state: this.#probe || this.permits(now) > 0 ? 'half_open' : 'open', since: last.from };
  }

  /** How many requests may start: none while open, one as a probe, else any number. */
  permits(now: number): number {
    if (this.#openUntil === undefined) return Number.POSITIVE_INFINITY;
    if (this.#probe) {
      const since = now - this.#probe.at;
      return since < 0 || since >= this.#options.probeMs ? 1 : 0;
    }
    // A clock that was set back must not keep it open for longer than any pause is.
    return now >= this.#openUntil || this.#openUntil - now > this.#options.longestMs ? 1 : 0;
  }

  /**
   * When to ask again; undefined while closed, not before `now`. While a probe is under way its end may change it all
   * at any moment: then it is soon.
   */
  retryAt(now: number): number | undefined {
    if (this.#openUntil === undefined) return undefined;
    return this.#probe ? now + ASK_AGAIN_MS : Math.max(now, this.#openUntil);
  }

  /** A request starts: as the probe, where one may go. */
  started(now: number): Started {
    const probe = this.isOpen && this.permits(now) > 0;
    const started = { at: now, probe, opening: this.#openings };
    if (probe) this.#probe = started;
    return started;
  }

  /** The provider answered, with whatever: it is there. While open only a probe's success counts, a lost one's too. */
  succeeded(started: Started, now: number): void {
    if (this.isOpen) {
      if (!started.probe) return;
      const last = this.#troubles.at(-1);
      if (last) last.to = now;
    }
    this.#failures = 0;
    this.#failed.clear();
    this.#openUntil = undefined;
    this.#reopenings = 0;
    this.#probe = undefined;
  }

  /**
   * Returns true when this failure opened it. One with patience opens it only where the failures in a row go on for as long, in ms,
   * from the start of the first.
   */
  failed(started: Started, message: string, now: number, patienceMs = 0): boolean {
    if (started.opening !== this.#openings) return false;
    if (this.isOpen) {
      if (started.probe) this.#open(now);
      return false;
    }
    this.#runFrom = this.#failures === 0 ? started.at : Math.min(this.#runFrom, started.at);
    this.#failures += 1;
    if (this.#failed.size < this.#options.messages) this.#failed.add(message);
    if (this.#failures < this.#options.failures || this.#failed.size < this.#options.messages) return false;
    if (now - this.#runFrom < patienceMs) return false;
    this.#troubles.push({ from: this.#runFrom, to: Number.POSITIVE_INFINITY });
    if (this.#troubles.length > MOST_TROUBLES) this.#troubles.shift();
    this.#open(now);
    return true;
  }

  /** It was never sent after all, or nothing can be said of its end: neither a success nor a failure. */
  abandoned(started: Started): void {
    if (this.#probe === started) this.#probe = undefined;
  }

  /**
   * Whether a moment lies in a run of failures that led to an opening, or in an open period. The last 32 of those are
   * remembered; of a moment before them the answer is no.
   */
  troubleAt(moment: number): boolean {
    return this.#troubles.some(({ from, to }) => moment >= from && moment <= to);
  }

  #open(now: number): void {
    const pause = Math.min(
      this.#options.longestMs,
      this.#options.openMs * 2 ** Math.min(this.#reopenings, 30),
    );
    this.#reopenings += 1;
    this.#openings += 1;
    this.#openUntil = now + pause;
    this.#probe = undefined;
    this.#failures = 0;
    this.#failed.clear();
  }
}
