import type { Tenant } from '@mersal/ledger';
import type { TenantSource } from './tenant-source.js';

const PAGE = 500;

/**
 * The restaurants that this sender has met, kept up to date by what changed in the database. Bounded by the number
 * of restaurants with messages in the partitions that it owns.
 */
export class TenantDirectory {
  readonly #source: TenantSource;
  readonly #byId = new Map<number, Tenant>();
  readonly #byRestaurant = new Map<string, Tenant>();
  #since: string | null = null;
  readonly #listeners: ((tenant: Tenant) => void)[] = [];

  constructor(source: TenantSource) {
    this.#source = source;
  }

  onChange(listener: (tenant: Tenant) => void): void {
    this.#listeners.push(listener);
  }

  byId(id: number): Tenant | undefined {
    return this.#byId.get(id);
  }

  /** How many restaurants of these partitions are suspended. */
  suspendedIn(partitions: readonly number[]): number {
    const owned = new Set(partitions);
    let count = 0;
    for (const { status, partition } of this.#byId.values())
      if (status === 'suspended' && owned.has(partition)) count += 1;
    return count;
  }

  /** Restaurants by their public ids; those that do not exist are missing in the answer. */
  async resolve(restaurantIds: Iterable<string>): Promise<ReadonlyMap<string, Tenant>> {
    const found = new Map<string, Tenant>();
    const missing: string[] = [];
    for (const id of new Set(restaurantIds)) {
      const known = this.#byRestaurant.get(id);
      if (known) found.set(id, known);
      else missing.push(id);
    }
    if (missing.length > 0) {
      for (const tenant of await this.#source.named(missing)) {
        this.#keep(tenant);
        found.set(tenant.restaurantId, tenant);
      }
    }
    return found;
  }

  /** Reads what changed since the last call. All restaurants are read once, at the first. */
  async refresh(): Promise<void> {
    for (;;) {
      const changed = await this.#source.changedSince(this.#since, PAGE);
      const last = changed.at(-1);
      for (const tenant of changed) {
        if (this.#byId.get(tenant.id)?.changedAt !== tenant.changedAt) this.#keep(tenant);
      }
      const moved = last !== undefined && last.changedAt !== this.#since;
      if (last) this.#since = last.changedAt;
      if (changed.length < PAGE || !moved) return;
    }
  }

  #keep(tenant: Tenant): void {
    this.#byId.set(tenant.id, tenant);
    this.#byRestaurant.set(tenant.restaurantId, tenant);
    for (const listener of this.#listeners) listener(tenant);
  }
}
