import { byPriority } from '@mersal/lanes';
import type { Claim, Head } from '@mersal/ledger';
import type { MemoryLedger } from '@mersal/ledger/memory';
import type { Plan } from './plan.js';
import type { Timeline } from './timeline.js';

/** A head may be passed by lower priorities so often: by every tenth turn, and by claims that were under way. */
const PASSES = 6;
/** A head that became ready this recently is not known everywhere yet, in ms. */
const FRESH_MS = 3_000;

interface Ready {
  readonly head: Head;
  readonly since: number;
  passedByLower: number;
  passedByTenants: Map<number, number>;
}

/** Watches at the ledger in which order heads are claimed: priority (invariant 6) and fairness (invariant 7). */
export class ClaimWatch {
  readonly violations: string[] = [];
  readonly #plan: Plan;
  readonly #ledger: MemoryLedger;
  readonly #timeline: Timeline;
  readonly #ready = new Map<string, Ready>();

  constructor(plan: Plan, ledger: MemoryLedger, timeline: Timeline) {
    this.#plan = plan;
    this.#ledger = ledger;
    this.#timeline = timeline;
  }

  /** Called with what one transaction claimed, after it. */
  async claimed(claims: readonly Claim[]): Promise<void> {
    if (claims.length === 0) return;
    const now = this.#timeline.now;
    const tenants = this.#plan.tenants.map(({ id }) => ({ tenant: id }));
    const partitions = await Promise.all(
      tenants.map(async ({ tenant }) => ({ tenant, partition: await this.#partitionOf(tenant) })),
    );
    const heads = await this.#ledger.refill(partitions, 10_000);
    const there = new Set(heads.map(keyOf));
    for (const id of this.#ready.keys()) if (!there.has(id)) this.#ready.delete(id);
    for (const head of heads) {
      const id = keyOf(head);
      const known = this.#ready.get(id);
      if (!known) {
        this.#ready.set(id, { head, since: now, passedByLower: 0, passedByTenants: new Map() });
        continue;
      }
      if (now - known.since < FRESH_MS) continue;
      for (const claim of claims) this.#passed(known, claim);
    }
  }

  #passed(ready: Ready, claim: Claim): void {
    const { head } = ready;
    // Judged where nothing but the engine's own choice keeps a head from its turn.
    const { theme } = this.#plan;
    if (theme !== 'nothing' && theme !== 'provider') return;
    if (claim.tenant === head.tenant) {
      // Its restaurant had its turn, for another that came back meanwhile and stands before it.
      ready.passedByTenants.clear();
      // The oldest has its own turn, whatever its priority.
      if (claim.priority >= head.priority || claim.seq < head.seq) return;
      ready.passedByLower += 1;
      if (ready.passedByLower === PASSES)
        this.violations.push(
          `priority: ${head.u} of priority ${head.priority} was passed ${PASSES} times by lower ones of its restaurant`,
        );
      return;
    }
    // Breakers and pauses keep whole restaurants back, by right.
    if (theme !== 'nothing' || !this.#isFirst(head)) return;
    const times = (ready.passedByTenants.get(claim.tenant) ?? 0) + 1;
    ready.passedByTenants.set(claim.tenant, times);
    const turns = 2 * this.#plan.concurrency + 6;
    // Between two senders no turns are kept: whoever asks first gets the next instant, and may do so some times in a row.
    const together = this.#partitions.get(claim.tenant) === this.#partitions.get(head.tenant);
    const bound = together ? turns : 4 * turns;
    if (times === bound)
      this.violations.push(
        `fairness: ${head.u} of restaurant ${head.tenant} was passed ${bound} times by restaurant ${claim.tenant}`,
      );
  }

  /** Whose turn is its restaurant's turn; the others wait for theirs behind it. */
  #isFirst(head: Head): boolean {
    for (const { head: other } of this.#ready.values())
      if (other.tenant === head.tenant && byPriority(other, head) < 0) return false;
    return true;
  }

  readonly #partitions = new Map<number, number>();
  async #partitionOf(tenant: number): Promise<number> {
    let partition = this.#partitions.get(tenant);
    if (partition === undefined) {
      const name = this.#plan.tenants.find(({ id }) => id === tenant)?.restaurantId ?? '';
      partition = this.#ledger.readTenants([name])[0]?.partition ?? 0;
      this.#partitions.set(tenant, partition);
    }
    return partition;
  }
}

function keyOf(head: Head): string {
  return `${head.tenant}/${head.u}`;
}
