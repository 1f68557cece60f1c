import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database, Statement } from '../database.js';
import { effectiveScopes, type Scope } from './scopes.js';

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

/** Files a key that was made elsewhere, such as a seed file's; brings one that is known to what is given. */
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

/**
 * Whose key this is, or undefined when it is unknown, revoked or expired. Compared in constant time. Of its scopes only those
 * count that a key of its kind can have.
 */
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
  const tenant = row['tenant'] as number | null;
  return {
    keyId: id,
    tenant,
    restaurantId: row['restaurant_id'] as string | null,
    scopes: effectiveScopes(row['scopes'] as Scope[], tenant === null ? 'platform' : 'restaurant'),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
  };
}

/** Those of the keys that still are valid. */
export async function validKeys(database: Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await database.run({
    name: 'valid-keys',
    text: `
      select id from api_key
       where id = any($1::text[]) and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())`,
    values: [ids],
  });
  return new Set(rows.map((row) => row['id'] as string));
}

/** When keys were used last, ms since 1970 by id; a later time that is known stays. */
export function noteKeyUses(uses: ReadonlyMap<string, number>): Statement {
  return {
    name: 'note-key-uses',
    text: `
      update api_key k set last_used_at = to_timestamp(i.at / 1000)
        from unnest($1::text[], $2::float8[]) i(id, at)
       where k.id = i.id and (k.last_used_at is null or k.last_used_at < to_timestamp(i.at / 1000))`,
    values: [[...uses.keys()], [...uses.values()]],
  };
}
