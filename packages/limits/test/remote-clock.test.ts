import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RemoteClock } from '../src/remote-clock.js';

/** Exchanges with a clock that is `offset` ahead: how long each took, and how far on its way the clock was read. */
const exchanges = fc.array(
  fc.record({
    gap: fc.integer({ min: 1, max: 2_000 }),
    trip: fc.double({ min: 0.1, max: 200, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { minLength: 1, maxLength: 30 },
);

describe('the clock of another machine', () => {
  it('is known within its uncertainty, whatever the exchanges were like', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), exchanges, (offset, all) => {
        const clock = new RemoteClock();
        let now = 0;
        for (const { gap, trip, share } of all) {
          now += gap;
          const sent = now;
          now += trip;
          clock.note(sent, now, sent + trip * share + offset);
          expect(Math.abs(clock.toLocal(offset))).toBeLessThanOrEqual(clock.uncertainty / 2 + 1e-6);
          expect(clock.uncertainty).toBeLessThanOrEqual(trip + 1e-6);
        }
      }),
    );
  });
  it('stays known through slow answers, less so with time', () => {
    const clock = new RemoteClock();
    expect(clock.uncertainty).toBe(Number.POSITIVE_INFINITY);
    clock.note(0, 1, 500.5);
    expect(clock.uncertainty).toBe(1);
    clock.note(1_000, 1_400, 1_700);
    expect(clock.uncertainty).toBeLessThan(4.1);
    clock.note(60_000, 60_400, 60_700);
    expect(clock.uncertainty).toBeGreaterThan(50);
  });
  it('that was set is learnt anew from the exchange that shows it', () => {
    const clock = new RemoteClock();
    clock.note(0, 1, 500);
    clock.note(100, 102, 5_000);
    expect(clock.uncertainty).toBe(2);
    expect(clock.toLocal(5_000)).toBe(101);
  });
  it('of which nothing is known any more is not known at all', () => {
    const clock = new RemoteClock();
    clock.note(0, 1, 500);
    clock.forget();
    expect(clock.uncertainty).toBe(Number.POSITIVE_INFINITY);
  });
});
