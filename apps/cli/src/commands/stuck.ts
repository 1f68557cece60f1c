import { joinMessageId } from '@mersal/contracts';
import { createPostgresLedger, type StuckReason } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { audit } from './audit.js';
import { findMessage, findTenant } from './find.js';

const MOST = 1_000;

/** What an operator can do about it. */
const ADVICE: Readonly<Record<StuckReason, string>> = {
  undecided: 'look at the provider, then: mersal unknown resolve',
  outcome_unknown: 'it is being found out',
  behind_dead: 'mersal dead redrive --id, or mersal queue release',
  lease_ended: 'no sender watches its partition: mersal doctor',
  sending: 'its request is under way',
  suspended: 'the account refuses: check its credentials, then save them again',
  paused: 'mersal queue pauses',
  retry: 'mersal queue retry, to have it tried now',
  retry_missing:
    'its record did not come back: a sender writes it again within a minute, or mersal queue retry',
  turn: 'nothing keeps it back: mersal doctor tells whether senders run',
};

/** First messages of conversations that have not moved for so long; exits with 3 where there are some. */
export async function queueStuck(
  env: Environment,
  choice: { readonly restaurant?: string; readonly minutes: string },
): Promise<Report> {
  const minutes = Number(choice.minutes);
  if (!(minutes >= 0 && minutes <= 525_600))
    throw new CliError('minutes_invalid', '--minutes is a number from 0 to 525,600', EXIT.usage);
  return withDatabase(env, async (database) => {
    const tenant = choice.restaurant === undefined ? null : await findTenant(database, choice.restaurant);
    const found = await createPostgresLedger(database).listStuck(tenant, minutes * 60_000, MOST);
    const items = found.map(({ u, tag, tenant: _tenant, since, until, ...one }) => ({
      id: joinMessageId(u, tag),
      ...one,
      since: new Date(since).toISOString(),
      until: until === null ? null : new Date(until).toISOString(),
      advice: ADVICE[one.reason],
    }));
    return report(
      { items },
      table(
        ['message', 'restaurant', 'reason', 'since', 'until', 'what to do'],
        items.map((one) => [one.id, one.restaurantId, one.reason, one.since, one.until, one.advice]),
        `nothing stands still for ${minutes} minutes`,
      ),
      items.length > 0 ? EXIT.attention : EXIT.ok,
    );
  });
}

/** A retry that waits for its time is made now. */
export async function queueRetry(env: Environment, id: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const { tenant, u } = await findMessage(database, id);
    if (!(await createPostgresLedger(database).retryNow(tenant, u)))
      throw new CliError('not_retrying', 'it does not wait for a retry: see `mersal queue message`');
    await audit(database, 'queue.retry', id);
    return report({ id, due: 'now' }, `${id}: it is tried again now`);
  });
}
