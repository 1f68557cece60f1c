import { byPriority, Dispatcher, type Head, OLDEST_EVERY } from '@mersal/lanes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function head(tenant: number, seq: number, more: Partial<Head> = {}): Head {
  return { tenant, lane: `l${tenant}-${seq}`, u: `u${tenant}-${seq}`, priority: 5, seq, ...more };
}
function dispatcher(
  tenants: number[],
  more: Partial<{ perTenant: number; total: number; limit: number }> = {},
) {
  const made = new Dispatcher({ perTenant: more.perTenant ?? 64, total: more.total ?? 20_000 });
  for (const tenant of tenants)
    made.configure(tenant, { partition: tenant % 4, limit: more.limit ?? 5, open: true });
  return made;
}

describe('turns', () => {
  it('go round the tenants that have work, however much one has', () => {
    const d = dispatcher([1, 2, 3], { limit: 100 });
    d.offer(Array.from({ length: 60 }, (_, i) => head(1, i)));
    d.offer([head(2, 100), head(3, 101)]);
    expect(d.pick(3).map((h) => h.tenant)).toEqual([1, 2, 3]);
    expect(d.pick(5).map((h) => h.tenant)).toEqual([1, 1, 1, 1, 1]);
  });
  it('leave out a tenant without a free slot, until one ends', () => {
    const d = dispatcher([1], { limit: 2 });
    d.offer([head(1, 1), head(1, 2), head(1, 3)]);
    expect(d.pick(10)).toHaveLength(2);
    expect(d.hasReady).toBe(false);
    d.ended(head(1, 1));
    expect(d.pick(10).map((h) => h.seq)).toEqual([3]);
  });
  it('tell who had to wait until another ended, and nobody who came after', () => {
    const d = dispatcher([1], { limit: 1 });
    d.offer([head(1, 1), head(1, 2)]);
    d.pick(1);
    expect(d.waitedForSlot(head(1, 1))).toBe(false);
    d.ended(head(1, 1));
    d.pick(1);
    expect(d.waitedForSlot(head(1, 2))).toBe(true);
    d.ended(head(1, 2));
    expect(d.waitedForSlot(head(1, 2))).toBe(false);
    d.offer([head(1, 3)]);
    d.pick(1);
    expect(d.waitedForSlot(head(1, 3))).toBe(false);
  });
  it('tell of no wait where the one that waited is gone', () => {
    const d = dispatcher([1], { limit: 1 });
    d.offer([head(1, 1), head(1, 2)]);
    d.pick(1);
    d.ended(head(1, 1));
    d.refill(1, [], { complete: true, version: d.version(1) });
    d.offer([head(1, 3)]);
    d.pick(1);
    expect(d.waitedForSlot(head(1, 3))).toBe(false);
  });
  it('leave out a tenant that is paused', () => {
    const d = dispatcher([1]);
    d.offer([head(1, 1)]);
    d.configure(1, { partition: 1, limit: 5, open: false });
    expect(d.pick(1)).toEqual([]);
    d.configure(1, { partition: 1, limit: 5, open: true });
    expect(d.pick(1)).toHaveLength(1);
  });
});

describe('rank', () => {
  it('is priority, then place; every tenth turn is the oldest', () => {
    const d = dispatcher([1], { limit: 1000 });
    d.offer([
      head(1, 0, { priority: 0 }),
      ...Array.from({ length: 30 }, (_, i) => head(1, i + 1, { priority: 9 })),
    ]);
    const order = d.pick(31).map((h) => h.seq);
    expect(order.indexOf(0)).toBe(OLDEST_EVERY - 1);
  });
  it('holds for any heads: between oldest turns, nothing goes before a better one that is known', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10), { minLength: 1, maxLength: 80 }), (priorities) => {
        const d = dispatcher([1], { limit: 1000, perTenant: 100 });
        const heads = priorities.map((priority, seq) => head(1, seq, { priority }));
        d.offer(heads);
        const left = heads.toSorted(byPriority);
        for (let turn = 1; left.length > 0; turn += 1) {
          const [taken] = d.pick(1);
          const oldest = left.reduce((a, b) => (a.seq <= b.seq ? a : b));
          const expected = turn % OLDEST_EVERY === 0 ? oldest : left[0];
          if (taken !== expected) return false;
          left.splice(left.indexOf(taken as Head), 1);
        }
        return d.size === 0;
      }),
    );
  });
});

describe('memory', () => {
  it('stays within the bounds, and the rest is asked for when it runs low', () => {
    const d = dispatcher([1], { perTenant: 8, limit: 100 });
    d.offer(Array.from({ length: 100 }, (_, i) => head(1, i)));
    expect(d.size).toBe(8);
    expect(d.wanting()).toEqual([]);
    d.pick(7);
    expect(d.wanting()).toEqual([1]);
    d.refill(1, [head(1, 8), head(1, 9)], { complete: true, version: d.version(1) });
    expect(d.wanting()).toEqual([]);
    expect(d.pick(10).map((h) => h.seq)).toEqual([8, 9]);
  });
  it('does not let a newcomer pass older ones that are still in the ledger', () => {
    const d = dispatcher([1], { perTenant: 4, limit: 100 });
    d.offer(Array.from({ length: 10 }, (_, i) => head(1, i)));
    d.offer([head(1, 50)]);
    d.offer([head(1, 51, { priority: 9 })]);
    expect(d.pick(10).map((h) => h.seq)).not.toContain(50);
  });
  it('keeps a head that was offered after the refill was read', () => {
    const d = dispatcher([1]);
    const version = d.version(1);
    d.offer([head(1, 7, { priority: 10 })]);
    d.refill(1, [head(1, 1)], { complete: true, version });
    expect(d.pick(2).map((h) => h.seq)).toEqual([7, 1]);
  });
  it('is bounded over all tenants, and forgets a partition whole', () => {
    const tenants = Array.from({ length: 200 }, (_, i) => i);
    const d = dispatcher(tenants, { perTenant: 64, total: 1000 });
    for (const t of tenants) d.offer(Array.from({ length: 64 }, (_, i) => head(t, i)));
    expect(d.size).toBeLessThanOrEqual(1000);
    for (const partition of [0, 1, 2, 3]) d.forget(partition);
    expect([d.size, d.active, d.hasReady]).toEqual([0, 0, false]);
  });
});
