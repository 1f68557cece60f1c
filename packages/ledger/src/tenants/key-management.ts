import { auditRow } from '../audit/audit.js';
import type { Database, Row } from '../database.js';
import { generateApiKey, hashApiKey } from './api-keys.js';
import type { Scope } from './scopes.js';

/** A key as operators see it: never its secret. Times are ms since 1970. */
export interface KeyView {
  readonly keyId: string;
  /** Null: a platform's key. */
  readonly restaurantId: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly lastUsedAt: number | null;
  /** The key that took its place. */
  readonly replacedBy: string | null;
}

/** A key that was just made, with its secret: the only time that it can be shown. */
export interface NewKey extends KeyView {
  readonly key: string;
}

const COLUMNS = `
  k.id, (select t.restaurant_id from tenant t where t.id = k.tenant) as restaurant_id, k.name, k.scopes, k.replaced_by,
  extract(epoch from k.created_at) * 1000 as created_at, extract(epoch from k.expires_at) * 1000 as expires_at,
  extract(epoch from k.revoked_at) * 1000 as revoked_at, extract(epoch from k.last_used_at) * 1000 as last_used_at`;

/** Undefined: there is no such restaurant. `restaurantId` null: a platform's key. */
export async function createKey(
  database: Database,
  given: {
    readonly restaurantId: string | null;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly expiresAt: number | null;
  },
  by: string,
): Promise<NewKey | undefined> {
  const { id, key } = generateApiKey();
  return database.conversation(async (run) => {
    const [row] = await run({
      name: 'create-key',
      text: `
        with k as (
          insert into api_key (id, tenant, name, hash, scopes, expires_at, created_at)
          select $1, t.id, $3, $4, $5, to_timestamp($6::float8 / 1000), clock_timestamp()
            from (select null::int as id where $2::text is null
                  union all select id from tenant where restaurant_id = $2) t
          returning *)
        select ${COLUMNS} from k`,
      values: [id, given.restaurantId, given.name, hashApiKey(key), given.scopes, given.expiresAt],
    });
    if (!row) return undefined;
    const { restaurantId, scopes } = given;
    await run(auditRow(by, 'keys.create', id, { restaurantId, scopes, expiresAt: given.expiresAt }));
    return { ...toKeyView(row), key };
  });
}

/**
 * Makes a key that takes another's place; the other goes on working for `overlapMs`. The new one has the same rights and, where
 * the other was to expire, as long a life as that had.
 *
 * @returns undefined: there is no such key; `ended`: it is revoked, expired, or was replaced before
 */
export async function rotateKey(
  database: Database,
  id: string,
  overlapMs: number,
  by: string,
): Promise<NewKey | 'ended' | undefined> {
  const next = generateApiKey();
  return database.conversation(async (run) => {
    const [old] = await run({
      name: 'rotate-key-lock',
      text: `
        select revoked_at is null and replaced_by is null and (expires_at is null or expires_at > clock_timestamp()) as current
          from api_key where id = $1 for update`,
      values: [id],
    });
    if (!old) return undefined;
    if (old['current'] !== true) return 'ended';
    const [row] = await run({
      name: 'rotate-key',
      text: `
        with k as (
          insert into api_key (id, tenant, name, hash, scopes, created_at, expires_at)
          select $2, tenant, name, $3, scopes, clock_timestamp(), clock_timestamp() + (expires_at - created_at)
            from api_key where id = $1
          returning *
        ), o as (
          update api_key set replaced_by = $2,
                 expires_at = least(expires_at, clock_timestamp() + $4::float8 * interval '1 ms')
           where id = $1)
        select ${COLUMNS} from k`,
      values: [id, next.id, hashApiKey(next.key), overlapMs],
    });
    if (!row) throw new Error('the key is gone under its lock');
    await run(auditRow(by, 'keys.rotate', id, { replacedBy: next.id, overlapMs }));
    return { ...toKeyView(row), key: next.key };
  });
}

/** Ends a key for good. Undefined: there is no such key. Doing it again changes nothing. */
export async function revokeKey(database: Database, id: string, by: string): Promise<KeyView | undefined> {
  return database.conversation(async (run) => {
    const changed = await run({
      name: 'revoke-key',
      text: 'update api_key set revoked_at = clock_timestamp() where id = $1 and revoked_at is null returning id',
      values: [id],
    });
    if (changed.length > 0) await run(auditRow(by, 'keys.revoke', id));
    const [row] = await run({
      name: 'read-key',
      text: `select ${COLUMNS} from api_key k where k.id = $1`,
      values: [id],
    });
    return row && toKeyView(row);
  });
}

/** Where a list of keys goes on: behind the one that was made then. */
export interface KeyPlace {
  /** µs since 1970: as exact as the database has it. */
  readonly createdUs: string;
  readonly id: string;
}

/** Newest first: a restaurant's (`restaurantId`), a platform's (null) or all (undefined). */
export async function listKeys(
  database: Database,
  given: {
    readonly restaurantId?: string | null | undefined;
    readonly most: number;
    readonly after?: KeyPlace | undefined;
  },
): Promise<(KeyView & { readonly place: KeyPlace })[]> {
  const { restaurantId, most, after } = given;
  const rows = await database.run({
    name: 'list-keys',
    text: `
      select ${COLUMNS}, (extract(epoch from k.created_at) * 1000000)::bigint as created_us
        from api_key k
       where (case $1::text when 'all' then true when 'platform' then k.tenant is null
              else k.tenant = (select id from tenant where restaurant_id = $2) end)
         and ($3::bigint is null
              or (k.created_at, k.id) < (timestamptz 'epoch' + $3::bigint * interval '1 microsecond', $4::text))
       order by k.created_at desc, k.id desc limit $5`,
    values: [
      restaurantId === undefined ? 'all' : restaurantId === null ? 'platform' : 'restaurant',
      restaurantId ?? null,
      after?.createdUs ?? null,
      after?.id ?? null,
      most,
    ],
  });
  return rows.map((row) => ({
    ...toKeyView(row),
    place: { createdUs: row['created_us'] as string, id: row['id'] as string },
  }));
}

function toKeyView(row: Row): KeyView {
  const time = (name: string): number | null => (row[name] === null ? null : Math.round(Number(row[name])));
  return {
    keyId: row['id'] as string,
    restaurantId: row['restaurant_id'] as string | null,
    name: row['name'] as string,
    scopes: row['scopes'] as Scope[],
    createdAt: time('created_at') ?? 0,
    expiresAt: time('expires_at'),
    revokedAt: time('revoked_at'),
    lastUsedAt: time('last_used_at'),
    replacedBy: row['replaced_by'] as string | null,
  };
}
