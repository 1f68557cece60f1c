import { expect, it } from 'vitest';
import type { Clock } from '@mersal/delivery';
import { Turns } from '../src/direct/turns.js';

/** Timers that fire when the test says so. */
function handClock() {
  let now = 0;
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  const clock = {
    now: () => now,
    after(ms: number, run: () => void) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  } as Clock;
  return {
    clock,
    pending: () => timers.size,
    pass: (ms: number): void => {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

it('lets as many try as there are slots, then the others in the order in which they came', async () => {
  const { clock, pending } = handClock();
  const turns = new Turns(clock);
  const order: string[] = [];
  const leaves = [await turns.take(1, 2, 100), await turns.take(1, 2, 100)];
  const waiting = ['c', 'd', 'e'].map((name) =>
    turns.take(1, 2, 100).then((leave) => {
      order.push(name);
      return leave;
    }),
  );
  leaves[0]?.();
  const third = await waiting[0];
  expect(order).toEqual(['c']);
  leaves[1]?.();
  third?.();
  await waiting[2];
  expect(order).toEqual(['c', 'd', 'e']);
  expect(pending()).toBe(0);
});

it('is nobody’s turn after the deadline, and who gave up is passed over', async () => {
  const { clock, pass } = handClock();
  const turns = new Turns(clock);
  const first = await turns.take(1, 1, 100);
  const late = turns.take(1, 1, 50);
  const patient = turns.take(1, 1, 200);
  pass(60);
  expect(await late).toBeUndefined();
  first?.();
  expect(await patient).toBeDefined();
});

it('keeps restaurants apart, a turn is given back once, and empty lines are forgotten', async () => {
  const { clock } = handClock();
  const turns = new Turns(clock);
  const one = await turns.take(1, 1, 100);
  const other = await turns.take(2, 1, 100);
  expect(turns.size).toBe(2);
  one?.();
  one?.();
  const again = await turns.take(1, 1, 100);
  const blocked = turns.take(1, 1, 100);
  again?.();
  (await blocked)?.();
  other?.();
  expect(turns.size).toBe(0);
});
