import {
  createPostgresLedger,
  type Database,
  type Pause,
  type PauseTarget,
  restaurantIdsOf,
} from '@mersal/ledger';
import { maskPhone } from '@mersal/telemetry';
import { withDatabase } from '../connections.js';
import { EXIT } from '../exit-codes.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';
import { actor, audit } from './audit.js';
import { findMessage, findTenant } from './find.js';

/** What is meant: one number of a restaurant, a restaurant, or everything. */
export interface PauseChoice {
  readonly restaurant?: string;
  readonly number?: string;
}

async function targetOf(database: Database, choice: PauseChoice): Promise<PauseTarget> {
  if (choice.restaurant === undefined) {
    if (choice.number !== undefined)
      throw new CliError(
        'restaurant_missing',
        'a number is a restaurant’s: name it with --restaurant',
        EXIT.usage,
      );
    return { scope: 'all' };
  }
  const tenant = await findTenant(database, choice.restaurant);
  if (choice.number === undefined) return { scope: 'tenant', tenant };
  return { scope: 'sender', tenant, sender: `whatsapp:${choice.number.replace(/^whatsapp:/, '')}` };
}

const nameOf = (choice: PauseChoice): string =>
  choice.restaurant === undefined
    ? 'everything'
    : [choice.restaurant, choice.number].filter(Boolean).join(' ');

/** Nothing more is sent, within 2 s and over restarts; what is under way at the provider ends. */
export async function queuePause(
  env: Environment,
  choice: PauseChoice & { readonly minutes?: string; readonly reason: string },
  now: number,
): Promise<Report> {
  const minutes = choice.minutes === undefined ? null : Number(choice.minutes);
  if (minutes !== null && !(minutes > 0 && minutes <= 525_600))
    throw new CliError('minutes_invalid', '--minutes is a number above 0 and at most 525,600', EXIT.usage);
  return withDatabase(env, async (database) => {
    const until = minutes === null ? null : now + minutes * 60_000;
    await createPostgresLedger(database).setPause(
      await targetOf(database, choice),
      until,
      choice.reason,
      actor(),
    );
    const end = until === null ? 'until `mersal queue resume`' : `until ${new Date(until).toISOString()}`;
    return report({ paused: nameOf(choice), until }, `${nameOf(choice)}: paused ${end}`);
  });
}

export async function queueResume(env: Environment, choice: PauseChoice): Promise<Report> {
  return withDatabase(env, async (database) => {
    if (!(await createPostgresLedger(database).liftPause(await targetOf(database, choice), actor())))
      throw new CliError('not_paused', `${nameOf(choice)} is not paused: see \`mersal queue pauses\``);
    return report({ resumed: nameOf(choice) }, `${nameOf(choice)}: goes on`);
  });
}

/** What is paused now, by operators and at the provider's wish. */
export async function queuePauses(env: Environment): Promise<Report> {
  return withDatabase(env, async (database) => {
    const pauses = await createPostgresLedger(database).readPauses();
    const names = await restaurantIdsOf(
      database,
      pauses.flatMap(({ target }) => (target.scope === 'all' ? [] : [target.tenant])),
    );
    const items = pauses.map((pause) => ({
      ...shown(pause, names),
      since: new Date(pause.begunAt).toISOString(),
      until: Number.isFinite(pause.until) ? new Date(pause.until).toISOString() : null,
      by: pause.by,
      reason: pause.reason,
    }));
    return report(
      { items },
      table(
        ['paused', 'number', 'since', 'until', 'by', 'reason'],
        items.map((one) => [
          one.restaurantId ?? 'everything',
          one.number,
          one.since,
          one.until ?? 'resumed',
          one.by,
          one.reason,
        ]),
        'nothing is paused',
      ),
    );
  });
}

function shown(
  { target }: Pause,
  names: ReadonlyMap<number, string>,
): { readonly restaurantId: string | null; readonly number: string | null } {
  if (target.scope === 'all') return { restaurantId: null, number: null };
  return {
    restaurantId: names.get(target.tenant) ?? String(target.tenant),
    number: target.scope === 'sender' ? maskPhone(target.sender) : null,
  };
}

/** A conversation that waits behind a dead message goes on without it. */
export async function queueRelease(env: Environment, id: string): Promise<Report> {
  return withDatabase(env, async (database) => {
    const { tenant, u } = await findMessage(database, id);
    const next = await createPostgresLedger(database).releaseHeld(tenant, u);
    if (next === null) throw new CliError('holds_nothing', 'no conversation waits behind this message');
    await audit(database, 'queue.release', id);
    return report({ id, goesOn: next !== undefined }, `${id}: its conversation goes on`);
  });
}
