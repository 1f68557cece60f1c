import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '../database.js';

export type Scope = 'send' | 'read' | 'admin' | 'send:any';

/** Who a key speaks for. `restaurantId` null: a platform or admin key. */
export interface Principal {
  readonly keyId: string;
  readonly tenant: number | null;
  readonly restaurantId: string | null;
  readonly scopes: ReadonlySet<Scope>;
  /** ms since 1970, or null for never. */
  readonly expiresAt: number | null;
}

/** A new key, `mk_<id>_<secret>`: 96 bits of id, 256 of secret. It is stored as a hash and can't be shown again. */
export function generateApiKey(): { readonly id: string; readonly key: string } {
  const id = randomBytes(12).toString('base64url').replaceAll(/[-_]/g, 'x');
  return { id, key: `mk_${id}_${randomBytes(32).toString('base64url').replaceAll(/[-_]/g, 'x')}` };
}

/** SHA-256: enough for a random secret of 256 bits, and fast enough for every request. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The part of a key that may be shown and logged. */
export function apiKeyId(key: string): string | undefined {
  return /^mk_([0-9A-Za-z]{8,32})_[0-9A-Za-z]{16,}$/.exec(key)?.[1];
}

export async function saveApiKey(
  database: Database,
  given: {
    readonly key: string;
    readonly tenant: number | null;
    readonly name: string;
    readonly scopes: readonly Scope[];
  },
): Promise<void> {
  const id = apiKeyId(given.key);
  if (id === undefined) throw new RangeError('not a key of the form mk_<id>_<secret>');
  await database.run({
    name: 'save-api-key',
    text: `
      insert into api_key (id, tenant, name, hash, scopes) values ($1, $2, $3, $4, $5)
      on conflict (id) do update set tenant = excluded.tenant, name = excluded.name, hash = excluded.hash,
             scopes = excluded.scopes, revoked_at = null`,
    values: [id, given.tenant, given.name, hashApiKey(given.key), given.scopes],
  });
}

/** Whose key this is, or undefined when it is unknown, revoked or expired. Compared in constant time. */
export async function findPrincipal(database: Database, key: string): Promise<Principal | undefined> {
  const id = apiKeyId(key);
  if (id === undefined) return undefined;
  const [row] = await database.run({
    name: 'find-principal',
    text: `
      select k.hash, k.tenant, t.restaurant_id, k.scopes, extract(epoch from k.expires_at) * 1000 as expires_at
        from api_key k left join tenant t on t.id = k.tenant
       where k.id = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())`,
    values: [id],
  });
  if (!row || !timingSafeEqual(row['hash'] as Buffer, hashApiKey(key))) return undefined;
  return {
    keyId: id,
    tenant: row['tenant'] as number | null,
    restaurantId: row['restaurant_id'] as string | null,
    scopes: new Set(row['scopes'] as Scope[]),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
  };
}
