import type { Head } from './head.js';
import { TenantHeads } from './tenant-heads.js';

export interface DispatcherOptions {
  /** Most heads of one tenant in memory. */
  readonly perTenant: number;
  /** Most heads in all. Beyond it every tenant's share shrinks, down to two. */
  readonly total: number;
}

interface TenantState {
  readonly partition: number;
  readonly heads: TenantHeads;
  limit: number;
  open: boolean;
  active: number;
  ready: boolean;
  /** Offers so far: a refill that was read before the last of them is stale. */
  version: number;
}

/**
 * Decides which heads go next. Pure: no clock, no I/O; it only ever suggests, the ledger's claim decides.
 *
 *   tenant ready ⇔ open ∧ active < limit ∧ has a head
 *   ready tenants take turns, one head a turn; within a tenant rank decides, every tenth turn its oldest head
 *
 * A head that is picked counts as active until `ended` or `refused` is told.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #tenants = new Map<number, TenantState>();
  /** Ready tenants in the order of their turns. A Map keeps insertion order and removes in constant time. */
  readonly #ring = new Map<number, TenantState>();
  #size = 0;
  #active = 0;

  constructor(options: DispatcherOptions = { perTenant: 64, total: 20_000 }) {
    this.#options = options;
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
        limit: settings.limit,
        open: settings.open,
        active: 0,
        ready: false,
        version: 0,
      };
      this.#tenants.set(tenant, state);
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
      state.heads.offer(head, this.#share());
      state.version += 1;
      this.#size += state.heads.size - before;
      this.#update(head.tenant, state);
    }
  }

  /** Of a tenant, to be handed to `refill` with what was read after it. */
  version(tenant: number): number {
    return this.#tenants.get(tenant)?.version ?? 0;
  }

  /**
   * Replaces a tenant's heads by what the ledger answered. An answer that was read before a later offer is only
   * added to what is here, so that it does not take that offer away.
   */
  refill(tenant: number, heads: readonly Head[], read: { complete: boolean; version: number }): void {
    const state = this.#tenants.get(tenant);
    if (!state) return;
    const before = state.heads.size;
    if (read.version === state.version) state.heads.refill(heads, this.#share(), read.complete);
    else for (const head of heads) state.heads.offer(head, this.#share());
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
      const head = state.heads.take();
      this.#ring.delete(tenant);
      state.ready = false;
      if (head) {
        this.#size -= 1;
        state.active += 1;
        this.#active += 1;
        state.version += 1;
        picked.push(head);
      }
      this.#update(tenant, state);
    }
    return picked;
  }

  /** The head's attempt is over, or it could not be claimed: its tenant has room again. */
  ended(tenant: number): void {
    const state = this.#tenants.get(tenant);
    if (!state || state.active === 0) return;
    state.active -= 1;
    this.#active -= 1;
    this.#update(tenant, state);
  }

  /** Tenants with room whose heads in memory run low while the ledger holds more. */
  wanting(): number[] {
    const wanting: number[] = [];
    const low = Math.max(1, this.#share() >> 2);
    for (const [tenant, state] of this.#tenants) {
      if (state.open && state.heads.partial && state.heads.size < low) wanting.push(tenant);
    }
    return wanting;
  }

  /** Whether any tenant wants a refill. */
  hasWanting(): boolean {
    return this.wanting().length > 0;
  }

  /** How many heads could be picked now, counted up to `most`. */
  available(most: number): number {
    let sum = 0;
    for (const state of this.#ring.values()) {
      sum += Math.min(state.limit - state.active, state.heads.size);
      if (sum >= most) return most;
    }
    return sum;
  }

  /** Known, and nothing of it is here or under way: if the ledger has work for it, it was missed. */
  isIdle(tenant: number): boolean {
    const state = this.#tenants.get(tenant);
    return state !== undefined && state.heads.size === 0 && state.active < state.limit;
  }

  /** Forgets all tenants of a partition that went to another sender. */
  forget(partition: number): void {
    for (const [tenant, state] of this.#tenants) {
      if (state.partition !== partition) continue;
      this.#size -= state.heads.size;
      this.#active -= state.active;
      this.#tenants.delete(tenant);
      this.#ring.delete(tenant);
    }
  }

  #share(): number {
    const { perTenant, total } = this.#options;
    return Math.max(2, Math.min(perTenant, Math.floor(total / Math.max(1, this.#tenants.size))));
  }

  #update(tenant: number, state: TenantState): void {
    const ready = state.open && state.active < state.limit && state.heads.size > 0;
    if (ready === state.ready) return;
    state.ready = ready;
    if (ready) this.#ring.set(tenant, state);
    else this.#ring.delete(tenant);
  }
}
