import type { BesideRedis } from './beside-redis.js';
import type { CacheLogger } from './logger.js';
import type { TemplateIdentity } from './template-identity.js';
import { KEEP_MS } from './tiers/redis-tier.js';
import type { StoredSid } from './tiers/sid-tier.js';

export interface Removal extends StoredSid {
  /** It was stored elsewhere, and is gone from there. */
  readonly went: boolean;
}

const AT_A_TIME = 100;
const RETRY_MS = 1_000;
const MOST_OWED = 10_000;

const nameOf = ({ identity, sid }: StoredSid): string => `${identity.hash} ${sid}`;

/**
 * Removals that Redis must hear of: it would go on answering what Postgres knows no more, for a day.
 *
 *   owed ──Redis did it──► done
 *     └──Redis is away──► tried again each second, until it did, the day is over that Redis keeps a SID, or the process ends
 *
 * Of more than 10,000 the oldest are given up.
 */
export class OwedRemovals {
  readonly #redis: BesideRedis;
  readonly #logger: CacheLogger;
  readonly #now: () => number;
  readonly #owed = new Map<string, Removal & { readonly until: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: BesideRedis, logger: CacheLogger, now: () => number) {
    this.#redis = redis;
    this.#logger = logger;
    this.#now = now;
  }

  /** Whether Redis has yet to hear that this SID is gone: then its word counts for nothing. */
  owes(identity: TemplateIdentity, sid: string): boolean {
    return this.#owed.size > 0 && this.#owed.has(nameOf({ identity, sid }));
  }

  /** Resolves once each was tried; what failed is tried again in the background. */
  async add(removals: readonly Removal[]): Promise<void> {
    if (!this.#redis.configured) return;
    const until = this.#now() + KEEP_MS;
    for (const removal of removals) this.#owed.set(nameOf(removal), { ...removal, until });
    const tooMany = this.#owed.size - MOST_OWED;
    if (tooMany > 0) {
      for (const name of [...this.#owed.keys()].slice(0, tooMany)) this.#owed.delete(name);
      this.#giveUp(tooMany);
    }
    await this.#settle();
  }

  /** Tries once more, and gives the rest up. */
  async close(): Promise<void> {
    await this.#settle();
    clearTimeout(this.#timer);
    if (this.#owed.size > 0) this.#giveUp(this.#owed.size);
    this.#owed.clear();
  }

  async #settle(): Promise<void> {
    while (this.#owed.size > 0) {
      const some = [...this.#owed].slice(0, AT_A_TIME);
      const done = await Promise.all(some.map(([, removal]) => this.#remove(removal)));
      for (const [n, [name, removal]] of some.entries())
        if (done[n] === true && this.#owed.get(name) === removal) this.#owed.delete(name);
      if (done.includes(false)) return this.#later();
    }
  }

  async #remove({ identity, sid, went, until }: Removal & { readonly until: number }): Promise<boolean> {
    if (this.#now() > until) return true;
    return (await this.#redis.try('removal', (redis) => redis.remove(identity, sid, went))) !== undefined;
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#settle();
    }, RETRY_MS).unref();
  }

  #giveUp(removals: number): void {
    this.#logger.error(
      { removals },
      'Redis could not be told that templates are gone: it has them for up to a day',
    );
  }
}
