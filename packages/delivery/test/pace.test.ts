import { NumberPace, systemClock, TenantPace } from '../src/index.js';
import type { Head } from '@mersal/lanes';
import type { KeyedRate, RateAsk } from '@mersal/limits';
import { describe, expect, it } from 'vitest';

/** A rate with a burst of one on a clock of the test's, and what it was asked. */
function rateAt(clock: { now: number }) {
  const last = new Map<string, number>();
  const asked: RateAsk[] = [];
  const rate: KeyedRate = {
    shared: true,
    reserve: (asks) => {
      asked.push(...asks);
      return Promise.resolve(
        asks.map(({ key, perSecond }) => {
          const at = Math.max(clock.now, (last.get(key) ?? -1e9) + 1_000 / perSecond);
          if (at - clock.now > 200) return { granted: false, at: at - 200, waitMs: at - 200 - clock.now };
          last.set(key, at);
          return { granted: true, at, waitMs: at - clock.now };
        }),
      );
    },
  };
  return { rate, asked };
}
const head = (tenant: number, seq: number): Head => ({
  tenant,
  lane: `${seq}`,
  u: `${seq}`,
  priority: 5,
  seq,
});

describe("a restaurant's own rate", () => {
  it('lets one message an interval through, and asks for no instant twice', async () => {
    const clock = { now: 0 };
    const { rate, asked } = rateAt(clock);
    const pace = new TenantPace({
      rate,
      perSecondOf: () => 10,
      clock: { ...systemClock, now: () => clock.now },
    });
    const sent: number[] = [];
    for (clock.now = 0; clock.now < 990; clock.now += 1) {
      const [answer] = await pace.of([head(1, clock.now)]);
      if (answer?.go) sent.push(clock.now);
    }
    expect(sent).toHaveLength(10);
    for (const [n, at] of sent.entries()) expect(Math.abs(at - n * 100)).toBeLessThanOrEqual(5);
    expect(asked.length).toBeLessThanOrEqual(11);
  });
  it('lets one of a restaurant through at a time, and those without a rate at once and unasked', async () => {
    const clock = { now: 0 };
    const { rate, asked } = rateAt(clock);
    const pace = new TenantPace({
      rate,
      perSecondOf: (tenant) => (tenant === 1 ? 10 : null),
      clock: { ...systemClock, now: () => clock.now },
    });
    const answers = await pace.of([head(1, 1), head(2, 2), head(1, 3), head(2, 4)]);
    expect(answers.map((answer) => answer.go)).toEqual([true, true, false, true]);
    expect(asked.map((ask) => ask.key)).toEqual(['tenant:1']);
  });
  it('follows a change at once', async () => {
    const clock = { now: 0 };
    const { rate } = rateAt(clock);
    let perSecond: number | null = 1;
    const pace = new TenantPace({
      rate,
      perSecondOf: () => perSecond,
      clock: { ...systemClock, now: () => clock.now },
    });
    expect((await pace.of([head(1, 1)]))[0]).toEqual({ go: true });
    expect((await pace.of([head(1, 2)]))[0]?.go).toBe(false);
    perSecond = null;
    expect((await pace.of([head(1, 2)]))[0]).toEqual({ go: true });
  });
});

describe("a number's rate", () => {
  it('is waited for, and given up where it would take longer than the claim is good for', async () => {
    const clock = { now: 0 };
    const { rate, asked } = rateAt(clock);
    const pace = new NumberPace({
      rate,
      perSecond: 4,
      clock: { ...systemClock, now: () => clock.now, sleep: (ms) => ((clock.now += ms), Promise.resolve()) },
    });
    const sender = 'whatsapp:+14155238886';
    const at: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      expect(await pace.reach(sender, 10_000)).toBe(true);
      at.push(clock.now);
    }
    expect(at).toEqual([0, 250, 500, 750]);
    expect(await pace.reach(sender, clock.now + 10)).toBe(false);
    expect(asked.some(({ key }) => key.includes('14155238886'))).toBe(false);
  });
});
