import { LRUCache } from 'lru-cache';
import { type CacheLogger, reasonOf } from './logger.js';
import type { CacheEventDetails, Recorder } from './metrics/recorder.js';
import { TemplateCacheError } from './template-cache-error.js';
import { friendlyNameOf, identityDigest, type TemplateIdentity } from './template-identity.js';
import type { DatabaseTier } from './tiers/database-tier.js';
import type { RedisTier } from './tiers/redis-tier.js';

/** Makes the template at the provider and gives its SID. `friendlyName` leads to it again: use it as the template's name. */
export type TemplateCreator = (template: {
  readonly hash: string;
  readonly friendlyName: string;
}) => Promise<string> | string;
/** Looks for a template of that name at the provider, e.g. one whose creation was never answered. */
export type TemplateFinder = (friendlyName: string) => Promise<string | undefined> | string | undefined;

export interface SidCacheTimes {
  /** How long this process trusts its memory, in ms. */
  readonly memoryMs: number;
  /** How long a creator, with its finder, may take, in ms. The lock holds longer. */
  readonly creatorMs: number;
  /** How long a failed creation is not tried again here, in ms. */
  readonly failureMs: number;
  /** Between looks at what another process creates, in ms. */
  readonly pollMs: number;
}

export interface SidCacheOptions {
  readonly redis: RedisTier | undefined;
  readonly database: DatabaseTier | undefined;
  readonly recorder: Recorder;
  readonly logger: CacheLogger;
  readonly times: SidCacheTimes;
  readonly sleep: (ms: number) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** 0 ≤ n < 1. */
  readonly random: () => number;
}

const MOST_SIDS = 10_000;
const LOCK_MARGIN_MS = 5_000;
const WARN_EVERY_MS = 30_000;

type Found = { readonly sid: string; readonly source: 'memory' | 'redis' | 'database' };

/**
 * SIDs by identity, in three tiers, created once.
 *
 *   memory ──► Redis ──► Postgres ──► lock in Redis ──► look again ──► find ──► create ──► row in Postgres (the first one counts)
 *                                         │ held by another                                   └──► Redis, memory
 *                                         └──► look again a little later
 *
 * Redis away: the tier and the lock are left out; the row still decides, and `find` spares a second template. Postgres away: nothing
 * is created, as nobody could know of it.
 */
