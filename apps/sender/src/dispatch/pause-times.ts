import { type Pause, pauseKey } from '@mersal/ledger';

/** ms since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Of a pause that is longer over nobody asks, in ms: what waited for it is sent, or has waited longer for something else. */
const KEEP_MS = 3_600_000;

/**
 * When everything, a restaurant or one of its numbers was paused last, and a restaurant suspended: one span of each, nothing of
 * messages. Pauses are heard of now and then; one that began and ended in between is not known.
 */
export class PauseTimes {
  readonly #spans = new Map<string, Span>();

  /** All pauses that run now. Others that ran are over. */
  hear(running: readonly Pick<Pause, 'target' | 'begunAt' | 'until'>[], now: number): void {
    const keys = new Set<string>();
    for (const { target, begunAt, until } of running) {
      const key = pauseKey(target);
      keys.add(key);
      this.#extend(key, { from: begunAt, to: until });
    }
    for (const [key, span] of this.#spans) {
      if (span.to > now && !keys.has(key) && !isSuspension(key))
        this.#spans.set(key, { from: span.from, to: now });
      else if (now - span.to > KEEP_MS) this.#spans.delete(key);
    }
  }

  /** Whether a restaurant is suspended, now. */
  suspended(tenant: number, is: boolean, now: number): void {
    const key = `${SUSPENDED}${tenant}`;
    const known = this.#spans.get(key);
    if (is) this.#extend(key, { from: now, to: Number.POSITIVE_INFINITY });
    else if (known && known.to > now) this.#spans.set(key, { from: known.from, to: now });
  }

  /** The last spans in which a message of this number could not go. */
  of(tenant: number, sender: string): readonly Span[] {
    if (this.#spans.size === 0) return NONE;
    const keys = [
      pauseKey({ scope: 'all' }),
      pauseKey({ scope: 'tenant', tenant }),
      pauseKey({ scope: 'sender', tenant, sender }),
      `${SUSPENDED}${tenant}`,
    ];
    return keys.flatMap((key) => this.#spans.get(key) ?? []);
  }

  /** A pause that replaces one which ran is the same one, longer or shorter. */
  #extend(key: string, { from, to }: Span): void {
    const known = this.#spans.get(key);
    this.#spans.set(key, { from: known && known.to >= from ? Math.min(known.from, from) : from, to });
  }
}

const NONE: readonly Span[] = [];
const SUSPENDED = 'suspended/';

function isSuspension(key: string): boolean {
  return key.startsWith(SUSPENDED);
}
