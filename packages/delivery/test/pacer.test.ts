import { Pacer, systemClock } from '../src/index.js';
import { type GlobalRate, type Instant, RateUnavailable } from '@mersal/limits';
import type { Metrics } from '@mersal/telemetry';
import { describe, expect, it } from 'vitest';

const GRACE_MS = 15;

/** A clock that stands until it is told, with its timers. */
function handClock() {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  const clock = {
    ...systemClock,
    now: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  /** `late`: nothing runs in between, as when the process stood still. */
  const to = async (at: number, late = false): Promise<void> => {
    await new Promise((turn) => setImmediate(turn));
    for (;;) {
      const [next] = [...timers].filter((one) => one.at <= at).toSorted((a, b) => a.at - b.at);
      if (!next) break;
      timers.delete(next);
      now = late ? at : Math.max(now, next.at);
      next.run();
      await new Promise((turn) => setImmediate(turn));
    }
    now = at;
  };
  return { clock, to };
}

/** Instants 10 ms apart, the first `lead` ahead. */
function rateOf(clock: { now(): number }) {
  let next = 0;
  const asked: number[] = [];
  const state = {
    epoch: 1,
    away: false,
    asked,
    /** By instant. */
    written: new Map<number, number>(),
    unused: [] as number[],
  };
  const rate: GlobalRate = {
    atOnce: 4,
    reserve(most, leadMs = 8) {
      if (state.away) return Promise.reject(new RateUnavailable(undefined));
      asked.push(most);
      const instants = Array.from({ length: Math.min(most, 4) }, (): Instant => {
        const at = Math.max(next, clock.now() + leadMs);
        next = at + 10;
        return {
          at,
          isValid: (moment) => moment <= at + GRACE_MS,
          written: (by) => void state.written.set(at, by),
          unused: () => void state.unused.push(at),
        };
      });
      return Promise.resolve({ kind: 'instants', instants, epoch: state.epoch });
    },
  };
  return { rate, state };
}

function setUp() {
  const { clock, to } = handClock();
  const { rate, state } = rateOf(clock);
  const counted = new Map<string, number>();
  const metrics: Metrics = {
    count: (_name, labels, by = 1) => {
      const key = String(labels?.['result']);
      counted.set(key, (counted.get(key) ?? 0) + by);
    },
    observe: () => undefined,
    gauge: () => undefined,
  };
  return { clock, to, rate, state, counted, pacer: new Pacer({ rate, clock, metrics }) };
}

/** Whether a request may be written: if so it is, 1 ms later at the earliest. */
async function reach(pacer: Pacer, epoch: number, deadline: number): Promise<boolean> {
  const written = await pacer.reach(epoch, deadline);
  written?.();
  // A second word about it counts for nothing.
  written?.();
  return written !== undefined;
}

async function told(promise: Promise<boolean>): Promise<boolean | undefined> {
  return Promise.race([promise, new Promise<undefined>((later) => setImmediate(() => later(undefined)))]);
}

describe('the pacer', () => {
  it('writes one request at each instant, whoever waits longest', async () => {
    const { pacer, to } = setUp();
    expect(await pacer.reserve(3, 8)).toEqual({ kind: 'permits', count: 3, epoch: 1 });
    const waits = [reach(pacer, 1, 1_000), reach(pacer, 1, 1_000), reach(pacer, 1, 1_000)];
    expect(await told(waits[0]!)).toBeUndefined();
    await to(8);
    expect(await told(waits[0]!)).toBe(true);
    expect(await told(waits[1]!)).toBeUndefined();
    await to(28);
    expect(await Promise.all(waits)).toEqual([true, true, true]);
  });
  it('a claim that comes late takes the next instant: none is asked for while there are some', async () => {
    const { pacer, to, state, counted } = setUp();
    await pacer.reserve(4, 8);
    await to(40);
    // Those at 8 and 18 are over; 28 and 38 are good still, and are met at once.
    expect(await told(reach(pacer, 1, 1_000))).toBe(true);
    expect(await told(reach(pacer, 1, 1_000))).toBe(true);
    expect(state.asked).toEqual([4]);
    expect((counted.get('unused') ?? 0) + (counted.get('late') ?? 0)).toBe(2);
  });
  it('tells the rate by when each request was written, and which instants were for nothing', async () => {
    const { pacer, to, state } = setUp();
    await pacer.reserve(4, 8);
    await to(40);
    await Promise.all([reach(pacer, 1, 1_000), reach(pacer, 1, 1_000)]);
    await to(45);
    expect(state.unused).toEqual([8, 18]);
    expect([...state.written]).toEqual([
      [28, 40],
      [38, 40],
    ]);
    pacer.forgo(2, 1);
    await pacer.reserve(2, 8);
    pacer.drop();
    expect(state.unused).toEqual([8, 18, 53, 63]);
  });
  it('asks once for all who wait without one', async () => {
    const { pacer, to, state } = setUp();
    await pacer.reserve(4, 8);
    await to(500);
    const waits = [1, 2, 3].map(() => reach(pacer, 1, 2_000));
    await to(600);
    expect(await Promise.all(waits)).toEqual([true, true, true]);
    // The first asks for itself as it comes, the others together.
    expect(state.asked).toEqual([4, 1, 2]);
  });
  it('keeps what was not claimed for the next claims', async () => {
    const { pacer, state } = setUp();
    await pacer.reserve(4, 8);
    pacer.forgo(3, 1);
    expect(await pacer.reserve(2, 8)).toEqual({ kind: 'permits', count: 2, epoch: 1 });
    expect(state.asked).toEqual([4]);
    // One is promised to the first claim, two to the second: one is left.
    expect(await pacer.reserve(4, 8)).toEqual({ kind: 'permits', count: 1, epoch: 1 });
    expect(await pacer.reserve(4, 8)).toMatchObject({ count: 4 });
    expect(state.asked).toEqual([4, 4]);
  });
  it('never writes at an instant of another epoch', async () => {
    const { pacer, to, state } = setUp();
    await pacer.reserve(4, 8);
    const old = reach(pacer, 1, 1_000);
    state.epoch = 2;
    pacer.drop();
    expect(await old).toBe(false);
    await pacer.reserve(1, 8);
    expect(await reach(pacer, 1, 1_000)).toBe(false);
    const fresh = reach(pacer, 2, 1_000);
    await to(100);
    expect(await fresh).toBe(true);
  });
  it('gives up at the deadline, and at once when there is no rate at all', async () => {
    const { pacer, to, state } = setUp();
    await pacer.reserve(1, 8);
    await to(100);
    expect(await told(reach(pacer, 1, 50))).toBe(false);
    state.away = true;
    expect(await told(reach(pacer, 1, 1_000))).toBe(false);
    await expect(pacer.reserve(1, 8)).rejects.toBeInstanceOf(RateUnavailable);
  });
  it('after a stand-still nothing is written in a bunch', async () => {
    const { pacer, to } = setUp();
    await pacer.reserve(4, 8);
    const waits = Array.from({ length: 4 }, () => reach(pacer, 1, 5_000));
    let written = 0;
    for (const wait of waits) void wait.then((reached) => (written += reached ? 1 : 0));
    await to(60, true);
    await new Promise((turn) => setImmediate(turn));
    expect(written).toBeLessThanOrEqual(2);
    await to(200);
    expect(await Promise.all(waits)).toEqual([true, true, true, true]);
  });
});
