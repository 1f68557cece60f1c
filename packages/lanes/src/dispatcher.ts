import { DueTimes } from './due-times.js';
import type { Head } from './head.js';
import { TenantHeads } from './tenant-heads.js';

export interface DispatcherOptions {
  /** Most heads of one tenant in memory. */
  readonly perTenant: number;
  /** Most heads in all. Beyond it every tenant's share shrinks, down to two. */
  readonly total: number;
}

/** A lane's head that was picked, by the message that it was. */
export type Picked = Pick<Head, 'tenant' | 'u'>;

/** What happened to a tenant's heads since a read of the ledger began. */
interface Journal {
  /** By lane: what was offered and is still here. */
  readonly offers: Map<string, Head>;
  /** Lanes whose head was picked: what the read says of them is old. */
  readonly picked: Set<string>;
  /** Messages whose picks ended: the read may have been made before their claims. */
  readonly ended: Set<string>;
}

interface TenantState {
  readonly partition: number;
  readonly heads: TenantHeads;
  /** Messages picked and not ended, and whether they had to wait until another of the tenant had ended. */
  readonly flying: Map<string, boolean>;
  /** Places that became free while heads waited for one, and that were not taken since. */
  freed: number;
  limit: number;
  open: boolean;
  ready: boolean;
  /** Reads of the ledger begun so far. */
  reads: number;
  journal: Journal | undefined;
}

