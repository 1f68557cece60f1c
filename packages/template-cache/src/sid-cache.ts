import type { TemplateFinder } from './template-creator.js';
import type { TemplateCreator } from './template-creator.js';
import type { SidCacheTimes } from './sid-cache-times.js';
import { LRUCache } from 'lru-cache';
import { type CacheLogger, reasonOf } from './logger.js';
import type { Recorder } from './metrics/recorder.js';
import type { CacheEventDetails } from './metrics/reported.js';
import { TemplateCacheError } from './template-cache-error.js';
import { friendlyNameOf, type TemplateIdentity } from './template-identity.js';
import type { DatabaseTier } from './tiers/database-tier.js';
import type { RedisTier } from './tiers/redis-tier.js';

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

/** Between looks in the background that failed. */
const RENEW_PAUSE_MS = 5_000;
/** How long a removal explains a miss. */
const GONE_MS = 600_000;

interface Remembered {
  readonly identity: TemplateIdentity;
  readonly sid: string;
  /** Monotonic milliseconds. */
  renewAt: number;
}

interface LookUp {
  readonly found: Found | undefined;
  /** It was removed lately, by whatever process. */
  readonly gone: boolean;
  readonly redisAway: boolean;
}

type Found = { readonly sid: string; readonly source: 'memory' | 'redis' | 'database' };

