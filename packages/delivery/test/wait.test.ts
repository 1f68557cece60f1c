import { expect, it } from 'vitest';
import { type SeenWait, type Shut, type WaitReason, waitOf } from '../src/attempt/wait.js';

const first = { attempt: 1, acceptedAt: 1_000, formerAt: null, lastError: null };
const seen: SeenWait = { slot: false, rate: false, shut: [] };
const reasonOf = (
  claim: Parameters<typeof waitOf>[0],
  more: Partial<SeenWait> = {},
  { sendAt, claimedAt = 10_000 }: { sendAt?: number; claimedAt?: number } = {},
): WaitReason => waitOf(claim, sendAt, { ...seen, ...more }, claimedAt).reason;
const paused = (from: number, to: number): Shut => ({ reason: 'pause', from, to });
const broken = (from: number, to: number): Shut => ({ reason: 'breaker', from, to });

it('an attempt waited for what kept it longest', () => {
  expect(waitOf(first, undefined, seen, 10_000)).toEqual({ reason: 'none', since: 1_000 });
  expect(reasonOf(first, { rate: true })).toBe('rate');
  expect(reasonOf(first, { slot: true, rate: true })).toBe('slot');
  expect(reasonOf({ ...first, formerAt: 1_500 }, { slot: true, rate: true })).toBe('conversation');
  expect(reasonOf({ ...first, formerAt: 1_500 }, {}, { sendAt: 5_000 })).toBe('schedule');
});

it('what its conversation sent before it was accepted kept nobody', () => {
  expect(reasonOf({ ...first, formerAt: 900 }, {}, { sendAt: 900 })).toBe('none');
});

it('a repeated attempt waited since the one before it began', () => {
  const again = { ...first, attempt: 2, formerAt: 1_500, lastError: 'transient' };
  expect(waitOf(again, undefined, { ...seen, slot: true }, 10_000)).toEqual({
    reason: 'retry',
    since: 1_500,
  });
  expect(waitOf({ ...again, acceptedAt: 9_000 }, undefined, seen, 10_000)).toEqual({
    reason: 'retry',
    since: 9_000,
  });
});

it('a pause or a breaker while it waited comes before slot and rate', () => {
  const busy = { slot: true, rate: true };
  expect(reasonOf(first, { ...busy, shut: [paused(500, 2_000)] })).toBe('pause');
  expect(reasonOf(first, { ...busy, shut: [broken(9_000, Number.POSITIVE_INFINITY)] })).toBe('breaker');
  expect(reasonOf(first, { shut: [paused(1_000, 3_000), broken(4_000, 7_000)] })).toBe('breaker');
  expect(reasonOf(first, { shut: [broken(4_000, 5_000), paused(1_000, 3_000)] })).toBe('pause');
});

it('what was over before it was accepted, or began after it was claimed, kept nobody', () => {
  expect(reasonOf(first, { shut: [paused(0, 1_000), broken(10_000, 20_000)] })).toBe('none');
});

it('beside a reason of its own a pause counts where it lasted for more than half of the wait', () => {
  const failed = { ...first, attempt: 2, formerAt: 2_000, lastError: 'transient' };
  for (const claim of [failed, { ...first, acceptedAt: 2_000, formerAt: 2_500 }]) {
    const own = claim === failed ? 'retry' : 'conversation';
    expect(reasonOf(claim, { shut: [broken(2_000, 6_000)] })).toBe(own);
    expect(reasonOf(claim, { shut: [broken(2_000, 6_001)] })).toBe('breaker');
  }
  expect(reasonOf(first, { shut: [paused(8_000, 10_000)] }, { sendAt: 8_000 })).toBe('schedule');
});
