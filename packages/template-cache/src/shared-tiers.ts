import { BesideRedis } from './beside-redis.js';
import { type FailedCreation, fromShared, toShared } from './failed-creation.js';
import type { CacheLogger } from './logger.js';
import { OwedRemovals } from './owed-removals.js';
import type { TemplateIdentity } from './template-identity.js';
import type { DatabaseTier } from './tiers/database-tier.js';
import type { RedisTier } from './tiers/redis-tier.js';
import type { StoredSid } from './tiers/sid-tier.js';

export interface SharedTiersOptions {
  readonly redis: RedisTier | undefined;
  readonly database: DatabaseTier | undefined;
  readonly logger: CacheLogger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface LookUp {
  readonly found: { readonly sid: string; readonly source: 'redis' | 'database' } | undefined;
  /** It was removed lately, by whatever process. */
  readonly gone: boolean;
  /** Its creation failed a moment ago, in whatever process. */
  readonly failed: FailedCreation | undefined;
  readonly redisAway: boolean;
}

/** The right to create a template; `token` is undefined where there is no Redis to ask for it. */
export interface Lock {
  readonly token: string | undefined;
}

/**
 * What all processes see: Redis, fast and not always there, before Postgres, whose row is the truth. Either may be missing. Throws only
 * where Postgres is configured and away.
 */
export class SharedTiers {
  readonly #redis: BesideRedis;
  readonly #database: DatabaseTier | undefined;
  readonly #owed: OwedRemovals;

  constructor({ redis, database, logger, now }: SharedTiersOptions) {
    this.#redis = new BesideRedis(redis, logger, now);
    this.#database = database;
    this.#owed = new OwedRemovals(this.#redis, logger, now);
  }

  /** Whether anybody but this process can be asked. */
  get any(): boolean {
    return this.#redis.configured || this.#database !== undefined;
  }

  /** Whether one that was not found is not there; with Redis away and no Postgres, nobody could tell. */
  isAnswer({ redisAway }: LookUp): boolean {
    return !redisAway || this.#database !== undefined;
  }

  async lookUp(identity: TemplateIdentity): Promise<LookUp> {
    const fast = await this.#redis.try('look-up', (redis) => redis.get(identity));
    const redisAway = this.#redis.configured && fast === undefined;
    const owed = fast?.sid !== undefined && this.#owed.owes(identity, fast.sid);
    const gone = owed || (fast?.gone ?? false);
    const failed = fast?.failed === undefined ? undefined : fromShared(fast.failed);
    if (fast?.sid !== undefined && !owed)
      return { found: { sid: fast.sid, source: 'redis' }, gone, failed, redisAway };
    const sid = (await this.#database?.get(identity))?.sid;
    if (sid === undefined) return { found: undefined, gone, failed, redisAway };
    await this.#redis.try('store', (redis) => redis.put(identity, sid));
    return { found: { sid, source: 'database' }, gone, failed, redisAway };
  }

  /** Undefined while another process has it. */
  async lock(identity: TemplateIdentity, ms: number): Promise<Lock | undefined> {
    const answer = await this.#redis.try('lock', async (redis) => ({
      token: await redis.acquire(identity, ms),
    }));
    if (!answer) return { token: undefined };
    return answer.token === undefined ? undefined : { token: answer.token };
  }

  async release(identity: TemplateIdentity, { token }: Lock): Promise<void> {
    if (token !== undefined) await this.#redis.try('unlock', (redis) => redis.release(identity, token));
  }

  /** Stores what was created with this lock; returns the SID that counts. */
  async keep(identity: TemplateIdentity, made: string, { token }: Lock): Promise<string> {
    if (this.#database) {
      const sid = await this.#database.put(identity, made);
      await this.#redis.try('store', (redis) => redis.put(identity, sid));
      return sid;
    }
    if (token === undefined) return made;
    return (await this.#redis.try('store', (redis) => redis.putFenced(identity, made, token))) ?? made;
  }

  /** Tells the others that a creation failed, for `ms`. */
  async tellFailure(identity: TemplateIdentity, error: unknown, ms: number): Promise<void> {
    await this.#redis.try('failure', (redis) => redis.tellFailure(identity, toShared(error), ms));
  }

  /** Forgets a SID if it still is this one. `here`: this process had it. Returns whether somebody had it who counts. */
  async remove(identity: TemplateIdentity, sid: string, here: boolean): Promise<boolean> {
    const went = (await this.#database?.remove(identity, sid)) ?? here;
    await this.#owed.add([{ identity, sid, went }]);
    return went;
  }

  /** Forgets all that Postgres has of an account. Returns what it was. */
  async removeAccount(account: string): Promise<StoredSid[]> {
    const removed = (await this.#database?.removeAccount(account)) ?? [];
    await this.#owed.add(removed.map((one) => ({ ...one, went: true })));
    return removed;
  }

  /** Ends no connection: those are of whoever made them. */
  async close(): Promise<void> {
    await this.#owed.close();
  }
}
