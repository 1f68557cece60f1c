import { createPostgresLedger, recipientOf } from '@mersal/ledger';
import { maskPhone } from '@mersal/telemetry';
import { withDatabase } from '../connections.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { actor } from './audit.js';
import { findTenant } from './find.js';

const MOST = 1_000;

/** Who opted out of a restaurant's messages. Numbers are masked. */
export async function suppressionsList(env: Environment, restaurantId: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const tenant = await findTenant(database, restaurantId);
    const found = await createPostgresLedger(database).listSuppressions(tenant, MOST);
    const items = found.map(({ recipient, address, reason, createdAt }) => ({
      recipient,
      number: maskPhone(address),
      reason,
      since: new Date(createdAt).toISOString(),
    }));
    return report(
      { items },
      table(
        ['number', 'since', 'reason', 'recipient'],
        items.map((one) => [one.number, one.since, one.reason, one.recipient]),
        'nobody opted out',
      ),
    );
  });
}

/** They want to hear from the restaurant again. `who`: the number in full, or the recipient as the list shows it. */
export async function suppressionsLift(env: Environment, restaurantId: string, who: string): Promise<Report> {
  const recipient = /^[0-9a-f]{32}$/.test(who)
    ? who
    : recipientOf(`whatsapp:${who.startsWith('+') ? who : `+${who}`}`);
  return withDatabase(env, async (database) => {
    const tenant = await findTenant(database, restaurantId);
    if (!(await createPostgresLedger(database).liftSuppression(tenant, recipient, actor())))
      throw new CliError('not_suppressed', `${restaurantId} has no such recipient among those who opted out`);
    return report({ restaurantId, recipient }, `${restaurantId} may write to them again`);
  });
}
