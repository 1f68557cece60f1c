import { LATENCY_BOUNDS_S } from '@mersal/telemetry';
import { expect, it } from 'vitest';
import { quantilesOf } from '../src/console/quantiles.js';

/** Counts by the bucket's upper bound in s; Infinity: beyond all. */
function counts(of: Readonly<Record<string, number>>): number[] {
  return [...LATENCY_BOUNDS_S, Number.POSITIVE_INFINITY].map((bound) => of[String(bound)] ?? 0);
}

it('nothing counted is nothing known', () => {
  expect(quantilesOf(counts({}))).toEqual({ count: 0, p50Ms: null, p95Ms: null, p99Ms: null });
});

it('quantiles lie straight between a bucket’s bounds', () => {
  // Between 50 and 100 ms, and two of a hundred between 1 and 2.5 s.
  expect(quantilesOf(counts({ 0.1: 98, 2.5: 2 }))).toEqual({
    count: 100,
    p50Ms: Math.round(50 + (50 * 50) / 98),
    p95Ms: Math.round(50 + (50 * 95) / 98),
    p99Ms: 1_750,
  });
  expect(quantilesOf(counts({ 0.005: 1 })).p50Ms).toBe(3);
});

it('what is beyond every bound is told as the last', () => {
  expect(quantilesOf(counts({ 0.005: 1, Infinity: 9 }))).toMatchObject({ p50Ms: 300_000, p99Ms: 300_000 });
});
