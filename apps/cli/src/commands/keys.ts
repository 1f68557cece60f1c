import { generateApiKey, saveApiKey, type Scope } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { audit } from './audit.js';

const OWN_SCOPES: readonly Scope[] = ['send', 'read'];
const PLATFORM_SCOPES: readonly Scope[] = ['send', 'read', 'admin', 'send:any'];

/** Reads `send,read`. A restaurant's key can't speak for others, hence neither `admin` nor `send:any`. */
export function parseScopes(text: string, platform: boolean): Scope[] {
  const allowed = platform ? PLATFORM_SCOPES : OWN_SCOPES;
  const names = text.split(',').map((part) => part.trim());
  const wrong = names.filter((name) => !allowed.includes(name as Scope));
  if (wrong.length > 0) {
    throw new CliError(
      'scope_invalid',
      `no scope ${wrong.join(', ')} for ${platform ? 'a platform key' : "a restaurant's key"}: it may have ${allowed.join(', ')}`,
      EXIT.usage,
    );
  }
  return [...new Set(names)] as Scope[];
}

export async function keysCreate(
  env: Environment,
  given: { readonly restaurant?: string; readonly scopes: string; readonly name: string },
): Promise<Report> {
  const scopes = parseScopes(given.scopes, given.restaurant === undefined);
  return withDatabase(env, async (database) => {
    let tenant: number | null = null;
    if (given.restaurant !== undefined) {
      const [row] = await database.run({
        name: 'cli-tenant-id',
        text: 'select id from tenant where restaurant_id = $1',
        values: [given.restaurant],
      });
      if (!row) throw new CliError('tenant_unknown', `there is no restaurant ${given.restaurant}`);
      tenant = row['id'] as number;
    }
    const { id, key } = generateApiKey();
    await saveApiKey(database, { key, tenant, name: given.name, scopes });
    await audit(database, 'keys.create', id, { restaurant: given.restaurant ?? null, scopes });
    return report(
      { keyId: id, apiKey: key, restaurantId: given.restaurant ?? null, scopes },
      `${key}\nkey id ${id}, scopes ${scopes.join(', ')}. It is stored as a hash and can't be shown again.`,
    );
  });
}

export async function keysList(env: Environment, restaurant?: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const rows = await database.run({
      name: 'cli-keys-list',
      text: `
        select k.id, t.restaurant_id, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
          from api_key k left join tenant t on t.id = k.tenant
         where $1::text is null or t.restaurant_id = $1
         order by t.restaurant_id nulls first, k.created_at, k.id`,
      values: [restaurant ?? null],
    });
    const keys = rows.map((row) => ({
      keyId: row['id'] as string,
      restaurantId: row['restaurant_id'] as string | null,
      name: row['name'] as string,
      scopes: row['scopes'] as string[],
      createdAt: row['created_at'] as Date,
      expiresAt: row['expires_at'] as Date | null,
      revokedAt: row['revoked_at'] as Date | null,
      lastUsedAt: row['last_used_at'] as Date | null,
    }));
    return report(
      { keys },
      table(
        ['key id', 'restaurant', 'name', 'scopes', 'created', 'last used', 'revoked'],
        keys.map((k) => [
          k.keyId,
          k.restaurantId ?? '(platform)',
          k.name,
          k.scopes.join(' '),
          k.createdAt,
          k.lastUsedAt,
          k.revokedAt,
        ]),
      ),
    );
  });
}

/** Services may know a key for as long as they cache it. */
export async function keysRevoke(env: Environment, id: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const [row] = await database.run({
      name: 'cli-key-revoke',
      text: `
        update api_key set revoked_at = coalesce(revoked_at, clock_timestamp())
         where id = $1 returning revoked_at`,
      values: [id],
    });
    if (!row) throw new CliError('key_unknown', `there is no key ${id.slice(0, 40)}`);
    await audit(database, 'keys.revoke', id);
    return report({ keyId: id, revokedAt: row['revoked_at'] }, `key ${id} is revoked`);
  });
}
