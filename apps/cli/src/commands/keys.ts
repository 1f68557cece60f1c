import {
  createKey,
  listKeys,
  revokeKey,
  rotateKey,
  type KeyPlace,
  type Scope,
  scopesFor,
} from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { actor } from './audit.js';

const PAGE = 500;
const LONGEST_OVERLAP_S = 30 * 86_400;

/** Reads `send,read`. A restaurant's key can't speak for others, hence neither `admin` nor `send:any`. */
export function parseScopes(text: string, platform: boolean): Scope[] {
  const allowed = scopesFor(platform ? 'platform' : 'restaurant');
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
  given: {
    readonly restaurant?: string;
    readonly scopes: string;
    readonly name: string;
    readonly days?: string;
  },
  now: number,
): Promise<Report> {
  const scopes = parseScopes(given.scopes, given.restaurant === undefined);
  const days = given.days === undefined ? null : Number(given.days);
  if (days !== null && !(days > 0 && days <= 3_650))
    throw new CliError('days_invalid', '--days is a number above 0 and at most 3,650', EXIT.usage);
  const restaurantId = given.restaurant ?? null;
  return withDatabase(env, async (database) => {
    const made = await createKey(
      database,
      { restaurantId, name: given.name, scopes, expiresAt: days === null ? null : now + days * 86_400_000 },
      actor(),
    );
    if (!made) throw new CliError('tenant_unknown', `there is no restaurant ${given.restaurant}`);
    const expiresAt = isoOrNull(made.expiresAt);
    return report(
      { keyId: made.keyId, apiKey: made.key, restaurantId, scopes, expiresAt },
      `${made.key}\nkey id ${made.keyId}, scopes ${scopes.join(', ')}${expiresAt === null ? '' : `, until ${expiresAt}`}. It is stored as a hash and can't be shown again.`,
    );
  });
}

/** A new key takes the place of one; both work until the overlap is over. */
export async function keysRotate(
  env: Environment,
  id: string,
  given: { readonly overlap: string },
): Promise<Report> {
  const seconds = Number(given.overlap);
  if (!(given.overlap.trim() !== '' && seconds >= 0 && seconds <= LONGEST_OVERLAP_S))
    throw new CliError('overlap_invalid', `--overlap is from 0 to ${LONGEST_OVERLAP_S} seconds`, EXIT.usage);
  return withDatabase(env, async (database) => {
    const made = await rotateKey(database, id, seconds * 1_000, actor());
    if (made === undefined) throw new CliError('key_unknown', `there is no key ${id.slice(0, 40)}`);
    if (made === 'ended')
      throw new CliError('key_ended', 'that key is revoked, expired, or was replaced before');
    return report(
      {
        keyId: made.keyId,
        apiKey: made.key,
        replaces: id,
        restaurantId: made.restaurantId,
        scopes: made.scopes,
      },
      `${made.key}\nkey id ${made.keyId}; ${id} works for another ${seconds} s. It is stored as a hash and can't be shown again.`,
    );
  });
}

export async function keysList(env: Environment, restaurant?: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const found: Awaited<ReturnType<typeof listKeys>> = [];
    let after: KeyPlace | undefined;
    do {
      const page = await listKeys(database, { restaurantId: restaurant, most: PAGE, after });
      found.push(...page);
      after = page.length === PAGE ? page.at(-1)?.place : undefined;
    } while (after !== undefined);
    const keys = found.map((key) => ({
      keyId: key.keyId,
      restaurantId: key.restaurantId,
      name: key.name,
      scopes: key.scopes,
      createdAt: new Date(key.createdAt).toISOString(),
      expiresAt: isoOrNull(key.expiresAt),
      revokedAt: isoOrNull(key.revokedAt),
      lastUsedAt: isoOrNull(key.lastUsedAt),
      replacedBy: key.replacedBy,
    }));
    return report(
      { keys },
      table(
        ['key id', 'restaurant', 'name', 'scopes', 'created', 'last used', 'expires', 'revoked'],
        keys.map((k) => [
          k.keyId,
          k.restaurantId ?? '(platform)',
          k.name,
          k.scopes.join(' '),
          k.createdAt,
          k.lastUsedAt,
          k.expiresAt,
          k.revokedAt,
        ]),
      ),
    );
  });
}

/** Services may know a key for as long as they cache it. */
export async function keysRevoke(env: Environment, id: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const key = await revokeKey(database, id, actor());
    if (!key) throw new CliError('key_unknown', `there is no key ${id.slice(0, 40)}`);
    return report({ keyId: id, revokedAt: isoOrNull(key.revokedAt) }, `key ${id} is revoked`);
  });
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
