import { parseMessageId } from '@mersal/contracts';
import { type Database, readTenantView, tenantOfMessage } from '@mersal/ledger';
import { EXIT } from '../exit-codes.js';
import { CliError } from '../report.js';

/** The number of a restaurant in the ledger. */
export async function findTenant(database: Database, restaurantId: string): Promise<number> {
  const tenant = await readTenantView(database, restaurantId);
  if (!tenant) throw new CliError('restaurant_unknown', `there is no restaurant ${restaurantId}`);
  return tenant.id;
}

/** The database's clock, in ms since 1970: what it stamped is compared with this, not with the clock of whoever asks. */
export async function databaseNow(database: Database): Promise<number> {
  const [row] = await database.run({
    name: 'cli-now',
    text: 'select extract(epoch from clock_timestamp()) * 1000 as now',
    values: [],
  });
  return Number(row?.['now']);
}

/** Whose message an id is. */
export async function findMessage(
  database: Database,
  id: string,
): Promise<{ readonly tenant: number; readonly u: string }> {
  const parts = parseMessageId(id);
  if (!parts) throw new CliError('id_invalid', 'that is not a message id', EXIT.usage);
  const tenant = await tenantOfMessage(database, parts.u, parts.tag);
  if (tenant === undefined)
    throw new CliError('message_unknown', 'the ledger has no such message (or not yet)');
  return { tenant, u: parts.u };
}
