interface Entry<Key> {
  readonly at: number;
  readonly key: Key;
}

/**
 * Keys by the time at which each falls due: a binary heap. A key has one time; setting it again replaces it, and the
 * entry of the time before is dropped when it surfaces, or when such entries are more than half of the heap.
 */
export class DueTimes<Key> {
  readonly #at = new Map<Key, number>();
  #heap: Entry<Key>[] = [];

  get size(): number {
    return this.#at.size;
  }

  /** Entries in memory, replaced ones included: at most 2 × size + 17. */
  get entries(): number {
    return this.#heap.length;
  }

  has(key: Key): boolean {
    return this.#at.has(key);
  }

  /** When the first falls due. */
  get next(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.at;
  }

  set(key: Key, at: number): void {
    if (this.#at.get(key) === at) return;
    this.#at.set(key, at);
    this.#push({ at, key });
    if (this.#heap.length > 2 * this.#at.size + 16) this.#rebuild();
  }

  delete(key: Key): void {
    this.#at.delete(key);
    if (this.#heap.length > 2 * this.#at.size + 16) this.#rebuild();
  }

  /** Takes the first key that is due at `now`. */
  take(now: number): Key | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.#pop();
    this.#at.delete(first.key);
    return first.key;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first && this.#at.get(first.key) !== first.at; first = this.#heap[0])
      this.#pop();
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [key, at] of this.#at) this.#push({ at, key });
  }

  #push(entry: Entry<Key>): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((heap[above] as Entry<Key>).at <= entry.at) break;
      heap[at] = heap[above] as Entry<Key>;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right && right.at < (heap[below] as Entry<Key>).at) below += 1;
      if ((heap[below] as Entry<Key>).at >= last.at) break;
      heap[at] = heap[below] as Entry<Key>;
      at = below;
    }
    heap[at] = last;
  }
}
