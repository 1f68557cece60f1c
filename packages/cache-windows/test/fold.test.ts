import { distinctHashes, sketchValue, type TemplateEvent } from '@mersal/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AppendedEvent, foldEvents, PANE_MS } from '@mersal/cache-windows';

const START = 1_790_000_000_000;

/** Events of a few processes, each numbering its own, in the order of a partition. */
const log = fc
  .array(
    fc.record({
      kind: fc.constantFrom('hit' as const, 'miss' as const, 'creation' as const),
      key: fc.constantFrom('welcome', 'menu', 'a:b', '"quoted"'),
      tenant: fc.constantFrom('r1', 'r2'),
      producer: fc.constantFrom('p1', 'p2', 'p3'),
      at: fc.integer({ min: START, max: START + 120_000 }),
      delay: fc.integer({ min: -20_000, max: 40_000 }),
      gap: fc.integer({ min: 1, max: 3 }),
      count: fc.constantFrom(1, 1, 1, 7),
    }),
    { maxLength: 200 },
  )
  .map((drafts) => {
    const last = new Map<string, number>();
    return drafts.map(({ delay, gap, ...draft }): AppendedEvent => {
      const sequence = (last.get(draft.producer) ?? 0) + gap;
      last.set(draft.producer, sequence);
      const event: TemplateEvent = { ...draft, hash: 'h', sequence };
      return { event, appendedAt: draft.at + delay };
    });
  });

function sum(folded: ReturnType<typeof foldEvents>): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const pane of folded.panes)
    for (const kind of ['hits', 'misses', 'creations', 'late'] as const) {
      const id = `${pane.key}|${pane.tenant}|${kind}|${pane.pane}`;
      totals[id] = (totals[id] ?? 0) + pane[kind];
    }
  return Object.fromEntries(Object.entries(totals).filter(([, n]) => n > 0));
}

function add(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const both = { ...a };
  for (const [id, n] of Object.entries(b)) both[id] = (both[id] ?? 0) + n;
  return both;
}

describe('folding events into panes', () => {
  it('counts every event once, in the pane of its time or, where it came too late for that, as late', () => {
    fc.assert(
      fc.property(log, (events) => {
        const expected: Record<string, number> = {};
        for (const { event, appendedAt } of events) {
          const time = event.at > appendedAt ? appendedAt : event.at;
          const kinds = { hit: 'hits', miss: 'misses', creation: 'creations' };
          const start = time - (time % PANE_MS);
          const late = appendedAt - (start + PANE_MS) > 10_000;
          const id = late
            ? `${event.key}|${event.tenant}|late|${appendedAt - (appendedAt % PANE_MS)}`
            : `${event.key}|${event.tenant}|${kinds[event.kind]}|${start}`;
          expected[id] = (expected[id] ?? 0) + (event.count ?? 1);
        }
        const folded = foldEvents(events, new Map());
        expect(sum(folded)).toEqual(expected);
        expect(folded.repeated).toBe(0);
        const all = events.reduce((sum, { event }) => sum + (event.count ?? 1), 0);
        expect(folded.counted.hit + folded.counted.miss + folded.counted.creation).toBe(all);
        const totals = folded.totals.reduce((sum, one) => sum + one.hits + one.misses + one.creations, 0);
        expect(totals).toBe(all);
        expect(folded.totals.reduce((sum, one) => sum + one.late, 0)).toBe(folded.late);
      }),
    );
  });

  it('gives the same sums however the log is cut into batches', () => {
    fc.assert(
      fc.property(log, fc.array(fc.nat(200)), (events, cuts) => {
        const borders = [
          0,
          ...cuts.map((c) => Math.min(c, events.length)).toSorted((a, b) => a - b),
          events.length,
        ];
        let sums: Record<string, number> = {};
        const highest = new Map<string, number>();
        for (let n = 1; n < borders.length; n += 1) {
          const folded = foldEvents(events.slice(borders[n - 1], borders[n]), highest);
          for (const [producer, sequence] of folded.producers) highest.set(producer, sequence);
          sums = add(sums, sum(folded));
        }
        expect(sums).toEqual(sum(foldEvents(events, new Map())));
      }),
    );
  });

  it('counts a stretch that was published again only once', () => {
    fc.assert(
      fc.property(log, fc.nat(200), fc.nat(200), (events, a, b) => {
        const [from, to] = [Math.min(a, b, events.length), Math.min(Math.max(a, b), events.length)];
        const again = [...events.slice(0, to), ...events.slice(from, to), ...events.slice(to)];
        const folded = foldEvents(again, new Map());
        expect(sum(folded)).toEqual(sum(foldEvents(events, new Map())));
        expect(folded.repeated).toBe(to - from);
      }),
    );
  });

  it('counts distinct hashes of misses, of records that stand for several as well', () => {
    const miss = (hash: string, sequence: number, more: Partial<TemplateEvent> = {}): AppendedEvent => ({
      event: { kind: 'miss', key: 'k', tenant: 't', hash, at: START, producer: 'p', sequence, ...more },
      appendedAt: START,
    });
    const hashes = ['c', 'd', 'e'].map(sketchValue).toSorted((a, b) => a - b);
    const { misses } = foldEvents(
      [
        miss('a', 1),
        miss('a', 2),
        miss('b', 3),
        miss('c', 4, { count: 50, hashes }),
        miss('z', 5, { reason: 'redis_away' }),
        miss('y', 6, { kind: 'hit' }),
      ],
      new Map(),
    );
    expect(misses.map(({ reason, misses: n, hashes: of }) => [reason, n, distinctHashes(of)])).toEqual([
      ['other', 53, 5],
      ['redis_away', 1, 1],
    ]);
  });

  it('does not take names apart wrongly: a separator within a key stays a part of it', () => {
    const event = (key: string, tenant: string, sequence: number): AppendedEvent => ({
      event: { kind: 'hit', key, tenant, hash: 'h', at: START, producer: 'p', sequence },
      appendedAt: START,
    });
    const { panes } = foldEvents([event('a,b', 'c', 1), event('a', 'b,c', 2)], new Map());
    expect(panes).toHaveLength(2);
  });
});