/**
 * SIDs by identity, in three tiers, created once.
 *
 *   memory, fresh ──► answered
 *   memory, stale ──► answered, and looked up in the background: renewed, replaced, or dropped where nobody knows it any more
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
  readonly #memory: LRUCache<string, Remembered>;
  /** What was removed here lately. */
  readonly #gone: LRUCache<string, true>;
  readonly #failures: LRUCache<string, { readonly error: unknown }>;
  readonly #underWay = new Map<string, Promise<string>>();
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SidCacheOptions) {
    this.#options = options;
    // Deadlines by the given clock; the library's own would be another one.
    this.#memory = new LRUCache({ max: MOST_SIDS });
    this.#gone = new LRUCache({ max: MOST_SIDS, ttl: GONE_MS });
    this.#failures = new LRUCache({ max: MOST_SIDS, ttl: options.times.failureMs });
  }

  /** Throws TemplateCacheError, or what the creator or the finder throws. */
  async sidOf(
    identity: TemplateIdentity,
    tenant: string,
    creator: TemplateCreator,
    find: TemplateFinder | undefined,
  ): Promise<string> {
    // The hash covers account and key.
    const id = identity.hash;
    const { recorder } = this.#options;
    const details = (more: CacheEventDetails): CacheEventDetails => ({ restaurantId: tenant, ...more });
    const remembered = this.#remembered(id);
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
    const here = this.#forgetHere(identity, sid);
    const stored = (await this.#options.database?.remove(identity, sid)) ?? here;
    if (stored) this.#gone.set(identity.hash, true);
    await this.#besides('forget', (redis) => redis.remove(identity, sid, stored, GONE_MS));
  }

  /**
   * Forgets all of an account: it is another's now. Returns how many there were in the table of templates; without Postgres what Redis
   * has stays, as nobody can list it. Other processes answer from memory until they look again.
   */
  async purge(account: string): Promise<number> {
    for (const { identity, sid } of this.#memory.values())
      if (identity.account === account) this.#forgetHere(identity, sid);
    const removed = (await this.#options.database?.removeAccount(account)) ?? [];
    for (const { identity, sid } of removed) {
      this.#gone.set(identity.hash, true);
      await this.#besides('purge', (redis) => redis.remove(identity, sid, true, GONE_MS));
    }
    return removed.length;
  }

  #forgetHere(identity: TemplateIdentity, sid: string): boolean {
    if (this.#memory.get(identity.hash)?.sid !== sid) return false;
    this.#gone.set(identity.hash, true);
    return this.#memory.delete(identity.hash);
  }

  /** What memory answers; looks again in the background where it is stale. */
  #remembered(id: string): string | undefined {
    const entry = this.#memory.get(id);
    if (!entry) return undefined;
    const now = this.#options.now();
    if (now < entry.renewAt) return entry.sid;
    if (now >= entry.renewAt + this.#options.times.staleMs) {
      this.#memory.delete(id);
      return undefined;
    }
    entry.renewAt = now + RENEW_PAUSE_MS;
    void this.#renew(id, entry);
    return entry.sid;
  }

  async #renew(id: string, entry: Remembered): Promise<void> {
    const { logger } = this.#options;
    try {
      const { found, redisAway } = await this.#lookUp(entry.identity);
      if (this.#memory.peek(id) !== entry) return;
      if (found) this.#remember(entry.identity, found.sid);
      // Not found where there was nobody to ask is no answer.
      else if (!redisAway || this.#options.database) this.#memory.delete(id);
    } catch (error) {
      logger.debug(
        { reason: reasonOf(error), key: entry.identity.key },
        'a template could not be looked up again',
      );
    }
  }

  #remember(identity: TemplateIdentity, sid: string): void {
    const { now, times, redis, database } = this.#options;
    // Where there is nothing else to ask, memory is the cache.
    const renewAt = redis || database ? now() + times.memoryMs : Number.POSITIVE_INFINITY;
    this.#memory.set(identity.hash, { identity, sid, renewAt });
  }

  async #lookUpOrCreate(
    id: string,
    identity: TemplateIdentity,
    tenant: string,
    creator: TemplateCreator,
    find: TemplateFinder | undefined,
  ): Promise<string> {
    const { recorder } = this.#options;
    const miss = (reason: string): void =>
      recorder.record('miss', identity.key, identity.hash, undefined, { reason, restaurantId: tenant });
    let looked: LookUp;
    try {
      looked = await this.#lookUp(identity);
    } catch (error) {
      miss('database_away');
      throw error;
    }
    const { found } = looked;
    if (found) {
      this.#remember(identity, found.sid);
      recorder.record('hit', identity.key, identity.hash, found.sid, {
        source: found.source,
        restaurantId: tenant,
      });
      return found.sid;
    }
    const failed = this.#failures.get(id);
    miss(failed ? 'creation_failed' : this.#reasonOf(identity, looked));
    if (failed)
      throw new TemplateCacheError(
        'creation_suppressed',
        `the creation of ${identity.key} failed a moment ago`,
        failed.error,
      );
    return this.#createOnce(id, identity, tenant, creator, find);
  }

  #reasonOf(identity: TemplateIdentity, { gone, redisAway }: LookUp): string {
    if (gone || this.#gone.has(identity.hash)) return 'invalidated';
    // With Postgres it is no reason: there nothing was found either.
    return redisAway && !this.#options.database ? 'redis_away' : 'not_cached';
  }

  async #lookUp(identity: TemplateIdentity): Promise<LookUp> {
    const fast = await this.#besides('look-up', (redis) => redis.get(identity));
    const redisAway = this.#options.redis !== undefined && fast === undefined;
    const gone = fast?.gone ?? false;
    if (fast?.sid !== undefined) return { found: { sid: fast.sid, source: 'redis' }, gone, redisAway };
    const sid = await this.#options.database?.get(identity);
    if (sid === undefined) return { found: undefined, gone, redisAway };
    await this.#besides('store', (redis) => redis.put(identity, sid));
    return { found: { sid, source: 'database' }, gone, redisAway };
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
          const { found } = await this.#lookUp(identity);
          if (!found) return await this.#create(id, identity, tenant, creator, find, lock);
          this.#remember(identity, found.sid);
          return found.sid;
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
      const { found } = await this.#lookUp(identity);
      if (!found) continue;
      this.#remember(identity, found.sid);
      return found.sid;
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
    this.#remember(identity, sid);
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
