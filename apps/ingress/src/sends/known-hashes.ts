/** Most ids whose body is remembered: about 200 bytes each. */
const MOST = 100_000;

/**
 * The bodies behind idempotent ids, as far as this process remembers. A courtesy: the authority is admission, which finds
 * another body under a known id whatever is forgotten here.
 */
export class KnownHashes {
  readonly #hashes = new Map<string, string>();
  readonly #most: number;

  constructor(most: number = MOST) {
    this.#most = most;
  }

  /** The hash that is remembered for the id. */
  get(id: string): string | undefined {
    return this.#hashes.get(id);
  }

  /** Remembers a hash unless there is one; true if it was new. */
  remember(id: string, hash: string): boolean {
    if (this.#hashes.has(id)) return false;
    this.#hashes.set(id, hash);
    if (this.#hashes.size > this.#most) {
      const oldest = this.#hashes.keys().next();
      if (oldest.done !== true) this.#hashes.delete(oldest.value);
    }
    return true;
  }

  /** Takes back what turned out not to be in the log. */
  forget(id: string): void {
    this.#hashes.delete(id);
  }
}
