import type { Database } from '../database.js';

/** Accounts that these restaurants have left and nobody uses any more, of which templates are still stored. */
export async function leftAccounts(database: Database, restaurantIds: readonly string[]): Promise<string[]> {
  const rows = await database.run({
    name: 'left-accounts',
    text: `
      select distinct a.account_sid from account a join tenant t on t.id = a.tenant
       where t.restaurant_id = any($1::text[]) and a.account_sid <> t.account_sid
         and not exists (select 1 from tenant other where other.account_sid = a.account_sid)
         and exists (select 1 from template_sid s where s.account = a.account_sid)`,
    values: [restaurantIds],
  });
  return rows.map((row) => row['account_sid'] as string);
}
