import { setTimeout as sleep } from 'node:timers/promises';
import { engines, ownRedis, randomName } from '@mersal/testkit';
import { describe, expect, it } from 'vitest';
import { TemplateCache } from '../src/index.js';
import { identityOf } from '../src/template-identity.js';
import { DatabaseTier } from '../src/tiers/database-tier.js';
import { MemoryTier } from '../src/tiers/memory-tier.js';
import { RedisTier } from '../src/tiers/redis-tier.js';
import { collectingLogger } from './collecting-logger.js';
import { migratedDatabase } from './migrated-database.js';
import { describeTier, type TierTraits } from './tier-conformance.js';

const MEMORY: TierTraits = {
  keeps: 'last',
  remembersRemovals: true,
  takesBack: true,
  listsAccounts: true,
  shared: false,
  expires: true,
};
/** Its keys are digests, so that nobody can list what an account has. */
const REDIS: TierTraits = {
  keeps: 'last',
  remembersRemovals: true,
  takesBack: false,
  listsAccounts: false,
  shared: true,
  expires: true,
};
/** The truth: the first row counts, and stays until it is deleted. */
const DATABASE: TierTraits = {
  keeps: 'first',
  remembersRemovals: false,
  takesBack: true,
  listsAccounts: true,
  shared: true,
  expires: false,
};

describeTier('memory', MEMORY, async () => {
  let now = 0;
  return {
    open: () => new MemoryTier({ freshMs: 300_000, staleMs: 600_000, now: () => now }),
    elapse: async () => {
      now += 1_000_000;
    },
    close: async () => {},
  };
});

describeTier('Redis', REDIS, async () => {
  const { redis: url } = await engines();
  const prefix = randomName('tiers');
  const opened: RedisTier[] = [];
  return {
    open: (quick) => {
      const soon = quick ? { keepMs: 40, goneMs: 40 } : {};
      const tier = new RedisTier({ url, prefix, onError: () => {}, ...soon });
      opened.push(tier);
      return tier;
    },
    elapse: async () => {
      await sleep(50);
    },
    close: async () => {
      for (const tier of opened) tier.close();
    },
  };
});

describeTier('Postgres', DATABASE, async () => {
  const url = await migratedDatabase('tiers');
  const opened: DatabaseTier[] = [];
  return {
    open: () => {
      const tier = new DatabaseTier(url, () => {});
      opened.push(tier);
      return tier;
    },
    elapse: async () => {},
    close: async () => {
      await Promise.all(opened.map((tier) => tier.close()));
    },
  };
});

describe('what no store could hold', () => {
  const REFUSED = ['', 'a\0b', 'half \ud83d of one', '\ude00', 'k'.repeat(257)];

  it.each(REFUSED)('%j is refused as key and as account before any tier sees it', async (text) => {
    const given = { language: undefined, data: undefined };
    expect(() => identityOf({ account: 'AC1', key: text, ...given })).toThrow(RangeError);
    expect(() => identityOf({ account: text, key: 'k', ...given })).toThrow(RangeError);
    const { redis } = await engines();
    const database = 'postgres://nobody@127.0.0.1:1/none';
    // Also where the store that could not hold it is not there: what a key may be does not hang on the environment.
    for (const env of [{}, { REDIS_URL: redis }, { REDIS_URL: redis, DATABASE_URL: database }]) {
      const cache = new TemplateCache({ env, logger: collectingLogger() });
      let created = 0;
      const creator = (): string => `HX00${(created += 1)}`;
      await expect(cache.getCachedContentSid(text, creator)).rejects.toThrow(RangeError);
      await expect(cache.forgetContentSid(text, 'HX1')).rejects.toThrow(RangeError);
      expect(() => cache.recordCacheMiss(text, 'h')).toThrow(RangeError);
      expect(created).toBe(0);
      expect(cache.getCacheMetrics().totalRequests).toBe(0);
      await cache.close();
    }
  });
});

describe('what Redis never answered', () => {
  it('is not written once more when it is back: it may be wrong by then', async () => {
    await using own = await ownRedis({ appendOnly: false });
    const tier = new RedisTier({ url: own.url, prefix: randomName('late'), onError: () => {} });
    try {
      const identity = identityOf({ account: 'AC1', key: 'k', language: undefined, data: undefined });
      expect((await tier.get(identity)).sid).toBeUndefined();
      own.freeze();
      await expect(tier.put(identity, 'HXlate')).rejects.toThrow();
      await own.kill();
      await own.start();
      await expect.poll(() => tier.get(identity).catch(() => 'away'), { timeout: 10_000 }).not.toBe('away');
      expect((await tier.get(identity)).sid).toBeUndefined();
    } finally {
      tier.close();
    }
  });
});
