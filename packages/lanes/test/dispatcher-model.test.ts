import { byPriority, Dispatcher, type Head, OLDEST_EVERY } from '@mersal/lanes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const TENANTS = [0, 1, 2];
const partitionOf = (tenant: number): number => tenant % 2;
const tenant = fc.nat(2);

/** Everything that is known of a tenant, in lists that are searched anew each time. */
interface Known {
  waiting: Head[];
  flying: Head[];
  open: boolean;
  limit: number;
  deferred: number | undefined;
  turns: number;
}

describe('the dispatcher beside a naive model', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('offer' as const),
        tenant,
        lane: fc.nat(9),
        priority: fc.nat(10),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('pick' as const), most: fc.nat(6) }) },
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constantFrom('end' as const, 'end twice' as const, 'put back' as const),
        tenant,
        which: fc.nat(4),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('configure' as const),
        tenant,
        limit: fc.integer({ min: 1, max: 6 }),
        open: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('defer' as const),
        tenant,
        wait: fc.integer({ min: 1, max: 40 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), passes: fc.nat(25) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), partition: fc.nat(1) }) },
  );

  it('picks what the model allows and nothing else: whose turn it is, which head, within every limit', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const d = new Dispatcher({ perTenant: 100, total: 10_000 });
        const all = new Map<number, Known>();
        let ring: number[] = [];
        let now = 0;
        let seq = 0;
        const isReady = (k: Known): boolean =>
          k.open && k.deferred === undefined && k.flying.length < k.limit && k.waiting.length > 0;
        const know = (one: number, limit: number, open: boolean): void => {
          const known = all.get(one) ?? {
            waiting: [],
            flying: [],
            deferred: undefined,
            turns: 0,
            limit,
            open,
          };
          all.set(one, Object.assign(known, { limit, open }));
          d.configure(one, { partition: partitionOf(one), limit, open });
          settle();
        };
        const settle = (): void => {
          ring = ring.filter((one) => all.has(one) && isReady(all.get(one) as Known));
          for (const [one, known] of all) if (isReady(known) && !ring.includes(one)) ring.push(one);
        };
        const put = (known: Known, head: Head): void => {
          known.waiting = [...known.waiting.filter((other) => other.lane !== head.lane), head];
        };
        for (const one of TENANTS) know(one, 3, true);
        for (const s of steps) {
          switch (s.do) {
            case 'offer': {
              const head = {
                tenant: s.tenant,
                lane: `l${s.lane}`,
                u: `u${(seq += 1)}`,
                priority: s.priority,
                seq,
              };
              const known = all.get(s.tenant);
              if (known) put(known, head);
              d.offer([head]);
              break;
            }
            case 'pick':
              for (const head of d.pick(s.most)) {
                const known = all.get(head.tenant);
                if (!known || head.tenant !== ring[0]) return false;
                known.turns += 1;
                const best = known.waiting.toSorted(byPriority)[0];
                const oldest = known.waiting.toSorted((a, b) => a.seq - b.seq)[0];
                if (head !== (known.turns % OLDEST_EVERY === 0 ? oldest : best)) return false;
                known.waiting = known.waiting.filter((other) => other !== head);
                known.flying.push(head);
                ring.shift();
                settle();
              }
              break;
            case 'end':
            case 'end twice':
            case 'put back': {
              const known = all.get(s.tenant);
              const head = known?.flying[s.which];
              if (!known || !head) break;
              known.flying = known.flying.filter((other) => other !== head);
              if (s.do === 'put back') {
                d.putBack(head);
                put(known, head);
                known.turns -= 1;
              } else d.ended(head);
              if (s.do === 'end twice') d.ended(head);
              break;
            }
            case 'configure':
              know(s.tenant, s.limit, s.open);
              break;
            case 'defer': {
              const known = all.get(s.tenant);
              if (known) known.deferred = now + s.wait;
              d.defer(s.tenant, now + s.wait);
              break;
            }
            case 'time': {
              now += s.passes;
              // Those that come back enter the ring in the order of their times; ties in any order, so let none be.
              const back = [...all]
                .filter(([, known]) => known.deferred !== undefined && known.deferred <= now)
                .toSorted(([, a], [, b]) => (a.deferred ?? 0) - (b.deferred ?? 0));
              const times = back.map(([, known]) => known.deferred);
              if (new Set(times).size !== times.length) return true;
              if (d.nextReady !== undefined && (times[0] ?? d.nextReady) !== d.nextReady) return false;
              if (d.ready(now) !== back.length) return false;
              for (const [, known] of back) {
                known.deferred = undefined;
                settle();
              }
              break;
            }
            case 'forget':
              for (const one of TENANTS) if (partitionOf(one) === s.partition) all.delete(one);
              d.forget(s.partition);
              break;
            default:
              return s satisfies never;
          }
          settle();
          const sum = (of: (known: Known) => number): number =>
            [...all.values()].reduce((n, k) => n + of(k), 0);
          if (d.active !== sum((k) => k.flying.length) || d.size !== sum((k) => k.waiting.length))
            return false;
          if (d.hasReady !== ring.length > 0) return false;
        }
        // Nothing is left over once nothing holds it back, and nobody waits longer than a round.
        for (const one of TENANTS) know(one, 3, true);
        d.ready(Number.MAX_SAFE_INTEGER);
        for (const known of all.values()) {
          for (const head of known.flying) d.ended(head);
        }
        while (d.hasReady) {
          const round = d.pick([...all.values()].filter((known) => known.waiting.length > 0).length);
          if (new Set(round.map((head) => head.tenant)).size !== round.length) return false;
          for (const head of round) {
            const known = all.get(head.tenant) as Known;
            known.waiting = known.waiting.filter((other) => other !== head);
            d.ended(head);
          }
        }
        return (
          d.size === 0 && d.active === 0 && [...all.values()].every((known) => known.waiting.length === 0)
        );
      }),
      { numRuns: 400 },
    );
  });
});

