export interface WrongKeysOptions {
  /** Wrong keys that an address may show at once. */
  readonly burst: number;
  /** After these it may show one in so many ms. */
  readonly everyMs: number;
  /** Most addresses remembered; beyond, the ones that were quiet for longest are forgotten. */
  readonly most: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Slows guesses of keys down, by address: a GCRA with a burst. Right keys never come here, so that a guesser behind the same
 * address as somebody with a key does them no harm.
 */
export class WrongKeys {
  readonly #options: WrongKeysOptions;
  /** When an address will have paid for all its guesses. */
  readonly #paidAt = new Map<string, number>();

  constructor(options: WrongKeysOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#paidAt.size;
  }

  /** Counts a wrong key. 0: within the allowance; else how long to wait, in ms. One that is over it costs nothing more. */
  count(address: string): number {
    const { burst, everyMs, most, now } = this.#options;
    const key = networkOf(address);
    const at = now();
    const paidAt = Math.max(this.#paidAt.get(key) ?? at, at);
    const waitMs = paidAt + everyMs - at - burst * everyMs;
    this.#paidAt.delete(key);
    this.#paidAt.set(key, waitMs > 0 ? paidAt : paidAt + everyMs);
    if (this.#paidAt.size > most) {
      const oldest = this.#paidAt.keys().next();
      if (oldest.done !== true) this.#paidAt.delete(oldest.value);
    }
    return Math.max(0, waitMs);
  }
}

/** An IPv6 caller owns a /64: its addresses count as one. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
}
