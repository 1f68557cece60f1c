import { engines, randomName } from '@mersal/testkit';
import { TemplateCache, type TemplateCacheOptions } from '../src/index.js';
import { collectingLogger } from './collecting-logger.js';
import { migratedDatabase } from './migrated-database.js';

export interface SomeCaches {
  readonly redis: string;
  readonly database: string;
  readonly prefix: string;
  /** As another process has it: connections and memory of its own. */
  make(more?: TemplateCacheOptions): TemplateCache;
  close(): Promise<void>;
}

/** Caches over one Redis and one Postgres, with keys and tables of the test's own. */
export async function someCaches(name: string): Promise<SomeCaches> {
  const { redis } = await engines();
  const database = await migratedDatabase(name);
  const prefix = randomName(name);
  const made: TemplateCache[] = [];
  return {
    redis,
    database,
    prefix,
    make(more = {}) {
      const cache = new TemplateCache({
        env: { REDIS_URL: redis, DATABASE_URL: database },
        redisPrefix: prefix,
        logger: collectingLogger(),
        ...more,
      });
      made.push(cache);
      return cache;
    },
    async close() {
      await Promise.all(made.splice(0).map((cache) => cache.close()));
    },
  };
}