/** A ledger of one tenant: lanes with their messages, of which one may be under way. */
class SmallLedger {
  readonly lanes = new Map<string, { waiting: Head[]; flying: boolean }>();
  #seq = 0;

  /** Files a message; answers the lane's head where that changed. */
  admit(lane: string, priority: number): Head[] {
    const seq = (this.#seq += 1);
    const head = { tenant: 0, lane, u: `u${seq}`, priority, seq };
    const known = this.lanes.get(lane) ?? { waiting: [], flying: false };
    known.waiting = [...known.waiting, head].toSorted(byPriority);
    this.lanes.set(lane, known);
    return known.waiting[0] === head && !known.flying ? [head] : [];
  }
  claim(head: Head): boolean {
    const lane = this.lanes.get(head.lane);
    if (!lane || lane.flying || lane.waiting[0] !== head) return false;
    lane.flying = true;
    lane.waiting.shift();
    return true;
  }
  settle(head: Head): Head[] {
    const lane = this.lanes.get(head.lane);
    if (!lane) return [];
    lane.flying = false;
    return lane.waiting.slice(0, 1);
  }
  heads(): Head[] {
    return [...this.lanes.values()].flatMap((lane) => (lane.flying ? [] : lane.waiting.slice(0, 1)));
  }
  read(most: number): { heads: Head[]; complete: boolean } {
    const ranked = this.heads().toSorted(byPriority);
    const oldest = ranked.toSorted((a, b) => a.seq - b.seq).slice(0, 2);
    return { heads: [...new Set([...ranked.slice(0, most), ...oldest])], complete: ranked.length <= most };
  }
}

describe('memory that holds only a part of the backlog', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('admit' as const), lane: fc.nat(30), priority: fc.nat(4) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('pick' as const), most: fc.nat(4) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'answer' as const) }) },
  );

  it('never lets one pass another that ranks before it in the ledger, whenever reads are answered; nothing is stranded', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200, size: 'max' }),
        fc.integer({ min: 2, max: 6 }),
        (steps, perTenant) => {
          const d = new Dispatcher({ perTenant, total: 1_000 });
          d.configure(0, { partition: 0, limit: 4, open: true });
          const ledger = new SmallLedger();
          let picked: Head[] = [];
          let flying: Head[] = [];
          let turns = 0;
          let read: { heads: Head[]; complete: boolean; version: number } | undefined;
          const pick = (most: number): boolean =>
            d.pick(most).every((head) => {
              turns += 1;
              const idle = ledger.heads().filter((one) => !picked.includes(one));
              const best = idle.toSorted(byPriority)[0];
              if (turns % OLDEST_EVERY === 0 ? !idle.includes(head) : head !== best) return false;
              picked.push(head);
              return true;
            });
          // A claim is refused only where a better message of the conversation came between.
          const claim = (): void => {
            for (const head of picked.splice(0)) {
              if (ledger.claim(head)) flying.push(head);
              else d.ended(head);
            }
          };
          const settle = (head: Head): void => {
            flying = flying.filter((other) => other !== head);
            const next = ledger.settle(head);
            d.ended(head);
            d.offer(next);
          };
          const answer = (): void => {
            if (read) d.refill(0, read.heads, read);
            read = undefined;
          };
          const ask = (): void => {
            const version = d.version(0);
            read = { ...ledger.read(perTenant), version };
          };
          for (const s of steps) {
            if (s.do === 'admit') d.offer(ledger.admit(`l${s.lane}`, s.priority));
            else if (s.do === 'pick' && !pick(s.most)) return false;
            else if (s.do === 'claim') claim();
            else if (s.do === 'settle' && flying[s.which]) settle(flying[s.which] as Head);
            else if (s.do === 'read') ask();
            else if (s.do === 'answer') answer();
            if (d.size > perTenant + 1 || picked.length + flying.length > 4) return false;
          }
          for (
            let round = 0;
            round < 500 && ledger.heads().length + picked.length + flying.length > 0;
            round += 1
          ) {
            answer();
            if (d.hasWanting()) {
              ask();
              answer();
            }
            if (!pick(4)) return false;
            claim();
            for (const head of flying) settle(head);
          }
          return ledger.heads().length === 0 && d.size === 0;
        },
      ),
      { numRuns: 600 },
    );
  });

  it('brings up the oldest of a low priority although better ones keep coming and memory never runs low', () => {
    const d = new Dispatcher({ perTenant: 16, total: 1_000 });
    d.configure(0, { partition: 0, limit: 1, open: true });
    const ledger = new SmallLedger();
    for (let n = 0; n < 5; n += 1) d.offer(ledger.admit(`old${n}`, 0));
    for (let n = 0; n < 30; n += 1) d.offer(ledger.admit(`new${n}`, 9));
    const order: Head[] = [];
    for (let turn = 0; turn < 200; turn += 1) {
      for (const head of d.pick(1)) {
        expect(ledger.claim(head)).toBe(true);
        order.push(head);
        ledger.settle(head);
        d.ended(head);
      }
      d.offer(ledger.admit(`more${turn}`, 9));
      for (const tenantId of d.wanting())
        d.refill(tenantId, ledger.read(16).heads, { complete: false, version: d.version(tenantId) });
    }
    const places = order.flatMap((head, at) => (head.priority === 0 ? [at + 1] : []));
    expect(places).toEqual([10, 20, 30, 40, 50]);
  });

  it('shrinks what every tenant may hold as more of them come', () => {
    const d = new Dispatcher({ perTenant: 64, total: 1_000 });
    const offer = (one: number): void => {
      d.configure(one, { partition: 0, limit: 5, open: true });
      d.offer(
        Array.from({ length: 64 }, (_, n) => ({
          tenant: one,
          lane: `l${n}`,
          u: `${one}/${n}`,
          priority: n % 3,
          seq: n,
        })),
      );
    };
    for (let one = 0; one < 300; one += 1) {
      offer(one);
      expect(d.size).toBeLessThanOrEqual(1_000);
    }
    d.forget(0);
    expect([d.size, d.active, d.hasReady, d.hasWanting()]).toEqual([0, 0, false, false]);
  });
});

it('a tenant that is over its own rate leaves the ring until its time, and costs nobody else a turn', () => {
  const d = new Dispatcher();
  for (const one of [1, 2]) {
    d.configure(one, { partition: 0, limit: 100, open: true });
    d.offer(
      Array.from({ length: 10 }, (_, n) => ({
        tenant: one,
        lane: `l${n}`,
        u: `${one}/${n}`,
        priority: 5,
        seq: n,
      })),
    );
  }
  d.defer(1, 500);
  expect(d.pick(4).map((head) => head.tenant)).toEqual([2, 2, 2, 2]);
  expect(d.nextReady).toBe(500);
  expect(d.ready(499)).toBe(0);
  d.defer(1, 300);
  expect(d.ready(499)).toBe(1);
  expect(d.nextReady).toBeUndefined();
  expect(d.pick(4).map((head) => head.tenant)).toEqual([2, 1, 2, 1]);
});
