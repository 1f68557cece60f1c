import { auditRow } from '../audit/audit.js';
import { type CredentialKeys, seal, unseal } from '../credentials.js';
import type { Database } from '../database.js';

/** How many accounts are encrypted with a key. */
export interface KeyUse {
  readonly keyId: string;
  readonly accounts: number;
}

export async function readKeyUses(database: Database): Promise<KeyUse[]> {
  const rows = await database.run({
    name: 'credential-key-uses',
    text: 'select key_id, count(*)::int as accounts from account group by key_id order by key_id',
    values: [],
  });
  return rows.map((row) => ({ keyId: row['key_id'] as string, accounts: row['accounts'] as number }));
}

/**
 * Encrypts up to `most` accounts that another key encrypted with the current one, in one transaction with its entry in the trail.
 * Whoever saves one of them at the same time waits or is waited for. Nobody needs to read them anew: what they say stays.
 *
 * @returns how many; 0: there is none left
 * @throws CredentialError where a key is not known, or an account does not open; nothing of the batch is changed then
 */
export async function rotateCredentials(
  database: Database,
  keys: CredentialKeys,
  most: number,
  by: string,
): Promise<number> {
  return database.conversation(async (run) => {
    const rows = await run({
      name: 'credentials-to-rotate',
      text: `
        select a.tenant, a.account_sid, a.auth_token, a.key_id, t.restaurant_id
          from account a join tenant t on t.id = a.tenant
         where a.key_id <> $1 order by a.tenant, a.account_sid limit $2 for no key update of a`,
      values: [keys.current, most],
    });
    if (rows.length === 0) return 0;
    const sealed = rows.map((row) => {
      const context = `${row['restaurant_id'] as string}/${row['account_sid'] as string}`;
      const stored = { keyId: row['key_id'] as string, bytes: row['auth_token'] as Buffer };
      return seal(keys, context, unseal(keys, context, stored)).bytes;
    });
    await run({
      name: 'rotate-credentials',
      text: `
        update account a set auth_token = n.auth_token, key_id = $1
          from unnest($2::int[], $3::text[], $4::bytea[]) n (tenant, account_sid, auth_token)
         where a.tenant = n.tenant and a.account_sid = n.account_sid`,
      values: [keys.current, rows.map((row) => row['tenant']), rows.map((row) => row['account_sid']), sealed],
    });
    const from = [...new Set(rows.map((row) => row['key_id'] as string))];
    await run(auditRow(by, 'credentials.rotate', keys.current, { accounts: rows.length, from }));
    return rows.length;
  });
}
