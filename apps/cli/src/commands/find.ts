import { parseMessageId } from '@mersal/contracts';
import type { Database } from '@mersal/ledger';
import { EXIT } from '../exit-codes.js';
import { CliError } from '../report.js';

/** The number of a restaurant in the ledger. */
export async function findTenant(database: Database, restaurantId: string): Promise<number> {
  const [row] = await database.run({
    name: 'cli-find-tenant',
    text: 'select id from tenant where restaurant_id = $1',
    values: [restaurantId],
  });
  if (!row) throw new CliError('restaurant_unknown', `there is no restaurant ${restaurantId}`);
  return row['id'] as number;
}

/** Whose message an id is. The restaurant is not known here, and the primary key begins with it: one look-up for each. */
export async function findMessage(
  database: Database,
  id: string,
): Promise<{ readonly tenant: number; readonly u: string }> {
  const parts = parseMessageId(id);
  if (!parts) throw new CliError('id_invalid', 'that is not a message id', EXIT.usage);
  const [row] = await database.run({
    name: 'cli-tenant-of-message',
    text: `
      select t.id from tenant t
       where exists (select 1 from message m where m.tenant = t.id and m.u = $1 and m.tag = $2) limit 1`,
    values: [parts.u, parts.tag],
  });
  if (!row) throw new CliError('message_unknown', 'the ledger has no such message (or not yet)');
  return { tenant: row['id'] as number, u: parts.u };
}
