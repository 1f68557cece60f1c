import type { Database, Row } from '../database.js';
import type { Pause } from '../pauses/pauses.js';

/*
 * What somebody decided after a backup was made is not in it: what was ended is back, what was begun is gone. Nothing here can say
 * which; it says all that is in force, and how far the ledger knows of decisions at all.
 */

/** Times are ms since 1970. */
export interface RestoreReview {
  /** The newest that the backup knew of; null: a version before this one began the restore. */
  readonly newest: number | null;
  readonly begunAt: number;
  /** Null: it is not finished. */
  readonly finishedAt: number | null;
  /** What was decided last before the restore, of each kind; the newest first. */
  readonly decisions: readonly LastDecision[];
  readonly keys: Listed<ValidKey>;
  readonly pauses: Listed<RunningPause>;
  readonly suppressions: Listed<NewSuppression>;
  readonly suppressionsOf: Listed<{ readonly restaurantId: string; readonly count: number }>;
  readonly suspended: Listed<SuspendedRestaurant>;
}

/** The newest, and how many there are in all. */
export interface Listed<T> {
  readonly total: number;
  readonly items: readonly T[];
}

export interface LastDecision {
  readonly action: string;
  readonly at: number;
  readonly actor: string;
  readonly subject: string;
}

export interface ValidKey {
  readonly keyId: string;
  /** Null: a platform's key. */
  readonly restaurantId: string | null;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

export interface RunningPause extends Pick<Pause, 'begunAt' | 'until' | 'reason' | 'by'> {
  /** Null: everything. */
  readonly restaurantId: string | null;
  /** `whatsapp:+…`, in full: to be masked wherever it is shown; null: all numbers. */
  readonly sender: string | null;
}

export interface NewSuppression {
  readonly restaurantId: string;
  readonly recipient: string;
  /** In full: to be masked wherever it is shown; empty where it was erased. */
  readonly address: string;
  readonly reason: string;
  readonly createdAt: number;
}

export interface SuspendedRestaurant {
  readonly restaurantId: string;
  readonly reason: string | null;
  /** Null: the provider's answers did. */
  readonly by: string | null;
  readonly changedAt: number;
}

/** What is in force on a ledger that was restored, `most` of each. Undefined: no restore was ever begun on it. */
export async function reviewRestore(database: Database, most: number): Promise<RestoreReview | undefined> {
  const [restore] = await database.run({
    name: 'review-restore',
    text: `
      with b as (
        select n, at, detail from audit
         where subject = 'everything' and action = 'restore.begin' and n > coalesce((
                 select max(f.n) from audit f
                  where f.subject = 'everything' and f.action = 'restore.finish'
                    and f.n < (select max(l.n) from audit l where l.subject = 'everything' and l.action = 'restore.begin')), 0)
         order by n limit 1)
      select ${ms('b.at')} as begun_at, (b.detail->>'newest')::float8 as newest, b.at::text as before,
             (select ${ms('f.at')} from audit f
               where f.subject = 'everything' and f.action = 'restore.finish' and f.n > b.n order by f.n limit 1) as finished_at
        from b`,
    values: [],
  });
  if (!restore) return undefined;
  const list = async <T>(name: string, text: string, each: (row: Row) => T): Promise<Listed<T>> => {
    const rows = await database.run({ name: `review-${name}`, text, values: [most] });
    return { total: Number(rows[0]?.['total'] ?? 0), items: rows.map(each) };
  };
  const decisions = await database.run({
    name: 'review-decisions',
    text: `
      select action, ${ms('at')} as at, actor, subject
        from (select distinct on (action) * from audit where at < $1::timestamptz order by action, n desc) a order by n desc`,
    values: [restore['before']],
  });
  return {
    newest: time(restore, 'newest'),
    begunAt: time(restore, 'begun_at') ?? 0,
    finishedAt: time(restore, 'finished_at'),
    decisions: decisions.map((row) => ({
      action: row['action'] as string,
      at: time(row, 'at') ?? 0,
      actor: row['actor'] as string,
      subject: row['subject'] as string,
    })),
    keys: await list('keys', KEYS, (row) => ({
      keyId: row['id'] as string,
      restaurantId: row['restaurant_id'] as string | null,
      name: row['name'] as string,
      scopes: row['scopes'] as string[],
      createdAt: time(row, 'created_at') ?? 0,
      expiresAt: time(row, 'expires_at'),
      lastUsedAt: time(row, 'last_used_at'),
    })),
    pauses: await list('pauses', PAUSES, (row) => ({
      restaurantId: row['restaurant_id'] as string | null,
      sender: row['sender'] as string | null,
      begunAt: time(row, 'begun_at') ?? 0,
      until: Number(row['until']),
      reason: row['reason'] as string,
      by: row['by'] as string,
    })),
    suppressions: await list('suppressions', SUPPRESSIONS, (row) => ({
      restaurantId: row['restaurant_id'] as string,
      recipient: row['recipient'] as string,
      address: row['address'] as string,
      reason: row['reason'] as string,
      createdAt: time(row, 'created_at') ?? 0,
    })),
    suppressionsOf: await list('suppressions-of', SUPPRESSIONS_OF, (row) => ({
      restaurantId: row['restaurant_id'] as string,
      count: row['count'] as number,
    })),
    suspended: await list('suspended', SUSPENDED, (row) => ({
      restaurantId: row['restaurant_id'] as string,
      reason: row['status_reason'] as string | null,
      by: row['suspended_by'] as string | null,
      changedAt: time(row, 'changed_at') ?? 0,
    })),
  };
}

function ms(column: string): string {
  return `extract(epoch from ${column}) * 1000`;
}

function time(row: Row, name: string): number | null {
  return row[name] === null ? null : Math.round(Number(row[name]));
}

const KEYS = `
  select k.id, t.restaurant_id, k.name, k.scopes, ${ms('k.created_at')} as created_at, ${ms('k.expires_at')} as expires_at,
         ${ms('k.last_used_at')} as last_used_at, count(*) over () as total
    from api_key k left join tenant t on t.id = k.tenant
   where k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())
   order by k.created_at desc, k.id limit $1`;

const PAUSES = `
  select t.restaurant_id, p.sender, ${ms('p.begun_at')} as begun_at, ${ms('p.until')} as until, p.reason, p.by,
         count(*) over () as total
    from pause p left join tenant t on t.id = p.tenant
   where p.until > clock_timestamp() order by p.begun_at desc, p.n limit $1`;

const SUPPRESSIONS = `
  select t.restaurant_id, encode(s.recipient, 'hex') as recipient, s.address, s.reason, ${ms('s.created_at')} as created_at,
         count(*) over () as total
    from suppression s join tenant t on t.id = s.tenant
   where s.lifted_at is null order by s.created_at desc, s.tenant, s.recipient limit $1`;

const SUPPRESSIONS_OF = `
  select t.restaurant_id, count(*)::int as count, count(*) over () as total
    from suppression s join tenant t on t.id = s.tenant
   where s.lifted_at is null group by t.restaurant_id order by count desc, t.restaurant_id limit $1`;

const SUSPENDED = `
  select restaurant_id, status_reason, suspended_by, ${ms('changed_at')} as changed_at, count(*) over () as total
    from tenant where status = 'suspended' order by changed_at desc, id limit $1`;
