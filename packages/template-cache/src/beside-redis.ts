import { type CacheLogger, reasonOf } from './logger.js';
import type { RedisTier } from './tiers/redis-tier.js';

const WARN_EVERY_MS = 30_000;

/** Redis is a help and no condition: where it is away the work is left out, and the log told now and then. */
export class BesideRedis {
  readonly #redis: RedisTier | undefined;
  readonly #logger: CacheLogger;
  readonly #now: () => number;
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(redis: RedisTier | undefined, logger: CacheLogger, now: () => number) {
    this.#redis = redis;
    this.#logger = logger;
    this.#now = now;
  }

  get configured(): boolean {
    return this.#redis !== undefined;
  }

  /** What the work gives; undefined where there is no Redis, or none that answers. */
  async try<T>(what: string, work: (redis: RedisTier) => Promise<T>): Promise<T | undefined> {
    if (!this.#redis) return undefined;
    try {
      return await work(this.#redis);
    } catch (error) {
      if (this.#now() - this.#warnedAt > WARN_EVERY_MS) {
        this.#warnedAt = this.#now();
        this.#logger.warn({ reason: reasonOf(error), what }, 'the template cache goes on without Redis');
      }
      return undefined;
    }
  }
}
