import type { Clock } from '@mersal/delivery';
import { Dispatcher, type Head } from '@mersal/lanes';
import type { Ledger, Pause, Tenant } from '@mersal/ledger';
import type { TenantDirectory } from '../tenants/tenant-directory.js';
import type { OwnedPartitions } from '../ownership/owned-partitions.js';
import { groupBy } from './group-by.js';
import { PauseTimes } from './pause-times.js';
import { RefusedHeads } from './refused-heads.js';

const PER_TENANT = 64;
const TOTAL = 20_000;
/** A head that nothing told of waits this long behind a restaurant's others at most, in ms. */
const RELOOK_MS = 10_000;

export interface DispatchParts {
  readonly ledger: Ledger;
  readonly tenants: TenantDirectory;
  readonly owned: OwnedPartitions;
  readonly concurrency: number;
  readonly clock: Pick<Clock, 'now' | 'wall'>;
}

/** The pure dispatcher with what keeps it true: restaurants' settings, heads from the ledger. */
export class Dispatch {
  readonly dispatcher = new Dispatcher({ perTenant: PER_TENANT, total: TOTAL });
  readonly pauseTimes = new PauseTimes();
  readonly refused = new RefusedHeads();
  readonly #parts: DispatchParts;
  readonly #withSlots = new Map<number, number>();
  readonly #toRefill = new Set<number>();
  /** When the heads of a restaurant that is never idle are to be read again, on the monotonic clock. */
  readonly #relookAt = new Map<number, number>();
  #refilling: Promise<void> | undefined;
  /** An operator paused everything, until then (ms since 1970). */
  #stillUntil = 0;
  #wake: () => void = () => undefined;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
    parts.tenants.onChange((tenant) => {
      this.pauseTimes.suspended(tenant.id, tenant.status === 'suspended', parts.clock.wall());
      if (this.dispatcher.knows(tenant.id)) this.#configure(tenant);
      this.#wake();
    });
  }

  /** Nothing is to be sent at all. The claims would be refused anyway. */
  get standsStill(): boolean {
    return this.#parts.clock.wall() < this.#stillUntil;
  }

  /** All pauses that run now. Restaurants tell of their own by themselves, and claims respect the numbers'. */
  hearPauses(running: readonly Pause[]): void {
    this.pauseTimes.hear(running, this.#parts.clock.wall());
    this.#stillUntil = running.find(({ target }) => target.scope === 'all')?.until ?? 0;
    if (!this.standsStill) this.#wake();
  }

  /** Called whenever there may be something to send. */
  onWork(wake: () => void): void {
    this.#wake = wake;
  }

  /** New partitions: their restaurants with work are read from the ledger. */
  async adopt(partitions: readonly number[]): Promise<void> {
    await this.scan(partitions);
  }

  forget(partition: number): void {
    this.dispatcher.forget(partition);
  }

  /** Makes restaurants known and gives them their slots, before their first message is filed. */
  async prepare(tenants: readonly number[]): Promise<void> {
    const { concurrency, ledger } = this.#parts;
    const fresh: number[] = [];
    for (const id of tenants) {
      const tenant = this.#parts.tenants.byId(id);
      if (!tenant) continue;
      const limit = tenant.concurrency ?? concurrency;
      if ((this.#withSlots.get(id) ?? 0) < limit) fresh.push(id);
      this.#configure(tenant);
    }
    if (fresh.length === 0) return;
    await ledger.ensureSlots(fresh, concurrency);
    for (const id of fresh) this.#withSlots.set(id, this.#parts.tenants.byId(id)?.concurrency ?? concurrency);
  }

  offer(heads: readonly Head[]): void {
    if (heads.length === 0) return;
    this.dispatcher.offer(heads);
    this.#wake();
  }

  /** The ledger may hold heads of these restaurants that are not here: read them again. */
  look(tenants: readonly number[]): void {
    for (const tenant of tenants) this.#toRefill.add(tenant);
    this.#wake();
  }

  /**
   * Finds work that nothing told of: after a takeover, a cancel, another process's settlement. Of idle restaurants at once, of
   * busy ones now and then.
   */
  async scan(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    const ready = await this.#parts.ledger.readyTenants(partitions);
    await this.prepare(ready);
    this.look(ready.filter((tenant) => this.dispatcher.isIdle(tenant) || this.#isRelookDue(tenant)));
    await this.refill();
  }

  #isRelookDue(tenant: number): boolean {
    return this.#parts.clock.now() >= (this.#relookAt.get(tenant) ?? Number.NEGATIVE_INFINITY);
  }

  /** Reads heads for restaurants whose heads in memory run low. One at a time; a second call joins the first. */
  refill(): Promise<void> {
    this.#refilling ??= this.#refill().finally(() => {
      this.#refilling = undefined;
    });
    return this.#refilling;
  }

  get wantsRefill(): boolean {
    return this.#toRefill.size > 0 || this.dispatcher.hasWanting();
  }

  async #refill(): Promise<void> {
    const wanted = new Set([...this.#toRefill, ...this.dispatcher.wanting()]);
    this.#toRefill.clear();
    const tenants = [...wanted].flatMap((id) => {
      const tenant = this.#parts.tenants.byId(id);
      return tenant && this.#parts.owned.get(tenant.partition)
        ? [{ tenant: id, partition: tenant.partition }]
        : [];
    });
    if (tenants.length === 0) return;
    const versions = new Map(tenants.map(({ tenant }) => [tenant, this.dispatcher.version(tenant)]));
    const heads = await this.#parts.ledger.refill(tenants, PER_TENANT);
    const relookAt = this.#parts.clock.now() + RELOOK_MS;
    for (const { tenant } of tenants) this.#relookAt.set(tenant, relookAt);
    const byTenant = groupBy(heads, (head) => head.tenant);
    for (const { tenant } of tenants) {
      const found = byTenant.get(tenant) ?? [];
      this.dispatcher.refill(tenant, found, {
        complete: found.length < PER_TENANT,
        version: versions.get(tenant) ?? -1,
      });
    }
    this.#wake();
  }

  #configure(tenant: Tenant): void {
    if (!this.#parts.owned.get(tenant.partition)) return;
    this.dispatcher.configure(tenant.id, {
      partition: tenant.partition,
      limit: tenant.concurrency ?? this.#parts.concurrency,
      open: tenant.status === 'active' && !(this.#parts.clock.wall() < (tenant.pausedUntil ?? 0)),
    });
  }
}
