import { byPriority, type Head } from './head.js';

/** Every tenth dispatch of a tenant is its oldest eligible head, so that low priorities do not starve. */
export const OLDEST_EVERY = 10;

/**
 * The heads of one tenant that are in memory: a prefix of those in the ledger.
 *
 * When not all fit, `horizon` is the last one that did. What lies behind it stays in the ledger, so that a newcomer
 * of low rank does not pass older ones that are not in memory.
 */
export class TenantHeads {
  /** Ascending by rank: the next to go is the first. */
  #heads: Head[] = [];
  readonly #byLane = new Map<string, Head>();
  #horizon: Head | undefined;
  #turns = 0;

  get size(): number {
    return this.#heads.length;
  }

  /** Whether the ledger holds more than is here. */
  get partial(): boolean {
    return this.#horizon !== undefined;
  }

  /** Adds a head, or replaces the one of its lane. Returns whether it is in memory now. */
  offer(head: Head, most: number): boolean {
    const known = this.#byLane.get(head.lane);
    if (known) {
      if (known.u === head.u && known.seq === head.seq) return true;
      this.#remove(known);
    }
    if (this.#horizon && byPriority(head, this.#horizon) > 0) return false;
    this.#insert(head);
    if (this.#heads.length > most) {
      const last = this.#heads.at(-1) as Head;
      this.#remove(last);
      this.#horizon = this.#heads.at(-1);
      return last !== head;
    }
    return true;
  }

  /** Replaces everything by what the ledger answered; `complete`: it has no more than that. */
  refill(heads: readonly Head[], most: number, complete: boolean): void {
    this.#heads = [];
    this.#byLane.clear();
    this.#horizon = undefined;
    const ranked = heads.toSorted(byPriority);
    const oldest = heads.reduce<Head | undefined>((a, b) => (a && a.seq <= b.seq ? a : b), undefined);
    const kept = ranked.slice(0, most);
    for (const head of kept) this.#insert(head);
    if (!complete || ranked.length > most) this.#horizon = kept.at(-1);
    // The oldest is kept whatever its rank: its turn comes.
    if (oldest && !this.#byLane.has(oldest.lane)) this.#insert(oldest);
  }

  /** Takes the head whose turn it is; undefined when there is none. */
  take(): Head | undefined {
    if (this.#heads.length === 0) return undefined;
    this.#turns += 1;
    const head =
      this.#turns % OLDEST_EVERY === 0
        ? this.#heads.reduce((a, b) => (a.seq <= b.seq ? a : b))
        : (this.#heads[0] as Head);
    this.#remove(head);
    return head;
  }

  drop(lane: string): void {
    const known = this.#byLane.get(lane);
    if (known) this.#remove(known);
  }

  #insert(head: Head): void {
    let low = 0;
    let high = this.#heads.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (byPriority(this.#heads[middle] as Head, head) < 0) low = middle + 1;
      else high = middle;
    }
    this.#heads.splice(low, 0, head);
    this.#byLane.set(head.lane, head);
  }

  #remove(head: Head): void {
    this.#byLane.delete(head.lane);
    const at = this.#heads.indexOf(head);
    if (at >= 0) this.#heads.splice(at, 1);
  }
}
