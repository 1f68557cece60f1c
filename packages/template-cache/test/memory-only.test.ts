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

  it('asks it again after a moment', async () => {
    const cache = make({ times: { failureMs: 30 } });
    const failing = vi.fn(() => Promise.reject(new Error('rejected')));
    await expect(cache.getCachedContentSid('k', failing)).rejects.toThrow('rejected');
    await vi.waitFor(async () => expect(await cache.getCachedContentSid('k', () => 'HX1')).toBe('HX1'));
    expect(failing).toHaveBeenCalledTimes(1);
  });

  it('keeps what a creator makes too late, and finds what it made without an answer', async () => {
    const cache = make({ times: { creatorMs: 30, failureMs: 30 } });
    let finish = (_sid: string): void => {};
    const slow = cache.getCachedContentSid(
      'slow',
      () => new Promise<string>((resolve) => (finish = resolve)),
    );
    await expect(slow).rejects.toMatchObject({ code: 'creation_timeout' });
    finish('HXlate');
    const never = vi.fn(() => 'HXnever');
    await vi.waitFor(async () => expect(await cache.getCachedContentSid('slow', never)).toBe('HXlate'));

    const atProvider: string[] = [];
    const hanging = vi.fn(({ friendlyName }: { readonly friendlyName: string }) => {
      atProvider.push(friendlyName);
      return new Promise<string>(() => {});
    });
    const find = (name: string): string | undefined => (atProvider.includes(name) ? 'HXmade' : undefined);
    await expect(cache.getCachedContentSid('k', hanging, { find })).rejects.toMatchObject({
      code: 'creation_timeout',
    });
    await vi.waitFor(async () =>
      expect(await cache.getCachedContentSid('k', hanging, { find })).toBe('HXmade'),
    );
    expect(atProvider).toHaveLength(1);
    expect(never).not.toHaveBeenCalled();
  });

  it('creates nothing any more once a finder took too long', async () => {
    const cache = make({ times: { creatorMs: 30 } });
    const creator = vi.fn(() => 'HX1');
    let found = (_sid: undefined): void => {};
    const search = new Promise<undefined>((resolve) => (found = resolve));
    await expect(cache.getCachedContentSid('k', creator, { find: () => search })).rejects.toMatchObject({
      code: 'creation_timeout',
    });
    found(undefined);
    await search;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(creator).not.toHaveBeenCalled();
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
