import {
  type CredentialKeys,
  type Database,
  type Principal,
  readAccountToken,
  readTenants,
  type Tenant,
} from '@mersal/ledger';
import { Problem } from '../problems/problem.js';
import { ReadThroughCache } from '../requests/read-through-cache.js';

export interface TenantDirectoryOptions {
  readonly database: Database;
  readonly keys: CredentialKeys;
  /** Longest wait for the database, in ms. */
  readonly timeoutMs: number;
  readonly now: () => number;
}

/** What ingress needs to know of a restaurant. */
export type Restaurant = Pick<Tenant, 'id' | 'restaurantId' | 'partition' | 'fromNumbers'>;

const MAX_AGE_MS = 5_000;
const MOST_RESTAURANTS = 10_000;

/** Restaurants and the tokens of their accounts, at most 5 s old. */
export class TenantDirectory {
  readonly #options: TenantDirectoryOptions;
  readonly #restaurants: ReadThroughCache<Restaurant>;
  readonly #tokens: ReadThroughCache<string>;

  constructor(options: TenantDirectoryOptions) {
    this.#options = options;
    const { timeoutMs, now } = options;
    const bounds = { maxAgeMs: MAX_AGE_MS, most: MOST_RESTAURANTS, timeoutMs, now };
    this.#restaurants = new ReadThroughCache({ name: 'restaurants', ...bounds });
    this.#tokens = new ReadThroughCache({ name: 'accounts', ...bounds });
  }

  find(restaurantId: string): Promise<Restaurant | undefined> {
    return this.#restaurants.get(restaurantId, async () => {
      const [tenant] = await readTenants(this.#options.database, this.#options.keys, [restaurantId]);
      if (!tenant) return undefined;
      const { id, partition, fromNumbers } = tenant;
      return { id, restaurantId, partition, fromNumbers };
    });
  }

  /** It was changed here: this instance need not be the last one to know. */
  forget(restaurantId: string): void {
    this.#restaurants.forget(restaurantId);
  }

  /**
   * The restaurant whose messages this key may read: its own, or the one that a platform key names in the query. Another's
   * name with a restaurant's own key is refused.
   */
  async forReading(principal: Principal, named: string | undefined): Promise<Restaurant> {
    if (principal.restaurantId !== null && named !== undefined && named !== principal.restaurantId) {
      throw new Problem('forbidden', { detail: 'only a platform key may name a restaurantId' });
    }
    const restaurantId = principal.restaurantId ?? named;
    if (restaurantId === undefined) {
      const message = 'a platform key must name the restaurant: ?restaurantId=';
      throw new Problem('validation_failed', {
        errors: [{ pointer: '/restaurantId', code: 'required', message }],
      });
    }
    const restaurant = await this.find(restaurantId);
    if (restaurant === undefined) throw new Problem('not_found');
    return restaurant;
  }

  /** The token that signs callbacks of this account, also of an earlier one of the restaurant. */
  accountToken(restaurantId: string, accountSid: string): Promise<string | undefined> {
    return this.#tokens.get(`${restaurantId}\0${accountSid}`, async () => {
      const { database, keys } = this.#options;
      return (await readAccountToken(database, keys, restaurantId, accountSid))?.authToken;
    });
  }
}
