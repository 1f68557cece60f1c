import { Creations, type CreationsOptions, type Wanted } from './creations.js';
import { isAccountFault } from './failed-creation.js';
import { reasonOf } from './logger.js';
import { type LookUp, SharedTiers, type SharedTiersOptions } from './shared-tiers.js';
import { TemplateCacheError } from './template-cache-error.js';
import type { TemplateIdentity } from './template-identity.js';
import { MemoryTier } from './tiers/memory-tier.js';
import type { TierAnswer } from './tiers/sid-tier.js';

export type SidCacheOptions = SharedTiersOptions & Omit<CreationsOptions, 'tiers' | 'onLate'>;

/**
 * SIDs by identity, in three tiers, created once.
 *
 *   memory, fresh ──► answered
 *   memory, stale ──► answered, and looked up in the background: renewed, replaced, or dropped where nobody knows it any more
 *
 *   memory ──► Redis ──► Postgres ──► created, by one process at a time
 *
 * Redis away: the tier and the lock are left out; the row still decides, and `find` spares a second template. Postgres away: nothing
 * is created, as nobody could know of it.
 *
 * A miss is recorded once it is known how it ended: that an account's credentials are refused says nothing of the cache.
 */
export class SidCache {
  readonly #options: SidCacheOptions;
  readonly #memory: MemoryTier;
  readonly #tiers: SharedTiers;
  readonly #creations: Creations;
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(options: SidCacheOptions) {
    this.#options = options;
    const { times, now } = options;
    this.#tiers = new SharedTiers(options);
    this.#memory = new MemoryTier({
      // Where there is nothing else to ask, memory is the cache.
      freshMs: this.#tiers.any ? times.memoryMs : Number.POSITIVE_INFINITY,
      staleMs: times.staleMs,
      now,
    });
    this.#creations = new Creations({
      ...options,
      tiers: this.#tiers,
      onLate: (identity, sid) => {
        if (this.#memory.get(identity).sid === undefined) this.#memory.put(identity, sid);
      },
    });
  }

  /** Of what is not remembered. Throws TemplateCacheError, or what the creator or the finder throws. */
  async sidOf(wanted: Wanted): Promise<string> {
    // The hash covers account and key.
    const id = wanted.identity.hash;
    // One look-up and one creation at a time in this process; who joins has found nothing in memory, and is a miss as well.
    const joined = this.#underWay.get(id);
    if (joined !== undefined) return this.#missed(wanted, 'under_way', joined);
    const work = this.#lookUpOrCreate(wanted);
    this.#underWay.set(id, work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(id);
    }
  }

  /** Forgets the SID in every tier, if it still is this one: the provider says that it is gone. */
  async forget(identity: TemplateIdentity, sid: string): Promise<void> {
    const here = this.#memory.remove(identity, sid);
    if (await this.#tiers.remove(identity, sid, here)) this.#memory.remove(identity, sid, true);
  }

  /**
   * Forgets all of an account: it is another's now. Returns how many there were in the table of templates; without Postgres what Redis
   * has stays, as nobody can list it. Other processes answer from memory until they look again.
   */
  async purge(account: string): Promise<number> {
    this.#memory.removeAccount(account);
    const removed = await this.#tiers.removeAccount(account);
    for (const { identity, sid } of removed) this.#memory.remove(identity, sid, true);
    return removed.length;
  }

  /** What memory answers, which is a hit; looks again in the background where it is stale. */
  remembered(identity: TemplateIdentity, tenant: string): string | undefined {
    const answer = this.#memory.get(identity);
    const { sid } = answer;
    if (sid === undefined) return undefined;
    if (this.#memory.due(answer)) void this.#renew(identity, answer);
    this.#options.recorder.record('hit', identity.key, identity.hash, sid, {
      source: 'memory',
      restaurantId: tenant,
    });
    return sid;
  }

  /** Tells Redis of removals that it has not heard of; what it can't be told then is given up. */
  async close(): Promise<void> {
    await this.#tiers.close();
  }

  async #renew(identity: TemplateIdentity, answer: TierAnswer): Promise<void> {
    try {
      const looked = await this.#tiers.lookUp(identity);
      if (!this.#memory.holds(identity, answer)) return;
      if (looked.found) this.#memory.put(identity, looked.found.sid);
      else if (this.#tiers.isAnswer(looked)) this.#memory.drop(identity);
    } catch (error) {
      const { logger } = this.#options;
      logger.debug({ reason: reasonOf(error), key: identity.key }, 'a template could not be looked up again');
    }
  }

  async #lookUpOrCreate(wanted: Wanted): Promise<string> {
    const { identity, tenant } = wanted;
    let looked: LookUp;
    try {
      looked = await this.#tiers.lookUp(identity);
    } catch (error) {
      return this.#missed(wanted, 'database_away', Promise.reject(error));
    }
    const { found } = looked;
    if (!found) return this.#missed(wanted, this.#reasonOf(identity, looked), this.#create(wanted, looked));
    this.#memory.put(identity, found.sid);
    this.#options.recorder.record('hit', identity.key, identity.hash, found.sid, {
      source: found.source,
      restaurantId: tenant,
    });
    return found.sid;
  }

  async #create(wanted: Wanted, looked: LookUp): Promise<string> {
    const { identity } = wanted;
    this.#creations.refuseFailed(identity, looked);
    return this.#memory.put(identity, await this.#creations.once(wanted));
  }

  /** Records a miss when its work has ended, unless the account was at fault. */
  async #missed({ identity, tenant }: Wanted, reason: string, work: Promise<string>): Promise<string> {
    const record = (why: string): void =>
      this.#options.recorder.record('miss', identity.key, identity.hash, undefined, {
        reason: why,
        restaurantId: tenant,
      });
    try {
      const sid = await work;
      record(reason);
      return sid;
    } catch (error) {
      if (!isAccountFault(error)) record(reasonOfFailure(error) ?? reason);
      throw error;
    }
  }

  #reasonOf(identity: TemplateIdentity, looked: LookUp): string {
    if (looked.gone || this.#memory.get(identity).gone) return 'invalidated';
    // With Postgres a Redis that is away is no reason: there nothing was found either.
    return this.#tiers.isAnswer(looked) ? 'not_cached' : 'redis_away';
  }
}

/** What a failure says of the miss; undefined: nothing. */
function reasonOfFailure(error: unknown): string | undefined {
  if (!(error instanceof TemplateCacheError)) return 'creation_failed';
  if (error.code === 'store_unavailable') return 'database_away';
  return error.code === 'creation_busy' ? undefined : 'creation_failed';
}
