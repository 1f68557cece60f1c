import { type Listed, reviewRestore } from '@mersal/ledger';
import { maskPhone } from '@mersal/telemetry';
import { withDatabase } from '../connections.js';
import { CliError, type Report, report } from '../report.js';
import type { Environment } from '../settings.js';
import { table } from '../table.js';

/** Of each kind; how many there are in all is told with them. */
const MOST = 50;

/** What a restored ledger holds to be in force, for somebody to compare with what was decided since its backup. Changes nothing. */
export async function restoreReview(env: Environment): Promise<Report> {
  return withDatabase(env, async (database) => {
    const found = await reviewRestore(database, MOST);
    if (!found) throw new CliError('no_restore', 'no restore was begun: see `mersal restore begin`');
    const { newest, begunAt, finishedAt } = found;
    const review = {
      newest: iso(newest),
      begunAt: iso(begunAt),
      finishedAt: iso(finishedAt),
      decisions: found.decisions.map((one) => ({ ...one, at: iso(one.at) })),
      keys: each(found.keys, (one) => ({
        ...one,
        createdAt: iso(one.createdAt),
        expiresAt: iso(one.expiresAt),
        lastUsedAt: iso(one.lastUsedAt),
      })),
      pauses: each(found.pauses, ({ restaurantId, sender, begunAt: since, until, by, reason }) => ({
        restaurantId,
        number: sender === null ? null : maskPhone(sender),
        since: iso(since),
        until: Number.isFinite(until) ? iso(until) : null,
        by,
        reason,
      })),
      suspended: each(found.suspended, ({ changedAt, ...one }) => ({ ...one, changedAt: iso(changedAt) })),
      suppressionsOf: found.suppressionsOf,
      suppressions: each(found.suppressions, ({ address, createdAt, ...one }) => ({
        ...one,
        number: maskPhone(address),
        since: iso(createdAt),
      })),
    };
    return report(review, shown(review));
  });
}

interface Review {
  readonly newest: string | null;
  readonly begunAt: string | null;
  readonly finishedAt: string | null;
  readonly decisions: readonly { action: string; at: string | null; actor: string; subject: string }[];
  readonly keys: Listed<{
    keyId: string;
    restaurantId: string | null;
    name: string;
    scopes: readonly string[];
    createdAt: string | null;
    lastUsedAt: string | null;
    expiresAt: string | null;
  }>;
  readonly pauses: Listed<{
    restaurantId: string | null;
    number: string | null;
    since: string | null;
    until: string | null;
    by: string;
    reason: string;
  }>;
  readonly suspended: Listed<{
    restaurantId: string;
    changedAt: string | null;
    by: string | null;
    reason: string | null;
  }>;
  readonly suppressionsOf: Listed<{ restaurantId: string; count: number }>;
  readonly suppressions: Listed<{
    restaurantId: string;
    number: string;
    since: string | null;
    reason: string;
  }>;
}

function shown(review: Review): string {
  const { newest, begunAt, finishedAt, decisions, keys, pauses, suspended, suppressions, suppressionsOf } =
    review;
  return [
    `restored, begun ${begunAt}, ${finishedAt === null ? 'not finished' : `finished ${finishedAt}`}`,
    `nothing that was decided after ${newest ?? 'the backup'} is known here: what was ended since is back, what was begun since is gone. Decide it again`,
    '',
    'decided last, of what is known',
    table(
      ['what', 'at', 'who', 'of'],
      decisions.map((one) => [one.action, one.at, one.actor, one.subject]),
      'nothing',
    ),
    '',
    heading('keys that are valid', keys, 'mersal keys list'),
    table(
      ['key id', 'restaurant', 'name', 'scopes', 'created', 'last used', 'expires'],
      keys.items.map((one) => [
        one.keyId,
        one.restaurantId ?? '(platform)',
        one.name,
        one.scopes.join(' '),
        one.createdAt,
        one.lastUsedAt,
        one.expiresAt,
      ]),
    ),
    '',
    heading('pauses', pauses, 'mersal queue pauses'),
    table(
      ['paused', 'number', 'since', 'until', 'by', 'reason'],
      pauses.items.map((one) => [
        one.restaurantId ?? 'everything',
        one.number,
        one.since,
        one.until ?? 'resumed',
        one.by,
        one.reason,
      ]),
    ),
    '',
    heading('restaurants that are suspended', suspended, 'mersal tenants list'),
    table(
      ['restaurant', 'since', 'by', 'reason'],
      suspended.items.map((one) => [one.restaurantId, one.changedAt, one.by ?? 'provider', one.reason]),
    ),
    '',
    heading('restaurants with recipients who opted out', suppressionsOf, 'mersal suppressions list'),
    table(
      ['restaurant', 'opted out'],
      suppressionsOf.items.map((one) => [one.restaurantId, one.count]),
    ),
    '',
    heading('recipients who opted out', suppressions, 'mersal suppressions list'),
    table(
      ['restaurant', 'number', 'since', 'reason'],
      suppressions.items.map((one) => [one.restaurantId, one.number, one.since, one.reason]),
    ),
  ].join('\n');
}

function heading(name: string, { total, items }: Listed<unknown>, all: string): string {
  return total > items.length
    ? `${name}: ${total}, the first ${items.length} of them (all: \`${all}\`)`
    : `${name}: ${total}`;
}

function each<T, U>({ total, items }: Listed<T>, change: (item: T) => U): Listed<U> {
  return { total, items: items.map(change) };
}

function iso(ms: number): string;
function iso(ms: number | null): string | null;
function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
