export interface LimitWatchOptions {
  /** Different recipients within the window that make a limit the sender number's. */
  readonly recipients: number;
  /** In ms. */
  readonly windowMs: number;
  /** Sender numbers remembered at most; the one whose last hit is oldest leaves first. */
  readonly most: number;
}

export const LIMIT_WATCH: LimitWatchOptions = { recipients: 3, windowMs: 60_000, most: 10_000 };

/**
 * What a limit "of the account, the sender, the portfolio or the pair" (code 63018) is a limit of: the provider does
 * not say. One recipient is a pair's: its message alone waits. Several recipients of one sender number within the
 * window are the sender number's. They stay remembered for the window, so that a hit soon after its pause is the
 * sender number's again.
 */
export class LimitWatch {
  readonly #options: LimitWatchOptions;
  /** By sender number: its last recipients and when each hit the limit, oldest first. At most `recipients` of them. */
  readonly #hits = new Map<string, Map<string, number>>();

  constructor(options: LimitWatchOptions = LIMIT_WATCH) {
    this.#options = options;
  }

  /** Sender numbers remembered. */
  get size(): number {
    return this.#hits.size;
  }

  /** A message of this sender number to this recipient hit the limit: whom to pause. `now` in ms. */
  hit(sender: string, recipient: string, now: number): 'recipient' | 'sender' {
    const { recipients, windowMs, most } = this.#options;
    const hits = this.#hits.get(sender) ?? new Map<string, number>();
    this.#hits.delete(sender);
    this.#hits.set(sender, hits);
    hits.delete(recipient);
    hits.set(recipient, now);
    for (const [other, at] of hits) {
      if (now - at < windowMs && hits.size <= recipients) break;
      hits.delete(other);
    }
    if (this.#hits.size > most) {
      const oldest = this.#hits.keys().next();
      if (!oldest.done) this.#hits.delete(oldest.value);
    }
    return hits.size >= recipients ? 'sender' : 'recipient';
  }
}
