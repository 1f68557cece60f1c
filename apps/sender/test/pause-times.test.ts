import type { PauseTarget, Tenant } from '@mersal/ledger';
import { expect, it } from 'vitest';
import { Dispatch } from '../src/dispatch/dispatch.js';
import { PauseTimes } from '../src/dispatch/pause-times.js';

const FOREVER = Number.POSITIVE_INFINITY;
const pause = (target: PauseTarget, begunAt: number, until = FOREVER) => ({ target, begunAt, until });
const ALL = { scope: 'all' } as const;
const NUMBER = { scope: 'sender', tenant: 1, sender: '+1' } as const;

it('whoever is not paused has no spans', () => {
  const times = new PauseTimes();
  expect(times.of(1, '+1')).toEqual([]);
  times.hear([pause({ scope: 'tenant', tenant: 2 }, 5), pause({ ...NUMBER, sender: '+2' }, 5)], 10);
  expect(times.of(1, '+1')).toEqual([]);
});

it('a pause lasts from its beginning until it is lifted, or its time is over', () => {
  const times = new PauseTimes();
  times.hear([pause(ALL, 5), pause({ scope: 'tenant', tenant: 1 }, 6), pause(NUMBER, 7, 15)], 10);
  expect(times.of(1, '+1')).toEqual([
    { from: 5, to: FOREVER },
    { from: 6, to: FOREVER },
    { from: 7, to: 15 },
  ]);
  times.hear([pause({ scope: 'tenant', tenant: 1 }, 6)], 20);
  times.hear([], 30);
  expect(times.of(1, '+1')).toEqual([
    { from: 5, to: 20 },
    { from: 6, to: 30 },
    { from: 7, to: 15 },
  ]);
});

it('one that replaces another that ran is the same one; a later one is another', () => {
  const times = new PauseTimes();
  times.hear([pause(ALL, 5)], 10);
  times.hear([pause(ALL, 12, 40)], 15);
  expect(times.of(1, '+1')).toEqual([{ from: 5, to: 40 }]);
  times.hear([], 50);
  times.hear([pause(ALL, 60)], 70);
  expect(times.of(1, '+1')).toEqual([{ from: 60, to: FOREVER }]);
});

it('a suspension lasts from when it was seen until it is over, whatever pauses do', () => {
  const times = new PauseTimes();
  times.suspended(1, false, 5);
  times.suspended(1, true, 10);
  times.suspended(1, true, 15);
  times.hear([], 20);
  expect(times.of(1, '+1')).toEqual([{ from: 10, to: FOREVER }]);
  times.suspended(1, false, 30);
  times.suspended(1, false, 40);
  expect(times.of(1, '+1')).toEqual([{ from: 10, to: 30 }]);
});

it('what is long over is forgotten', () => {
  const times = new PauseTimes();
  times.hear([pause(NUMBER, 5, 10)], 6);
  times.hear([], 10 + 3_600_000);
  expect(times.of(1, '+1')).toHaveLength(1);
  times.hear([], 11 + 3_600_000);
  expect(times.of(1, '+1')).toEqual([]);
});

it('the dispatch hears of suspensions from the restaurants, and of pauses', () => {
  let now = 10;
  const listeners: ((tenant: Tenant) => void)[] = [];
  const dispatch = new Dispatch({
    ledger: {} as never,
    owned: {} as never,
    tenants: { onChange: (one: (tenant: Tenant) => void) => void listeners.push(one) } as never,
    concurrency: 1,
    clock: { now: () => now, wall: () => now },
  });
  const tell = (status: Tenant['status']): void => {
    for (const one of listeners) one({ id: 1, status } as Tenant);
  };
  tell('suspended');
  dispatch.hearPauses([{ ...pause(ALL, 5), reason: '', by: 'me' }]);
  expect(dispatch.standsStill).toBe(true);
  now = 20;
  tell('active');
  dispatch.hearPauses([]);
  expect(dispatch.standsStill).toBe(false);
  expect(dispatch.pauseTimes.of(1, '+1')).toEqual([
    { from: 5, to: 20 },
    { from: 10, to: 20 },
  ]);
});
