import { expect, it } from 'vitest';
import { waitOf } from '../src/attempt/wait.js';

const first = { attempt: 1, acceptedAt: 1_000, formerAt: null, lastError: null };
const seen = { slot: false, rate: false };

it('an attempt waited for what kept it longest', () => {
  expect(waitOf(first, undefined, seen)).toEqual({ reason: 'none', since: 1_000 });
  expect(waitOf(first, undefined, { slot: false, rate: true }).reason).toBe('rate');
  expect(waitOf(first, undefined, { slot: true, rate: true }).reason).toBe('slot');
  expect(waitOf({ ...first, formerAt: 1_500 }, undefined, { slot: true, rate: true }).reason).toBe(
    'conversation',
  );
  expect(waitOf({ ...first, formerAt: 1_500 }, 5_000, seen).reason).toBe('schedule');
});

it('what its conversation sent before it was accepted kept nobody', () => {
  expect(waitOf({ ...first, formerAt: 900 }, 900, seen).reason).toBe('none');
});

it('a repeated attempt waited since the one before it began', () => {
  const again = { ...first, attempt: 2, formerAt: 1_500, lastError: 'transient' };
  expect(waitOf(again, undefined, { slot: true, rate: true })).toEqual({ reason: 'retry', since: 1_500 });
  expect(waitOf({ ...again, acceptedAt: 9_000 }, undefined, seen)).toEqual({ reason: 'retry', since: 9_000 });
});
