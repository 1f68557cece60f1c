import { userInfo } from 'node:os';
import { auditRow, type Database, listAudit } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

/** Who is at the command line. */
export function actor(): string {
  return `cli:${userInfo().username}`;
}

/** Who did what by the command line, where the ledger does not write it itself. `detail` never holds a secret. */
export async function audit(
  database: Database,
  action: string,
  subject: string,
  detail: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await database.run(auditRow(actor(), action, subject, detail));
}

const MOST = 1_000;

/** Who changed what, by the command line or the API; newest first. */
export async function auditList(
  env: Environment,
  given: { readonly subject?: string; readonly limit: string },
): Promise<Report> {
  const most = Number(given.limit);
  if (!(Number.isInteger(most) && most >= 1 && most <= MOST))
    throw new CliError('limit_invalid', `--limit is a whole number from 1 to ${MOST}`, EXIT.usage);
  return withDatabase(env, async (database) => {
    const entries = await listAudit(database, { subject: given.subject ?? null, most });
    const items = entries.map(({ n: _n, at, ...entry }) => ({ at: new Date(at).toISOString(), ...entry }));
    return report(
      { items },
      table(
        ['at', 'who', 'what', 'of', 'detail'],
        items.map((one) => [one.at, one.actor, one.action, one.subject, one.detail]),
        'nothing was changed',
      ),
    );
  });
}