/**
 * Decides which heads go next. Pure: no clock, no I/O; it only ever suggests, the ledger's claim decides.
 *
 *   tenant ready ⇔ open ∧ not deferred ∧ picked < limit ∧ has a head
 *
 * Ready tenants stand in a ring and take turns. This is deficit round robin with a quantum of one head: all tenants
 * weigh the same and every head costs the same, so no deficit is ever left over and a turn is one head. A tenant that
 * becomes ready goes to the ring's end: it waits for at most one turn of each tenant that was ready before. Within a
 * tenant rank decides, every tenth turn its oldest head.
 *
 * A head that is picked counts until `ended` is told of it, or `putBack`.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #tenants = new Map<number, TenantState>();
  /** Ready tenants in the order of their turns. A Map keeps insertion order and removes in constant time. */
  readonly #ring = new Map<number, TenantState>();
  readonly #wanting = new Set<number>();
  readonly #deferred = new DueTimes<number>();
  #share: number;
  #size = 0;
  #active = 0;

  constructor(options: DispatcherOptions = { perTenant: 64, total: 20_000 }) {
    this.#options = options;
    this.#share = options.perTenant;
  }

  /** Heads in memory. */
  get size(): number {
    return this.#size;
  }

  /** Heads picked and not ended. */
  get active(): number {
    return this.#active;
  }

  get hasReady(): boolean {
    return this.#ring.size > 0;
  }

  /** Makes a tenant known, or changes its limit or whether it may send at all. */
  configure(tenant: number, settings: { partition: number; limit: number; open: boolean }): void {
    let state = this.#tenants.get(tenant);
    if (!state) {
      state = {
        partition: settings.partition,
        heads: new TenantHeads(),
        flying: new Map(),
        freed: 0,
        limit: settings.limit,
        open: settings.open,
        ready: false,
        reads: 0,
        journal: undefined,
      };
      this.#tenants.set(tenant, state);
      this.#reshare();
    }
    state.limit = settings.limit;
    state.open = settings.open;
    this.#update(tenant, state);
  }

  knows(tenant: number): boolean {
    return this.#tenants.has(tenant);
  }

  /** Adds heads that admission, a settlement or a wake-up made known. Unknown tenants are ignored. */
  offer(heads: readonly Head[]): void {
    for (const head of heads) {
      const state = this.#tenants.get(head.tenant);
      if (!state) continue;
      const before = state.heads.size;
      state.heads.offer(head, this.#share);
      this.#size += state.heads.size - before;
      this.#noteOffer(state, head);
      this.#update(head.tenant, state);
    }
  }

  /** A read of the tenant's heads begins. Its number is handed to `refill` with what was read. */
  version(tenant: number): number {
    const state = this.#tenants.get(tenant);
    if (!state) return 0;
    state.reads += 1;
    state.journal = { offers: new Map(), picked: new Set(), ended: new Set() };
    return state.reads;
  }

  /**
   * Replaces a tenant's heads by what the ledger answered, and applies to it what was offered and picked since the
   * read began. Of an answer that a later read overtook, heads are only added.
   */
  refill(tenant: number, heads: readonly Head[], read: { complete: boolean; version: number }): void {
    const state = this.#tenants.get(tenant);
    if (!state) return;
    const before = state.heads.size;
    const { journal } = state;
    if (journal && read.version === state.reads) {
      state.journal = undefined;
      state.heads.refill(heads, this.#share, read.complete);
      // A head under way whose claim was not committed when the ledger was read is still open there.
      for (const { u, lane } of heads)
        if (state.flying.has(u) || journal.ended.has(u) || journal.picked.has(lane)) state.heads.drop(lane);
      for (const head of journal.offers.values()) state.heads.offer(head, this.#share);
    } else {
      for (const head of heads) if (!state.flying.has(head.u)) state.heads.offer(head, this.#share);
    }
    this.#size += state.heads.size - before;
    this.#update(tenant, state);
  }

  /** Up to `most` heads, by turns. */
  pick(most: number): Head[] {
    const picked: Head[] = [];
    while (picked.length < most) {
      const [entry] = this.#ring;
      if (!entry) break;
      const [tenant, state] = entry;
      const before = state.heads.size;
      const head = state.heads.take();
      this.#size += state.heads.size - before;
      this.#ring.delete(tenant);
      state.ready = false;
      if (head) {
        if (!state.flying.has(head.u)) this.#active += 1;
        state.flying.set(head.u, state.freed > 0);
        state.freed = Math.max(0, state.freed - 1);
        this.#notePick(state, head);
        picked.push(head);
      }
      this.#update(tenant, state);
    }
    return picked;
  }

  /** The head's attempt is over, or it could not be claimed: its tenant has room again. Once a pick; more do nothing. */
  ended(picked: Picked): void {
    const state = this.#tenants.get(picked.tenant);
    if (!state?.flying.has(picked.u)) return;
    // Who waits for nothing else waits for this place.
    if (state.flying.size >= state.limit && state.heads.canTake) state.freed += 1;
    state.flying.delete(picked.u);
    this.#active -= 1;
    state.journal?.ended.add(picked.u);
    this.#update(picked.tenant, state);
  }

  /** Whether the head, picked and not ended, had to wait until another of its tenant had ended. */
  waitedForSlot(picked: Picked): boolean {
    return this.#tenants.get(picked.tenant)?.flying.get(picked.u) ?? false;
  }

  /** The head was picked and does not go now, for a reason that is not its own: it is here again as if never picked. */
  putBack(head: Head): void {
    const state = this.#tenants.get(head.tenant);
    if (!state?.flying.delete(head.u)) return;
    this.#active -= 1;
    const before = state.heads.size;
    state.heads.putBack(head, this.#share);
    this.#size += state.heads.size - before;
    this.#noteOffer(state, head);
    this.#update(head.tenant, state);
  }

  /** The tenant is over a rate of its own: it leaves the ring until `until`, on the clock that `ready` is told. */
  defer(tenant: number, until: number): void {
    const state = this.#tenants.get(tenant);
    if (!state) return;
    this.#deferred.set(tenant, until);
    this.#update(tenant, state);
  }

  /** Brings back the tenants whose time has come. Returns how many those are. */
  ready(now: number): number {
    let back = 0;
    for (let tenant = this.#deferred.take(now); tenant !== undefined; tenant = this.#deferred.take(now)) {
      const state = this.#tenants.get(tenant);
      if (state) this.#update(tenant, state);
      back += 1;
    }
    return back;
  }

  /** When the next deferred tenant comes back; undefined when none is deferred. */
  get nextReady(): number | undefined {
    return this.#deferred.next;
  }

  /** Tenants whose heads in memory run low, or may not be the right ones any more, while the ledger holds more. */
  wanting(): number[] {
    return [...this.#wanting];
  }

  /** Whether any tenant wants a refill. */
  hasWanting(): boolean {
    return this.#wanting.size > 0;
  }

  /** How many heads could be picked now, counted up to `most`. */
  available(most: number): number {
    let sum = 0;
    for (const state of this.#ring.values()) {
      sum += Math.min(state.limit - state.flying.size, state.heads.size);
      if (sum >= most) return most;
    }
    return sum;
  }

  /** Known, and nothing of it is here while it has room: if the ledger has work for it, it was missed. */
  isIdle(tenant: number): boolean {
    const state = this.#tenants.get(tenant);
    return state !== undefined && state.heads.size === 0 && state.flying.size < state.limit;
  }

  /** Forgets all tenants of a partition that went to another sender. */
  forget(partition: number): void {
    for (const [tenant, state] of this.#tenants) {
      if (state.partition !== partition) continue;
      this.#size -= state.heads.size;
      this.#active -= state.flying.size;
      this.#tenants.delete(tenant);
      this.#ring.delete(tenant);
      this.#wanting.delete(tenant);
      this.#deferred.delete(tenant);
    }
    this.#reshare();
  }

  /** Every tenant's share of the memory changes with their number. It takes few values, so all may be visited then. */
  #reshare(): void {
    const { perTenant, total } = this.#options;
    // One place of each is for the oldest head, which is kept beside those that rank first.
    const places = Math.floor(total / Math.max(1, this.#tenants.size)) - 1;
    const share = Math.max(2, Math.min(perTenant, places));
    if (share === this.#share) return;
    this.#share = share;
    for (const [tenant, state] of this.#tenants) {
      const before = state.heads.size;
      state.heads.trim(share);
      this.#size += state.heads.size - before;
      this.#update(tenant, state);
    }
  }

  #noteOffer(state: TenantState, head: Head): void {
    state.journal?.offers.set(head.lane, head);
    this.#boundJournal(state);
  }

  #notePick(state: TenantState, head: Head): void {
    const { journal } = state;
    if (!journal) return;
    journal.picked.add(head.lane);
    journal.offers.delete(head.lane);
    this.#boundJournal(state);
  }

  /** A read during which this much happens is not worth its answer any more. */
  #boundJournal(state: TenantState): void {
    const { journal } = state;
    if (journal && journal.picked.size + journal.offers.size > 8 * this.#options.perTenant)
      state.journal = undefined;
  }

  #update(tenant: number, state: TenantState): void {
    if (state.open && state.heads.wantsRefill(Math.max(1, this.#share >> 2))) this.#wanting.add(tenant);
    else this.#wanting.delete(tenant);
    if (!state.heads.canTake) state.freed = 0;
    const ready =
      state.open && !this.#deferred.has(tenant) && state.flying.size < state.limit && state.heads.canTake;
    if (ready === state.ready) return;
    state.ready = ready;
    if (ready) this.#ring.set(tenant, state);
    else this.#ring.delete(tenant);
  }
}
