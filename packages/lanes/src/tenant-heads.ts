import { byPriority, type Head } from './head.js';

/** Every tenth dispatch of a tenant is its oldest eligible head, so that low priorities do not starve. */
export const OLDEST_EVERY = 10;
/** A part of the backlog is read anew after that many turns at the latest: what lies behind it may be older. */
const REREAD_AFTER = 64;

/**
 * The heads of one tenant that are in memory: a prefix, by rank, of those in the ledger.
 *
 * When not all fit, `horizon` is the last one that did. What lies behind it stays in the ledger, so that a newcomer
 * of low rank does not pass older ones that are not in memory. One head from behind it may be known: the oldest,
 * kept `aside`, which goes at an oldest head's turn only.
 *
 *   by rank:   heads (at most `most`) │ horizon │ in the ledger only … aside …
 */
export class TenantHeads {
  /** Ascending by rank: the next to go is the first. All within the horizon. */
  #heads: Head[] = [];
  readonly #byLane = new Map<string, Head>();
  #horizon: Head | undefined;
  #aside: Head | undefined;
  #asideTaken = false;
  #turns = 0;
  #turnsSinceRead = 0;

  get size(): number {
    return this.#heads.length + (this.#aside ? 1 : 0);
  }

  /** Whether the ledger holds more than is here. */
  get partial(): boolean {
    return this.#horizon !== undefined;
  }

  /** Whether a turn would find a head: one behind the horizon has to wait for an oldest head's turn. */
  get canTake(): boolean {
    return this.#heads.length > 0 || (this.#aside !== undefined && this.#isOldestTurn(this.#turns + 1));
  }

  /** Whether the ledger should be asked again: few are left, or what is the oldest there is not known any more. */
  wantsRefill(low: number): boolean {
    if (!this.partial) return false;
    const nearOldestTurn = this.#turns % OLDEST_EVERY >= OLDEST_EVERY >> 1;
    return (
      this.#heads.length < low || this.#turnsSinceRead >= REREAD_AFTER || (this.#asideTaken && nearOldestTurn)
    );
  }

  /** Adds a head, or replaces the one of its lane. Returns whether it is in memory now. */
  offer(head: Head, most: number): boolean {
    const known = this.#byLane.get(head.lane);
    if (known) {
      if (known.u === head.u && known.seq === head.seq && known.priority === head.priority) return true;
      this.#remove(known);
    }
    if (this.#horizon && byPriority(head, this.#horizon) > 0) {
      const oldest = this.#oldest();
      if (!oldest || head.seq >= oldest.seq) return false;
      this.#setAside(head);
      return true;
    }
    this.#insert(head);
    this.trim(most);
    return this.#byLane.get(head.lane) === head;
  }

  /**
   * Replaces everything by what the ledger answered: its first heads by rank, and its oldest. `complete`: it has no
   * more than that.
   */
  refill(heads: readonly Head[], most: number, complete: boolean): void {
    this.#heads = heads.toSorted(byPriority);
    this.#byLane.clear();
    for (const head of this.#heads) this.#byLane.set(head.lane, head);
    this.#aside = undefined;
    this.#asideTaken = false;
    this.#turnsSinceRead = 0;
    this.#horizon = complete ? undefined : (this.#heads[most - 1] ?? this.#heads.at(-1));
    this.trim(most);
  }

  /** Leaves at most `most` heads, the first by rank, and the oldest aside. */
  trim(most: number): void {
    if (this.#heads.length <= most) return;
    const last = this.#heads[most - 1] as Head;
    if (!this.#horizon || byPriority(last, this.#horizon) < 0) this.#horizon = last;
    const beyond = this.#heads.splice(most);
    for (const head of beyond) this.#byLane.delete(head.lane);
    const oldest = beyond.reduce((a, b) => (a.seq <= b.seq ? a : b));
    const known = this.#oldest();
    if (!known || oldest.seq < known.seq) this.#setAside(oldest);
  }

  /** Takes the head whose turn it is; undefined when there is none. */
  take(): Head | undefined {
    if (!this.canTake) return undefined;
    this.#turns += 1;
    this.#turnsSinceRead += 1;
    const head = this.#isOldestTurn(this.#turns) ? (this.#oldest() as Head) : (this.#heads[0] as Head);
    this.#asideTaken ||= head === this.#aside;
    this.#remove(head);
    return head;
  }

  /** Undoes a turn whose head did not go after all. */
  putBack(head: Head, most: number): void {
    this.#turns -= 1;
    this.offer(head, most);
  }

  /** Its lane's head is none any more. */
  drop(lane: string): void {
    const known = this.#byLane.get(lane);
    if (known) this.#remove(known);
  }

  #isOldestTurn(turn: number): boolean {
    return turn % OLDEST_EVERY === 0;
  }

  #oldest(): Head | undefined {
    let oldest = this.#aside;
    for (const head of this.#heads) if (!oldest || head.seq < oldest.seq) oldest = head;
    return oldest;
  }

  #setAside(head: Head): void {
    if (this.#aside) this.#byLane.delete(this.#aside.lane);
    this.#aside = head;
    this.#byLane.set(head.lane, head);
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
    if (head === this.#aside) {
      this.#aside = undefined;
      return;
    }
    const at = this.#heads.indexOf(head);
    if (at >= 0) this.#heads.splice(at, 1);
  }
}
