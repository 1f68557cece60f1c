/**
 * Instants by key, spaced by the key's interval, as far as this process knows. The keys whose last instant was asked
 * for longest ago are forgotten beyond `most`: their next message is not held back.
 */
export class LocalGcra {
  readonly #most: number;
  readonly #last = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#last.size;
  }

  /** The first instant from `notBefore` on that keeps the interval; in ms, on any one clock. */
  next(key: string, intervalMs: number, notBefore: number): number {
    return Math.max(notBefore, (this.#last.get(key) ?? Number.NEGATIVE_INFINITY) + intervalMs);
  }

  /** The instant was given. */
  give(key: string, at: number): void {
    this.#last.delete(key);
    this.#last.set(key, at);
    if (this.#last.size <= this.#most) return;
    const oldest = this.#last.keys().next();
    if (!oldest.done) this.#last.delete(oldest.value);
  }
}
