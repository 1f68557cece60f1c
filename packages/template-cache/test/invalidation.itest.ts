import { redisRights } from '@mersal/contracts';
import { ownRedis, waitFor } from '@mersal/testkit';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseTier } from '../src/tiers/database-tier.js';
import { collectingLogger } from './collecting-logger.js';
import { type SomeCaches, someCaches } from './some-caches.js';

let caches: SomeCaches;
beforeEach(async () => {
  caches = await someCaches('invalidation');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await caches.close();
});

describe('a SID that was removed', () => {
  it('is not brought back to Redis by a look-up that read it before', async () => {
    const [maker, late, remover] = [caches.make(), caches.make(), caches.make()];
    expect(await maker.getCachedContentSid('k', () => 'HXold')).toBe('HXold');
    const admin = new Redis(caches.redis);
    try {
      for (const key of await admin.keys(`${caches.prefix}:*:sid`)) await admin.del(key);
      // Reads from Postgres, and is held up before it goes on.
      let goOn = (): void => {};
      const held = new Promise<void>((resolve) => (goOn = resolve));
      const get: DatabaseTier['get'] = Reflect.get(DatabaseTier.prototype, 'get');
      const reads = vi.spyOn(DatabaseTier.prototype, 'get').mockImplementationOnce(async function (
        this: DatabaseTier,
        identity,
      ) {
        const answer = await get.call(this, identity);
        await held;
        return answer;
      });
      const reading = late.getCachedContentSid('k', () => 'HXnever');
      await waitFor(() => reads.mock.calls.length > 0);
      await remover.forgetContentSid('k', 'HXold');
      goOn();
      // It answers what it read, once; Redis does not have it.
      expect(await reading).toBe('HXold');
      expect(await admin.keys(`${caches.prefix}:*:sid`)).toEqual([]);
      expect(await caches.make().getCachedContentSid('k', () => 'HXnew')).toBe('HXnew');
      expect(await remover.getCachedContentSid('k', () => 'HXnever')).toBe('HXnew');
    } finally {
      admin.disconnect();
    }
  });

  it('is removed from Redis once that is possible again, and not believed before', async () => {
    const own = await ownRedis();
    const admin = new Redis(own.url);
    try {
      // May do all but run scripts: to this process Redis is half away, to the others it is there.
      await admin.call('acl', 'setuser', 'limited', 'on', '>word', '~*', '&*', '+@all', '-eval', '-evalsha');
      const limited = new URL(own.url);
      limited.username = 'limited';
      limited.password = 'word';
      const at = (url: string) => ({ env: { REDIS_URL: url, DATABASE_URL: caches.database } });
      const remover = caches.make(at(limited.href));
      const options = { accountSid: 'AC1' };
      for (const key of ['a', 'b', 'c'])
        await caches.make(at(own.url)).getCachedContentSid(key, () => `HXold-${key}`, options);
      await remover.forgetContentSid('a', 'HXold-a', options);
      expect(await remover.purgeAccount('AC1')).toBe(2);
      expect(await admin.keys(`${caches.prefix}:*:sid`)).toHaveLength(3);
      // It knows better than Redis.
      expect(await remover.getCachedContentSid('a', () => 'HXnew-a', options)).toBe('HXnew-a');
      await admin.call('acl', 'setuser', 'limited', '+eval', '+evalsha');
      await waitFor(async () => (await admin.keys(`${caches.prefix}:*:sid`)).length === 0, {
        describe: 'Redis to be told of the removals',
      });
      const other = caches.make(at(own.url));
      expect(await other.getCachedContentSid('a', () => 'HXnever', options)).toBe('HXnew-a');
      expect(await other.getCachedContentSid('b', () => 'HXnew-b', options)).toBe('HXnew-b');
    } finally {
      admin.disconnect();
      await caches.close();
      await own.remove();
    }
  });

  it('which Redis was never told of is named at the end', async () => {
    const logger = collectingLogger();
    const cache = caches.make({
      env: { REDIS_URL: 'redis://127.0.0.1:1', DATABASE_URL: caches.database },
      logger,
    });
    const client = new pg.Client({ connectionString: caches.database });
    await client.connect();
    try {
      await cache.getCachedContentSid('k', () => 'HX1');
      await cache.forgetContentSid('k', 'HX1');
      await caches.close();
      expect(logger.lines).toContainEqual(['error', expect.stringContaining('could not be told')]);
      expect((await client.query('select from template_sid')).rowCount).toBe(0);
    } finally {
      await client.end();
    }
  });
});

it.each(['ingress', 'sender', 'cli'] as const)(
  'the rights of %s in Redis are enough for all of it',
  async (service) => {
    const own = await ownRedis();
    const admin = new Redis(own.url);
    try {
      const { rules } = redisRights('q').find((one) => one.service === service) ?? { rules: [] };
      await admin.call('acl', 'setuser', service, 'on', '>word', ...rules);
      const url = new URL(own.url);
      url.username = service;
      url.password = 'word';
      const logger = collectingLogger();
      const more = {
        env: { REDIS_URL: url.href, DATABASE_URL: caches.database },
        redisPrefix: 'mersal:template',
        logger,
      };
      const cache = caches.make(more);
      await cache.getCachedContentSid('k', () => 'HX1');
      expect(await caches.make(more).getCachedContentSid('k', () => 'HXnever')).toBe('HX1');
      await cache.forgetContentSid('k', 'HX1');
      await cache.getCachedContentSid('k', () => 'HX2', { accountSid: 'AC1' });
      expect(await cache.purgeAccount('AC1')).toBe(1);
      const failing = cache.getCachedContentSid('other', () => Promise.reject(new Error('no')));
      await expect(failing).rejects.toThrow('no');
      expect(await admin.keys('*:sid')).toEqual([]);
      expect(await admin.keys('*:gone:HX*')).toHaveLength(2);
      expect(await admin.keys('*:failed')).toHaveLength(1);
      expect(logger.lines.filter(([level]) => level === 'warn' || level === 'error')).toEqual([]);
    } finally {
      admin.disconnect();
      await caches.close();
      await own.remove();
    }
  },
);
