import type { Database, Row, Statement } from '../database.js';

export interface RateGroupState {
  readonly mode: 'redis' | 'shares';
  readonly epoch: number;
  /** Who has a share, in shares mode. */
  readonly members: readonly string[];
  /** Since the last change, in ms by the database's clock. */
  readonly ageMs: number;
}

export interface LiveMember {
  readonly name: string;
  /** How long Redis has answered it without a failure, in ms; null: it does not. */
  readonly redisOkMs: number | null;
}

/** A member that was not seen for this long is gone, in ms. */
export const MEMBER_GONE_MS = 5_000;

/** Says that this member lives and whether Redis answers it; returns the group and who else lives. */
export async function beat(
  database: Database,
  name: string,
  redisOk: boolean,
): Promise<{ readonly group: RateGroupState; readonly live: readonly LiveMember[] }> {
  const statements = [
    {
      name: 'rate-beat',
      text: `
        insert into rate_member as m (name, redis_ok_since, seen_at)
        values ($1, case when $2 then clock_timestamp() end, clock_timestamp())
        on conflict (name) do update
           set seen_at = excluded.seen_at,
               redis_ok_since = case when $2 then coalesce(m.redis_ok_since, excluded.redis_ok_since) end`,
      values: [name, redisOk],
    },
    {
      name: 'rate-read',
      text: `
        select g.mode, g.epoch, g.members, extract(epoch from clock_timestamp() - g.changed_at) * 1000 as age_ms,
               (select json_agg(json_build_object('name', m.name,
                         'redisOkMs', extract(epoch from clock_timestamp() - m.redis_ok_since) * 1000) order by m.name)
                  from rate_member m where m.seen_at > clock_timestamp() - ${MEMBER_GONE_MS} * interval '1 ms') as live
          from rate_group g`,
      values: [],
    },
  ];
  // The next beat says it again.
  const [, rows] = await database.transaction(statements, { mayBeLost: true });
  const row = rows?.[0] ?? {};
  return { group: toState(row), live: (row['live'] as LiveMember[] | null) ?? [] };
}

/** How the senders keep the global rate just now. */
export async function readRateMode(database: Database): Promise<RateGroupState['mode']> {
  const [row] = await database.run({
    name: 'read-rate-mode',
    text: 'select mode from rate_group',
    values: [],
  });
  return row?.['mode'] as RateGroupState['mode'];
}

/**
 * A new epoch, by compare-and-set. Waits for claims of the old one that are under way; undefined: somebody was first.
 *
 * The row is locked first: an update that has to wait for it keeps the time that it had begun with, and claims go on until it is
 * through.
 */
export async function changeGroup(
  database: Database,
  from: number,
  to: { readonly mode: 'redis' | 'shares'; readonly members: readonly string[] },
): Promise<RateGroupState | undefined> {
  const [row] = await database.run({
    name: 'rate-change',
    text: `
      with l as materialized (select epoch from rate_group where epoch = $1 for update)
      update rate_group g set mode = $2, members = $3, epoch = g.epoch + 1, changed_at = clock_timestamp()
        from l where g.epoch = l.epoch returning g.mode, g.epoch, g.members, 0 as age_ms`,
    values: [from, to.mode, to.members],
  });
  return row ? toState(row) : undefined;
}

/** A member that ends in order leaves at once. */
export function leaveGroup(name: string): Statement {
  return { name: 'rate-leave', text: 'delete from rate_member where name = $1', values: [name] };
}

/** Fails with MS003 unless this is the group's epoch. Held in share mode until commit. */
export function requireRateEpoch(epoch: number): Statement {
  return { name: 'require-rate-epoch', text: 'select require_rate_epoch($1::bigint)', values: [epoch] };
}

function toState(row: Row): RateGroupState {
  return {
    mode: row['mode'] as RateGroupState['mode'],
    epoch: Number(row['epoch']),
    members: row['members'] as string[],
    ageMs: Number(row['age_ms']),
  };
}
