import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  closeTemplateCache,
  getCachedContentSid,
  getCacheMetrics,
  getCacheReport,
  TemplateCache,
} from '../src/index.js';
import { collectingLogger } from './collecting-logger.js';

const make = (more: ConstructorParameters<typeof TemplateCache>[0] = {}): TemplateCache =>
  new TemplateCache({ env: {}, logger: collectingLogger(), ...more });

afterEach(async () => {
  vi.unstubAllEnvs();
  await closeTemplateCache();
});

describe('with nothing but the package', () => {
  it('creates once, then hits, and reports what it knows', async () => {
    for (const name of ['KAFKA_BROKERS', 'REDIS_URL', 'DATABASE_URL']) vi.stubEnv(name, '');
    vi.stubEnv('LOG_LEVEL', 'silent');
    const creator = vi.fn(() => 'HX123');
    for (let n = 0; n < 20; n += 1) expect(await getCachedContentSid('welcome', creator)).toBe('HX123');
    expect(creator).toHaveBeenCalledTimes(1);
    expect(creator).toHaveBeenCalledWith({
      hash: expect.stringMatching(/^h1-[0-9a-f]{64}$/),
      friendlyName: expect.stringMatching(/^welcome_[0-9a-f]{20}$/),
    });
    expect(getCacheMetrics()).toEqual({
      hits: 19,
      misses: 1,
      creations: 1,
      hitRate: 0.95,
      missRate: 0.05,
      totalRequests: 20,
    });
    expect(await getCacheReport()).toMatchObject({
      runtime: { hits: 19, events: null, byKey: { welcome: { misses: 1 } } },
      database: null,
      health: { status: 'fair' },
    });
  });

  it('asks the creator once for callers at the same time', async () => {
    const cache = make();
    let finish = (_sid: string): void => {};
    const creator = vi.fn(() => new Promise<string>((resolve) => (finish = resolve)));
    const calls = Array.from({ length: 10 }, () => cache.getCachedContentSid('menu', creator));
    await vi.waitFor(() => expect(creator).toHaveBeenCalled());
    finish('HXmenu');
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['HXmenu']));
    expect(creator).toHaveBeenCalledTimes(1);
    expect(cache.getCacheMetrics()).toMatchObject({ misses: 10, creations: 1 });
  });

  it('keeps accounts, languages and contents apart', async () => {
    const cache = make();
    let n = 0;
    const creator = (): string => `HX00${(n += 1)}`;
    const sids = await Promise.all([
      cache.getCachedContentSid('k', creator),
      cache.getCachedContentSid('k', creator, { restaurantId: 'r1' }),
      cache.getCachedContentSid('k', creator, { restaurantId: 'r1', accountSid: 'AC2' }),
      cache.getCachedContentSid('k', creator, { language: 'ar' }),
      cache.getCachedContentSid('k', creator, { data: { items: [1] } }),
      cache.getCachedContentSid('k', creator, { data: { items: [2] } }),
    ]);
    expect(new Set(sids).size).toBe(6);
  });

  it('does not ask a creator that failed again at once', async () => {
    const cache = make();
    const creator = vi.fn(() => Promise.reject(new Error('rejected by the provider')));
    await expect(cache.getCachedContentSid('k', creator)).rejects.toThrow('rejected by the provider');
    await expect(cache.getCachedContentSid('k', creator)).rejects.toMatchObject({
      code: 'creation_suppressed',
      cause: { message: 'rejected by the provider' },
    });
    expect(creator).toHaveBeenCalledTimes(1);
    expect(cache.getCacheMetrics()).toMatchObject({ hits: 0, misses: 2, creations: 0 });
  });

  it('takes back what the finder knows instead of creating it twice', async () => {
    const cache = make();
    const creator = vi.fn(() => 'HXnew');
    const find = vi.fn((_name: string) => 'HXold');
    expect(await cache.getCachedContentSid('k', creator, { find })).toBe('HXold');
    expect(find).toHaveBeenCalledWith(expect.stringMatching(/^k_[0-9a-f]{20}$/));
    expect(creator).not.toHaveBeenCalled();
    expect(cache.getCacheMetrics().creations).toBe(0);
  });

  it('refuses what is no SID, and does not wait for a creator for ever', async () => {
    const cache = make({ times: { creatorMs: 30 } });
    await expect(cache.getCachedContentSid('a', () => '')).rejects.toMatchObject({ code: 'sid_invalid' });
    await expect(cache.getCachedContentSid('b', () => new Promise<string>(() => {}))).rejects.toMatchObject({
      code: 'creation_timeout',
    });
  });

  it('forgets a SID that is gone, but not the one that took its place', async () => {
    const cache = make();
    await cache.getCachedContentSid('k', () => 'HX1');
    await cache.forgetContentSid('k', 'HX0');
    expect(await cache.getCachedContentSid('k', () => 'HX2')).toBe('HX1');
    await cache.forgetContentSid('k', 'HX1');
    expect(await cache.getCachedContentSid('k', () => 'HX2')).toBe('HX2');
  });

  it('keeps what only it knows: nobody could tell it again', async () => {
    const creator = vi.fn(() => 'HX123');
    const cache = make({ times: { memoryMs: 0, staleMs: 0 } });
    for (let n = 0; n < 3; n += 1) expect(await cache.getCachedContentSid('k', creator)).toBe('HX123');
    expect(creator).toHaveBeenCalledTimes(1);
  });

  it('says that it counts for itself alone without Kafka', () => {
    const logger = collectingLogger();
    const cache = make({ logger });
    for (let n = 0; n < 3; n += 1) cache.recordCacheHit('k', 'h');
    expect(logger.lines.filter(([, line]) => line.includes('in this process only'))).toHaveLength(1);
  });

  it('warms up what it is given, tells how far it is, and lets no failure stop the rest', async () => {
    const cache = make();
    const told: string[] = [];
    const templates = Array.from({ length: 9 }, (_, n) => ({
      key: `k${n}`,
      creator: () => (n === 4 ? Promise.reject(new Error('rejected')) : `HX00${n}`),
    }));
    const warmed = await cache.warmUp(templates, {
      concurrency: 3,
      onProgress: ({ done, total, key, reason }) => told.push(`${done}/${total} ${key} ${reason ?? ''}`),
    });
    expect(warmed.map(({ key, sid }) => [key, sid])).toEqual(
      templates.map(({ key }, n) => [key, n === 4 ? undefined : `HX00${n}`]),
    );
    expect(warmed[4]?.error).toMatchObject({ message: 'rejected' });
    expect(told).toHaveLength(9);
    expect(told.at(-1)).toMatch(/^9\/9 /);
    expect(told.filter((line) => line.includes('k4'))[0]).toContain('rejected');
    expect(cache.getCacheMetrics()).toMatchObject({ misses: 9, creations: 8 });
  });

  it('purges an account, and no other', async () => {
    const cache = make();
    let n = 0;
    const creator = (): string => `HX00${(n += 1)}`;
    const one = { accountSid: 'AC1' };
    const two = { accountSid: 'AC2' };
    await cache.getCachedContentSid('k', creator, one);
    await cache.getCachedContentSid('k', creator, two);
    await cache.purgeAccount('AC1');
    expect(await cache.getCachedContentSid('k', creator, two)).toBe('HX002');
    expect(await cache.getCachedContentSid('k', creator, one)).toBe('HX003');
  });

  it('logs its metrics until it is told to stop', () => {
    vi.useFakeTimers();
    try {
      const logger = collectingLogger();
      const cache = make({ logger });
      cache.recordCacheHit('k', 'h');
      cache.startMetricsLogging(1_000);
      vi.advanceTimersByTime(2_500);
      cache.stopMetricsLogging();
      vi.advanceTimersByTime(5_000);
      const lines = logger.lines.filter(([, line]) => line.startsWith('📊 Metrics: {"hits":1'));
      expect(lines).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });
});
