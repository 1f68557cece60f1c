import { LATENCY_BOUNDS_S } from '@mersal/telemetry';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LATENCY_WINDOW_MS, LatencyWindow } from '../src/report/latency-window.js';
import { Latency } from '../src/report/report-latency.js';

const total = (counts: readonly number[]) => counts.reduce((sum, one) => sum + one, 0);

it('counts by the bounds of the histograms, a value on a bound below it, and what is beyond in the last', () => {
  const window = new LatencyWindow(() => 0);
  for (const seconds of [0, 0.005, 0.006, 300, 301]) window.observe(seconds);
  const counts = window.counts();
  expect(counts).toHaveLength(LATENCY_BOUNDS_S.length + 1);
  expect([counts[0], counts[1], counts.at(-2), counts.at(-1), total(counts)]).toEqual([2, 1, 1, 1, 5]);
});

it('forgets what is older than its window, in steps of ten seconds, however seldom it is asked', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30_000), { maxLength: 60 }), fc.nat(70_000), (pauses, last) => {
      let now = 5;
      const window = new LatencyWindow(() => now);
      const times: number[] = [];
      for (const pause of pauses) {
        now += pause;
        times.push(now);
        window.observe(1);
      }
      now += last;
      const since = Math.floor(now / 10_000) * 10_000 - LATENCY_WINDOW_MS + 10_000;
      expect(total(window.counts())).toBe(times.filter((at) => at >= since).length);
    }),
  );
});

it('what metrics observe of waits and calls is counted beside, and all goes on to them', () => {
  const seen: string[] = [];
  const latency = new Latency(() => 0);
  const metrics = latency.seenThrough({
    count: () => undefined,
    observe: (name) => void seen.push(name),
    gauge: () => undefined,
  });
  metrics.observe('mersal_wait_duration', 1, { priority: 5 });
  metrics.observe('mersal_attempt_duration', 0.2);
  metrics.observe('mersal_publish_duration', 9);
  expect(seen).toEqual(['mersal_wait_duration', 'mersal_attempt_duration', 'mersal_publish_duration']);
  const { wait, call } = latency.counts();
  expect([total(wait), total(call)]).toEqual([1, 1]);
  expect([wait.findIndex(Boolean), call.findIndex(Boolean)]).toEqual([
    LATENCY_BOUNDS_S.indexOf(1),
    LATENCY_BOUNDS_S.indexOf(0.25),
  ]);
});