export class SidCache {
  readonly #options: SidCacheOptions;
  readonly #memory: LRUCache<string, string>;
  readonly #failures: LRUCache<string, { readonly error: unknown }>;
  readonly #underWay = new Map<string, Promise<string>>();
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SidCacheOptions) {
    this.#options = options;
    this.#memory = new LRUCache({ max: MOST_SIDS, ttl: options.times.memoryMs });
    this.#failures = new LRUCache({ max: MOST_SIDS, ttl: options.times.failureMs });
  }

  /** Throws TemplateCacheError, or what the creator or the finder throws. */
  async sidOf(
    identity: TemplateIdentity,
    tenant: string,
    creator: TemplateCreator,
    find: TemplateFinder | undefined,
  ): Promise<string> {
    const id = identityDigest(identity);
    const { recorder } = this.#options;
    const details = (more: CacheEventDetails): CacheEventDetails => ({ restaurantId: tenant, ...more });
    const remembered = this.#memory.get(id);
    if (remembered !== undefined) {
      recorder.record('hit', identity.key, identity.hash, remembered, details({ source: 'memory' }));
      return remembered;
    }
    // One look-up and one creation at a time in this process; who joins has found nothing in memory, and is a miss as well.
    const joined = this.#underWay.get(id);
    if (joined !== undefined) {
      recorder.record('miss', identity.key, identity.hash, undefined, details({ reason: 'under_way' }));
      return joined;
    }
    const work = this.#lookUpOrCreate(id, identity, tenant, creator, find);
    this.#underWay.set(id, work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(id);
    }
  }

  /** Forgets the SID in every tier, if it still is this one: the provider says that it is gone. */
  async forget(identity: TemplateIdentity, sid: string): Promise<void> {
    const id = identityDigest(identity);
    if (this.#memory.get(id) === sid) this.#memory.delete(id);
    await this.#options.database?.remove(identity, sid);
    await this.#besides('forget', (redis) => redis.remove(identity, sid));
  }

  async #lookUpOrCreate(
    id: string,
    identity: TemplateIdentity,
    tenant: string,
    creator: TemplateCreator,
    find: TemplateFinder | undefined,
  ): Promise<string> {
    const { recorder } = this.#options;
    const found = await this.#lookUp(id, identity);
    if (found) {
      recorder.record('hit', identity.key, identity.hash, found.sid, {
        source: found.source,
        restaurantId: tenant,
      });
      return found.sid;
    }
    const failed = this.#failures.get(id);
    const reason = failed ? 'creation_failed' : 'not_cached';
    recorder.record('miss', identity.key, identity.hash, undefined, { reason, restaurantId: tenant });
    if (failed)
      throw new TemplateCacheError(
        'creation_suppressed',
        `the creation of ${identity.key} failed a moment ago`,
        failed.error,
      );
    return this.#createOnce(id, identity, tenant, creator, find);
  }

  async #lookUp(id: string, identity: TemplateIdentity): Promise<Found | undefined> {
    const fast = await this.#besides('look-up', (redis) => redis.get(identity));
    if (fast !== undefined) {
      this.#memory.set(id, fast);
      return { sid: fast, source: 'redis' };
    }
    const sid = await this.#options.database?.get(identity);
    if (sid === undefined) return undefined;
    this.#memory.set(id, sid);
    await this.#besides('store', (redis) => redis.put(identity, sid));
    return { sid, source: 'database' };
  }

  async #createOnce(
    id: string,
    identity: TemplateIdentity,
    tenant: string,
    creator: TemplateCreator,
    find: TemplateFinder | undefined,
  ): Promise<string> {
    const { times, now, sleep, random } = this.#options;
    const lockMs = times.creatorMs + LOCK_MARGIN_MS;
    // As long as one other may create and die of it, and a third one after it.
    const giveUpAt = now() + 2 * lockMs;
    for (;;) {
      const lock = await this.#lock(identity, lockMs);
      if (lock !== 'held') {
        try {
          const found = await this.#lookUp(id, identity);
          return found ? found.sid : await this.#create(id, identity, tenant, creator, find, lock);
        } finally {
          if (lock !== undefined) await this.#besides('unlock', (redis) => redis.release(identity, lock));
        }
      }
      if (now() >= giveUpAt)
        throw new TemplateCacheError(
          'creation_busy',
          `${identity.key} is being created elsewhere for too long`,
        );
      await sleep(times.pollMs * (0.5 + random()));
      const found = await this.#lookUp(id, identity);
      if (found) return found.sid;
    }
  }

  /** The lock's token; `held` while another has it; undefined where there is no Redis to ask. */
  async #lock(identity: TemplateIdentity, ms: number): Promise<string | undefined> {
    return this.#besides('lock', async (redis) => (await redis.acquire(identity, ms)) ?? 'held');
  }

  async #create(
    id: string,
    identity: TemplateIdentity,
    tenant: string,
    creator: TemplateCreator,
    find: TemplateFinder | undefined,
    lock: string | undefined,
  ): Promise<string> {
    const { database, recorder, logger, times } = this.#options;
    const friendlyName = friendlyNameOf(identity);
    let made: string;
    let recovered: string | undefined;
    try {
      const work = async (): Promise<string> => {
        recovered = await find?.(friendlyName);
        return recovered ?? (await creator({ hash: identity.hash, friendlyName }));
      };
      made = await inTime(work(), times.creatorMs, identity.key);
      if (typeof made !== 'string' || !/^[A-Za-z0-9_-]{3,64}$/.test(made))
        throw new TemplateCacheError('sid_invalid', `the creator of ${identity.key} gave no SID`);
    } catch (error) {
      this.#failures.set(id, { error });
      throw error;
    }
    let sid = made;
    if (database) {
      sid = await database.put(identity, made);
      await this.#besides('store', (redis) => redis.put(identity, sid));
    } else if (lock !== undefined)
      sid = (await this.#besides('store', (redis) => redis.putFenced(identity, made, lock))) ?? made;
    this.#memory.set(id, sid);
    if (recovered === undefined)
      recorder.record('creation', identity.key, identity.hash, made, { restaurantId: tenant });
    if (sid !== made)
      logger.warn(
        { key: identity.key, sid: made, kept: sid },
        'another process created this template meanwhile: one is left over at the provider',
      );
    return sid;
  }

  /** Redis is a help and no condition: where it is away, the work is left out. */
  async #besides<T>(what: string, work: (redis: RedisTier) => Promise<T>): Promise<T | undefined> {
    const { redis, logger, now } = this.#options;
    if (!redis) return undefined;
    try {
      return await work(redis);
    } catch (error) {
      if (now() - this.#warnedAt > WARN_EVERY_MS) {
        this.#warnedAt = now();
        logger.warn({ reason: reasonOf(error), what }, 'the template cache goes on without Redis');
      }
      return undefined;
    }
  }
}

async function inTime(work: Promise<string>, ms: number, key: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new TemplateCacheError('creation_timeout', `no SID of ${key} within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
