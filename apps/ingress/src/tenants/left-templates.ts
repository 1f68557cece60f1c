import { type Database, leftAccounts } from '@mersal/ledger';
import type { Logger } from '@mersal/telemetry';
import { TemplateCache } from '@mersal/template-cache';
import type { Settings } from '../settings.js';

/** Forgets the templates of accounts that a restaurant has left and nobody uses any more. */
export class LeftTemplates {
  readonly #cache: TemplateCache;
  readonly #database: Database;
  readonly #logger: Logger;

  constructor(
    settings: Pick<Settings, 'DATABASE_URL' | 'REDIS_URL' | 'REDIS_TLS_CA'>,
    database: Database,
    logger: Logger,
  ) {
    const { DATABASE_URL, REDIS_URL, REDIS_TLS_CA } = settings;
    // Without Kafka: nothing is looked up here.
    this.#cache = new TemplateCache({ env: { DATABASE_URL, REDIS_URL, REDIS_TLS_CA }, logger });
    this.#database = database;
    this.#logger = logger;
  }

  /** Never rejects: the restaurant has been changed, and what is left over of an account is found with its next change. */
  async purge(restaurantId: string): Promise<void> {
    try {
      for (const account of await leftAccounts(this.#database, [restaurantId])) {
        const templates = await this.#cache.purgeAccount(account);
        this.#logger.info({ restaurantId, account, templates }, 'the templates of an account were forgotten');
      }
    } catch (error) {
      this.#logger.warn(
        { err: error, restaurantId },
        'the templates of an account that was left stay stored',
      );
    }
  }

  async close(): Promise<void> {
    await this.#cache.close();
  }
}
