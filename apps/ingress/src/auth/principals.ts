import { createHash, timingSafeEqual } from 'node:crypto';
import { type Database, findPrincipal, type Principal } from '@mersal/ledger';
import { ReadThroughCache } from '../requests/read-through-cache.js';

export interface PrincipalsOptions {
  readonly database: Database;
  /** SHA-256 of the first admin's token, hex. */
  readonly adminTokenHash: string | undefined;
  /** Longest wait for the database, in ms. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly wallClock: () => number;
}

/** How long a revoked key may still work, in ms. */
const VERDICT_MAX_AGE_MS = 5_000;
const MOST_VERDICTS = 10_000;

/** Who a bearer token speaks for. Verdicts are remembered under the token's hash: no token stays in memory. */
export class Principals {
  readonly #options: PrincipalsOptions;
  readonly #adminHash: Buffer | undefined;
  readonly #verdicts: ReadThroughCache<Principal>;

  constructor(options: PrincipalsOptions) {
    this.#options = options;
    const { adminTokenHash, timeoutMs, now } = options;
    this.#adminHash = adminTokenHash === undefined ? undefined : Buffer.from(adminTokenHash, 'hex');
    this.#verdicts = new ReadThroughCache({
      name: 'keys',
      maxAgeMs: VERDICT_MAX_AGE_MS,
      most: MOST_VERDICTS,
      timeoutMs,
      now,
    });
  }

  /** Undefined: unknown, revoked or expired. Throws when that can't be found out now. */
  async find(token: string): Promise<Principal | undefined> {
    const hash = createHash('sha256').update(token).digest();
    if (this.#adminHash !== undefined && timingSafeEqual(hash, this.#adminHash)) return FIRST_ADMIN;
    const principal = await this.#verdicts.get(hash.toString('base64'), () =>
      findPrincipal(this.#options.database, token),
    );
    if (principal === undefined) return undefined;
    const { expiresAt } = principal;
    return expiresAt !== null && expiresAt <= this.#options.wallClock() ? undefined : principal;
  }
}

/** The key id of the first admin, whose key is no row of the database. */
export const FIRST_ADMIN_ID = 'first-admin';

const FIRST_ADMIN: Principal = {
  keyId: FIRST_ADMIN_ID,
  tenant: null,
  restaurantId: null,
  scopes: new Set(['send', 'read', 'admin', 'send:any']),
  expiresAt: null,
};
