import { joinMessageId } from '@mersal/contracts';
import { createPostgresLedger, type Ledger, type UnknownDecision, type UnknownEntry } from '@mersal/ledger';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { actor } from './audit.js';
import { findMessage, findTenant } from './find.js';

const PAGE = 1_000;
/** As an operator says it, and as the ledger has it. */
const DECISIONS: Readonly<Record<string, UnknownDecision>> = {
  sent: 'sent',
  'not-sent': 'not_sent',
  dead: 'dead',
};

/** Messages of which nobody knows whether the provider accepted them; exits with 3 while there are some to decide on. */
export async function unknownList(env: Environment, restaurantId?: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const tenant = restaurantId === undefined ? null : await findTenant(database, restaurantId);
    const items = (await everyUnknown(createPostgresLedger(database), tenant)).map(
      ({ u, tag, tenant: _tenant, place: _place, ...entry }) => ({
        id: joinMessageId(u, tag),
        ...entry,
      }),
    );
    const text = table(
      ['message', 'restaurant', 'attempt', 'began', 'unknown since', 'waits for'],
      items.map((one) => [
        one.id,
        one.restaurantId,
        one.attempt,
        one.startedAt === null ? null : new Date(one.startedAt).toISOString(),
        new Date(one.since).toISOString(),
        one.undecided ? 'you: mersal unknown resolve' : 'reconciliation',
      ]),
      'no outcome is unknown',
    );
    return report({ items }, text, items.some((one) => one.undecided) ? EXIT.attention : EXIT.ok);
  });
}

async function everyUnknown(
  ledger: Pick<Ledger, 'listUnknown'>,
  tenant: number | null,
): Promise<readonly UnknownEntry[]> {
  const all: UnknownEntry[] = [];
  for (;;) {
    const page = await ledger.listUnknown(tenant, PAGE, all.at(-1)?.place);
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

/** What the operator found out at the provider. `not-sent` sends it again. */
export async function unknownResolve(
  env: Environment,
  id: string,
  given: { readonly as: string; readonly sid?: string },
): Promise<Report> {
  const decision = DECISIONS[given.as];
  if (decision === undefined)
    throw new CliError('decision_invalid', '--as is sent, not-sent or dead', EXIT.usage);
  if (given.sid !== undefined && decision !== 'sent')
    throw new CliError('sid_without_sent', 'a sid belongs to a message that was sent', EXIT.usage);
  return withDatabase(env, async (database) => {
    const { tenant, u } = await findMessage(database, id);
    const done = await createPostgresLedger(database).decideUnknown(tenant, u, decision, {
      by: actor(),
      ...(given.sid === undefined ? {} : { sid: given.sid }),
    });
    if (!done)
      throw new CliError('not_unknown', 'its outcome is not unknown any more: see `mersal queue message`');
    const next = { sent: 'it counts as sent', not_sent: 'it is sent again', dead: 'it is given up' }[
      decision
    ];
    return report({ id, decision: given.as }, `${id}: ${next}`);
  });
}
