import { describe, expect, it } from 'vitest';
import { cacheHealth } from '@mersal/contracts';
import { historyRange } from '../src/metrics/cache-history.js';
import { cacheMetrics, cacheMetricsSchema } from '../src/metrics/cache-metrics.js';
import { queueMetrics } from '../src/metrics/queue-metrics.js';
import { sharedRead } from '../src/metrics/shared-read.js';

describe('health', () => {
  it.each([
    [null, 'unknown'],
    [1, 'good'],
    [0.951, 'good'],
    [0.95, 'fair'],
    [0.9, 'fair'],
    [0.899, 'degraded'],
    [0.8, 'degraded'],
    [0.799, 'poor'],
    [0, 'poor'],
  ])('of %s is %s', (hitRate, status) => {
    expect(cacheHealth(hitRate).status).toBe(status);
    expect(cacheHealth(hitRate).reasons.length > 0).toBe(status !== 'good');
  });
});

describe('the cache report', () => {
  const none = { hits: 0, misses: 0, creations: 0, from: 0, to: 300_000 };
  const reading = { window: none, alerts: [], latencyMs: 1.23 };
  const keys = new Map([
    ['welcome', { hits: 90, misses: 2, creations: 2 }],
    ['menu', { hits: 6, misses: 2, creations: 1 }],
  ]);
  const all = { hits: 96, misses: 4, creations: 3, keys: 2, late: 5 };

  it('adds up over keys', () => {
    const totals = { all, byKey: keys };
    const report = cacheMetrics({ ...reading, totals, window: { ...none, hits: 3, misses: 1 } });
    // It is sent as it is, and must be what the OpenAPI document says.
    expect(cacheMetricsSchema.parse(report)).toEqual(report);
    expect(report.runtime).toMatchObject({
      hits: 96,
      misses: 4,
      creations: 3,
      hitRate: 0.96,
      missRate: 0.04,
      totalRequests: 100,
      events: 103,
      late: 5,
      byKey: { menu: { hitRate: 0.75, totalRequests: 8 } },
      window: { hitRate: 0.75, from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:05:00.000Z' },
    });
    expect(report.health).toEqual({ status: 'good', reasons: [] });
    expect(Object.keys(report.runtime.byKey)).toEqual(['welcome', 'menu']);
  });

  it('tells keys beyond the listed ones together, so that the sums hold', () => {
    const totals = { all: { ...all, hits: 100, misses: 7, keys: 9 }, byKey: keys };
    expect(cacheMetrics({ ...reading, totals }).runtime.byKey['(others)']).toMatchObject({
      hits: 4,
      misses: 3,
      creations: 0,
    });
  });

  it('knows no rate without requests', () => {
    const byKey = new Map([['new', { hits: 0, misses: 0, creations: 1 }]]);
    const totals = { all: { ...all, hits: 0, misses: 0, creations: 1 }, byKey };
    expect(cacheMetrics({ ...reading, totals })).toMatchObject({
      runtime: { hitRate: null, missRate: null, totalRequests: 0, window: { hitRate: null } },
      health: { status: 'unknown' },
    });
  });

  it('shows alerts with their cause, and open ones among the reasons', () => {
    const alert = {
      scope: 'global',
      key: '*',
      openedAt: 1_790_000_000_000,
      closedAt: null,
      judgedAt: 1_790_000_010_000,
      missRate: 0.653,
      requests: 98,
      cause: 'hash_churn',
      distinctHashes: 61,
      message: 'Cache miss spike detected!',
      toldRate: 0.6,
    } as const;
    const closed = { ...alert, scope: 'key', key: 'menu', closedAt: 1_790_000_100_000 } as const;
    const report = cacheMetrics({ ...reading, totals: { all, byKey: keys }, alerts: [alert, closed] });
    expect(report.alerts).toEqual([
      {
        scope: 'global',
        key: null,
        state: 'open',
        openedAt: '2026-09-21T14:13:20.000Z',
        closedAt: null,
        missRate: 0.653,
        requests: 98,
        cause: 'hash_churn',
        distinctHashes: 61,
        message: 'Cache miss spike detected!',
      },
      expect.objectContaining({ scope: 'key', key: 'menu', state: 'closed' }),
    ]);
    expect(report.health).toEqual({ status: 'good', reasons: ['Cache miss spike detected!'] });
  });
});

describe('the range of a history', () => {
  const now = Date.parse('2026-11-24T12:00:30Z');
  it('is the last hour by minutes, unless something else is asked for', () => {
    expect(historyRange({ step: 60 }, now)).toEqual({
      key: null,
      from: Date.parse('2026-11-24T11:00:00Z'),
      to: Date.parse('2026-11-24T12:01:00Z'),
      stepMs: 60_000,
    });
  });
  it('has longer steps where it would have too many', () => {
    const range = historyRange({ key: 'k', from: '2026-10-25T12:00:00Z', step: 60 }, now);
    expect(range.stepMs % 60_000).toBe(0);
    expect((range.to - range.from) / range.stepMs).toBeLessThanOrEqual(1_502);
    expect(range.from).toBeLessThanOrEqual(Date.parse('2026-10-25T12:00:00Z'));
  });
  it('is empty where it ends before it begins', () => {
    const range = historyRange({ from: '2027-01-01T00:00:00Z', step: 60 }, now);
    expect(range.to - range.from).toBeLessThanOrEqual(60_000);
  });
});

it('a restaurant without a limit of its own has the default', () => {
  const counts = {
    accepted: 0,
    waiting: 0,
    active: 0,
    delayed: 0,
    completed: 0,
    failed: 0,
    dead: 0,
    cancelled: 0,
    expired: 0,
    retrying: 0,
    scheduled: 0,
    held: 0,
    unknown: 0,
    undecided: 0,
    tenantConcurrency: { r1: { active: 2, limit: null }, r2: { active: 1, limit: 9 } },
  };
  expect(queueMetrics(counts, null, 5, 0).unfiled).toBeNull();
  expect(queueMetrics(counts, 7, 5, 0).tenantConcurrency).toEqual({
    r1: { active: 2, limit: 5 },
    r2: { active: 1, limit: 9 },
  });
});

describe('a shared reading', () => {
  it('serves all that ask meanwhile and for a while after, and is never older', async () => {
    let reads = 0;
    let time = 0;
    const read = sharedRead(
      () => {
        reads += 1;
        return Promise.resolve(reads);
      },
      100,
      () => time,
    );
    expect(await Promise.all([read(), read()])).toEqual([1, 1]);
    time = 100;
    expect(await read()).toBe(1);
    time = 101;
    expect(await read()).toBe(2);
  });

  it('gives an answer that is a little old while the next reading is under way', async () => {
    let time = 0;
    let reads = 0;
    let fails = false;
    const read = sharedRead(
      () => {
        reads += 1;
        return fails ? Promise.reject(new Error('away')) : Promise.resolve(reads);
      },
      100,
      () => time,
      200,
    );
    expect(await read()).toBe(1);
    time = 250;
    expect(await Promise.all([read(), read()])).toEqual([1, 1]);
    expect(reads).toBe(2);
    expect(await read()).toBe(2);
    time = 600;
    expect(await read()).toBe(3);
    time = 750;
    fails = true;
    expect(await read()).toBe(3);
    await expect(read()).rejects.toThrow('away');
  });

  it('forgets a failure', async () => {
    let reads = 0;
    const read = sharedRead(
      () => {
        reads += 1;
        return reads === 1 ? Promise.reject(new Error('away')) : Promise.resolve(reads);
      },
      1_000,
      () => 0,
    );
    await expect(read()).rejects.toThrow('away');
    expect(await read()).toBe(2);
  });
});
