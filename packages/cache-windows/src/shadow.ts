import { type HashSketch, mergeSketches } from '@mersal/contracts';
import type { Evidence } from './diagnosis.js';
import type { Folded } from './fold.js';
import { MOST_KEYS_JUDGED, type WindowSource, type WindowSums } from './judge.js';
import {
  type Counts,
  type MissPane,
  type MissReason,
  NONE,
  PANE_MS,
  type Pane,
  plus,
  WINDOW_MS,
} from './panes.js';

interface Slot {
  readonly panes: Map<string, Pane>;
  readonly misses: Map<string, MissPane>;
}

/** Panes in memory: what a replay counts, and the ledger's fake in tests. */
export class ShadowPanes implements WindowSource {
  readonly #slots = new Map<number, Slot>();
  readonly #firstAt = new Map<string, number>();

  add({ panes, misses, totals }: Pick<Folded, 'panes' | 'misses' | 'totals'>): void {
    for (const pane of panes) {
      const slot = this.#slot(pane.pane).panes;
      const id = JSON.stringify([pane.key, pane.tenant]);
      const had = slot.get(id);
      slot.set(id, had ? { ...pane, ...plus(had, pane), late: had.late + pane.late } : pane);
    }
    for (const miss of misses) {
      const slot = this.#slot(miss.pane).misses;
      const id = JSON.stringify([miss.key, miss.tenant, miss.reason]);
      const had = slot.get(id);
      const hashes = mergeSketches([had?.hashes ?? [], miss.hashes]);
      slot.set(id, { ...miss, misses: miss.misses + (had?.misses ?? 0), hashes });
    }
    for (const { key, firstAt } of totals) if (firstAt !== null) this.noteFirst(key, firstAt);
  }

  /** That a key had an event at this time, which may lie before all that was added. */
  noteFirst(key: string, at: number): void {
    this.#firstAt.set(key, Math.min(at, this.#firstAt.get(key) ?? at));
  }

  /** How many panes it holds, over all keys and tenants. */
  get size(): number {
    let size = 0;
    for (const { panes } of this.#slots.values()) size += panes.size;
    return size;
  }

  /** All panes, in no order. */
  *panes(): Iterable<Pane> {
    for (const { panes } of this.#slots.values()) yield* panes.values();
  }

  async sums(end: number, besides: readonly string[]): Promise<WindowSums> {
    const all = this.#sumsOf(end);
    const worst = [...all]
      .filter(([, { misses }]) => misses > 0)
      .sort(([a, x], [b, y]) => y.misses - x.misses || (a < b ? -1 : 1))
      .slice(0, MOST_KEYS_JUDGED);
    const also = besides.map((key): [string, Counts] => [key, all.get(key) ?? NONE]);
    return { total: [...all.values()].reduce(plus, NONE), keys: new Map([...worst, ...also]) };
  }

  async evidence(end: number, keys: readonly string[]): Promise<ReadonlyMap<string, Evidence>> {
    const before = this.#sumsOf(end - WINDOW_MS);
    const wanted = new Map(
      keys.map((key) => [
        key,
        { reasons: new Map<MissReason, number>(), tenants: new Map<string, Missed>() },
      ]),
    );
    for (const { misses } of this.#slotsOf(end)) {
      for (const miss of misses.values()) {
        const one = wanted.get(miss.key);
        if (!one) continue;
        one.reasons.set(miss.reason, (one.reasons.get(miss.reason) ?? 0) + miss.misses);
        const tenant = one.tenants.get(miss.tenant) ?? { misses: 0, sketches: [] };
        tenant.misses += miss.misses;
        tenant.sketches.push(miss.hashes);
        one.tenants.set(miss.tenant, tenant);
      }
    }
    return new Map(
      [...wanted].map(([key, { reasons, tenants }]) => [
        key,
        {
          firstAt: this.#firstAt.get(key) ?? null,
          before: before.get(key) ?? NONE,
          reasons,
          tenants: [...tenants.values()].map(({ misses, sketches }) => ({
            misses,
            hashes: mergeSketches(sketches),
          })),
        },
      ]),
    );
  }

  #sumsOf(end: number): Map<string, Counts> {
    const sums = new Map<string, Counts>();
    for (const { panes } of this.#slotsOf(end))
      for (const pane of panes.values()) {
        const { hits, misses, creations } = plus(sums.get(pane.key) ?? NONE, pane);
        // A pane may hold late events alone, which are of no window.
        if (hits + misses + creations > 0) sums.set(pane.key, { hits, misses, creations });
      }
    return sums;
  }

  *#slotsOf(end: number): Iterable<Slot> {
    for (let start = end - WINDOW_MS; start < end; start += PANE_MS) {
      const slot = this.#slots.get(start);
      if (slot) yield slot;
    }
  }

  #slot(start: number): Slot {
    let slot = this.#slots.get(start);
    if (!slot) this.#slots.set(start, (slot = { panes: new Map(), misses: new Map() }));
    return slot;
  }
}

interface Missed {
  misses: number;
  readonly sketches: HashSketch[];
}
