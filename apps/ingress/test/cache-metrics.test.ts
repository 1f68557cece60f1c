import { describe, expect, it } from 'vitest';
import { cacheHealth } from '../src/metrics/cache-health.js';
import { cacheMetrics } from '../src/metrics/cache-metrics.js';
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

  it('adds up over keys', () => {
    const keys = new Map([
      ['welcome', { hits: 90, misses: 2, creations: 2 }],
      ['menu', { hits: 6, misses: 2, creations: 1 }],
    ]);
    const report = cacheMetrics(keys, { ...none, hits: 3, misses: 1 }, 1.23);
    expect(report.runtime).toMatchObject({
      hits: 96,
      misses: 4,
      creations: 3,
      hitRate: 0.96,
      missRate: 0.04,
      totalRequests: 100,
      events: 103,
      byKey: { menu: { hitRate: 0.75, totalRequests: 8 } },
      window: { hitRate: 0.75, from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:05:00.000Z' },
    });
    expect(report.health.status).toBe('good');
  });

  it('knows no rate without requests', () => {
    const report = cacheMetrics(new Map([['new', { hits: 0, misses: 0, creations: 1 }]]), none, 0);
    expect(report).toMatchObject({
      runtime: { hitRate: null, missRate: null, totalRequests: 0, window: { hitRate: null } },
      health: { status: 'unknown' },
    });
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
