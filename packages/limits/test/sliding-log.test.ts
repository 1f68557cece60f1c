import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GRACE_MS, logLimit, SAFE_SHARE, SlidingLog } from '../src/index.js';
import { OUTSTANDING_MS } from '../src/sliding-log.js';

/** Most of these moments in any window of `ms`. */
function most(moments: readonly number[], ms: number): number {
  const sorted = moments.toSorted((a, b) => a - b);
  let worst = 0;
  let from = 0;
  for (const [to, at] of sorted.entries()) {
    while (at - (sorted[from] as number) >= ms) from += 1;
    worst = Math.max(worst, to - from + 1);
  }
  return worst;
}

/** Reserves as fast as instants are given until `until`; `use` says how late each is written, undefined: never. */
function run(
  perSecond: number,
  until: number,
  use: (n: number) => { late: number | undefined; told: boolean },
): number[] {
  const limit = logLimit(perSecond);
  const log = new SlidingLog(limit, 0);
  const written: number[] = [];
  const reports: { due: number; tell: () => void }[] = [];
  let now = 0;
  let n = 0;
  while (now < until) {
    for (const report of reports.filter((one) => one.due <= now)) report.tell();
    reports.splice(0, reports.length, ...reports.filter((one) => one.due > now));
    const given = log.reserve(now, 4, 20);
    if (given.kind === 'wait') {
      now = Math.max(now + 1, given.next - 200);
      continue;
    }
    for (const at of given.at) {
      const { late, told } = use(n);
      n += 1;
      if (late !== undefined) written.push(at + late);
      if (!told) continue;
      const by = at + (late ?? GRACE_MS);
      reports.push({ due: by + 5, tell: () => (late === undefined ? log.unused(at) : log.written(at, by)) });
    }
    now += 1;
  }
  return written;
}

describe('the sliding log', () => {
  it('never lets more through than the limit, whatever is late, unused or not reported', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 3, 10, 80),
        fc.array(
          fc.record({
            late: fc.option(fc.double({ min: 0, max: GRACE_MS, noNaN: true }), { nil: undefined }),
            told: fc.boolean(),
          }),
          { minLength: 1, maxLength: 60 },
        ),
        (perSecond, pattern) => {
          const moments = run(
            perSecond,
            6_000,
            (n) => pattern[n % pattern.length] as (typeof pattern)[number],
          );
          expect(most(moments, 1_000 / SAFE_SHARE - 0.001)).toBeLessThanOrEqual(perSecond);
        },
      ),
      { numRuns: 200 },
    );
  });
  it('uses the whole of what is safe, less what requests are late by on the average', () => {
    for (const late of [0, 10, 90]) {
      const moments = run(80, 11_000, () => ({ late, told: true }));
      const steady = moments.filter((at) => at >= 1_200 && at < 10_200);
      expect(steady.length / 9).toBeGreaterThan(80_000 / (1_000 / SAFE_SHARE + late) - 0.5);
    }
  });
  it('loses nothing to processes that wake late now and then, and little to instants that are for nothing', () => {
    // Every tenth is some 60 ms late, one in 25 is not used.
    const moments = run(80, 21_000, (n) => ({
      late: n % 25 === 24 ? undefined : n % 10 === 0 ? 60 : 1,
      told: true,
    }));
    const inSteady = moments.filter((at) => at >= 1_100 && at < 20_100).length / 19;
    expect(inSteady).toBeGreaterThan(75.5);
  });
  it('costs one place where nobody reports, and only for as long as it may have been used', () => {
    const moments = run(80, 11_000, () => ({ late: 0, told: false })).filter(
      (at) => at >= 1_100 && at < 10_100,
    );
    expect(moments.length / 9).toBeGreaterThan(80 / ((1_000 / SAFE_SHARE + GRACE_MS) / 1_000) - 1);
  });
  it('keeps an even pace while nobody is behind', () => {
    const moments = run(80, 5_000, () => ({ late: 0, told: true }));
    // What is caught up with in the first moments is behind it by then.
    const gaps = moments.slice(100).map((at, n) => at - (moments.slice(100)[n - 1] ?? at));
    expect(Math.max(...gaps)).toBeLessThan(80);
    expect(gaps.filter((gap) => gap > 12 && gap < 14).length / gaps.length).toBeGreaterThan(0.85);
  });
  it('gives a burst of a few after a rest, half an interval apart', () => {
    const log = new SlidingLog(logLimit(80), 0);
    const given = log.reserve(5_000, 18, 10);
    const at = given.kind === 'instants' ? given.at : [];
    const gaps = at.slice(1).map((one, n) => one - (at[n] as number));
    expect(gaps.filter((gap) => gap < 7).length).toBeGreaterThan(10);
    expect(gaps.at(-1)).toBeCloseTo(1_000 / 80 / SAFE_SHARE, 1);
    expect(at[0]).toBe(5_010);
  });
  it('begins a window later where nothing is known, and asks no further ahead than its horizon', () => {
    const log = new SlidingLog(logLimit(80), 1_000);
    const given = log.reserve(1_000, 4, 8);
    expect(given.kind === 'wait' ? given.next : undefined).toBeCloseTo(1_000 + 1_000 / SAFE_SHARE, 2);
  });
  it('begins a window later where its clock was set back by more than can be right, and knows nothing of before', () => {
    const hour = 3_600_000;
    const now = 10 * hour;
    for (const perSecond of [0.5, 80]) {
      const { windowMs } = logLimit(perSecond);
      const log = new SlidingLog(logLimit(perSecond), now);
      for (let ms = 0; ms < 3 * windowMs; ms += 100) log.reserve(now + ms, 4, 8);
      const back = now + 3 * windowMs - hour;
      const given = log.reserve(back, 4, 8);
      expect(given.kind === 'wait' ? given.next : undefined).toBeCloseTo(back + OUTSTANDING_MS + windowMs, 2);
      expect(log.reserve(back + OUTSTANDING_MS + windowMs, 1, 8).kind).toBe('instants');
    }
  });
  it('keeps what it knows where its clock was set back by a little', () => {
    const log = new SlidingLog(logLimit(1), 0);
    expect(log.reserve(1_200, 1, 8)).toEqual({ kind: 'instants', at: [1_208] });
    const given = log.reserve(1_000, 1, 8);
    expect(given.kind === 'wait' ? given.next : undefined).toBeGreaterThan(1_208 + 1_000);
  });
  it('lets no more through than the limit over a clock that was set back: what was given before is still written', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 3, 10, 80), fc.integer({ min: 0, max: 5_000 }), (perSecond, back) => {
        const log = new SlidingLog(logLimit(perSecond), 0);
        const written: number[] = [];
        for (let real = 0; real < 6_000; real += 10) {
          const set = real < 3_000 ? 0 : back;
          const given = log.reserve(real - set, 4, 8);
          // As late as they may be.
          if (given.kind === 'instants') written.push(...given.at.map((at) => at + set + GRACE_MS));
        }
        expect(most(written, 1_000)).toBeLessThanOrEqual(perSecond);
        expect(written.some((at) => at > 5_000)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
  it('below one a second gives one in as long as that stands for', () => {
    expect(logLimit(0.5)).toEqual({ requests: 1, windowMs: 2_000 / SAFE_SHARE });
    expect(logLimit(2.5)).toEqual({ requests: 2, windowMs: 1_000 / SAFE_SHARE });
  });
});
