import type { Row, Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { hex } from './admit-sends.js';
import { UNDECIDED } from './leases.js';

/** What an operator decides of a message whose outcome can't be told. `not_sent`: it is tried again. */
export type UnknownDecision = 'sent' | 'not_sent' | 'dead';

/** A message that waits for an operator, or is still being reconciled. */
export interface UnknownEntry {
  readonly tenant: number;
  readonly restaurantId: string;
  readonly u: string;
  readonly tag: string;
  readonly attempt: number;
  readonly startedAt: number | null;
  readonly since: number;
  /** False: reconciliation is still looking. */
  readonly undecided: boolean;
  readonly place: UnknownPlace;
}

/** Where a list of unknown outcomes goes on. */
export interface UnknownPlace {
  /** Unknown since, in µs since 1970. */
  readonly at: number;
  readonly u: string;
}

/** Of one restaurant, or of all with null; the longest waiting first, behind `after`. */
export function listUnknown(tenant: number | null, most: number, after?: UnknownPlace): Statement {
  return {
    name: after ? 'list-unknown-after' : 'list-unknown',
    text: `
      select m.tenant, t.restaurant_id, m.u, m.tag, m.attempt, extract(epoch from a.started_at) * 1000 as started_at,
             (extract(epoch from m.changed_at) * 1000000)::bigint as since_micros, m.error_class = '${UNDECIDED}' as undecided
        from message m join tenant t on t.id = m.tenant
        left join attempt a on a.tenant = m.tenant and a.u = m.u and a.attempt = m.attempt
       where m.state = ${MESSAGE.unknown} and ($1::int is null or m.tenant = $1)
         ${after ? "and (m.changed_at, m.u) > ('epoch'::timestamptz + $3::float8 * interval '1 microsecond', $4::uuid)" : ''}
       order by m.changed_at, m.u limit $2`,
    values: [tenant, most, ...(after ? [after.at, after.u] : [])],
  };
}

export function toUnknownEntry(row: Row): UnknownEntry {
  const u = hex(row['u']);
  const at = Number(row['since_micros']);
  return {
    tenant: row['tenant'] as number,
    restaurantId: row['restaurant_id'] as string,
    u,
    tag: row['tag'] as string,
    attempt: row['attempt'] as number,
    startedAt: row['started_at'] === null ? null : Number(row['started_at']),
    since: at / 1_000,
    undecided: row['undecided'] === true,
    place: { at, u },
  };
}

const DECISIONS = {
  sent: { state: MESSAGE.sent, event: 'sent' },
  not_sent: { state: MESSAGE.retrying, event: 'retrying' },
  dead: { state: MESSAGE.dead, event: 'dead' },
} as const;

/**
 * Carries an operator's decision out, by compare-and-set on `unknown`. A message that is to be tried again waits for its
 * retry's record, as any. To be run behind lockLanesOf.
 */
export function decideUnknown(
  tenant: number,
  u: string,
  decision: UnknownDecision,
  given: { readonly sid?: string | undefined; readonly by: string },
): Statement {
  const { state, event } = DECISIONS[decision];
  const again = decision === 'not_sent';
  return {
    name: `decide-unknown-${decision}`,
    text: `
      with m as (
        update message x set state = ${state}, error_class = null, changed_at = clock_timestamp(),
               sid = coalesce($3, x.sid), due = ${again ? 'clock_timestamp()' : 'x.due'},
               dead_reason = ${decision === 'dead' ? `'by_operator'` : 'null'}
         where x.tenant = $1 and x.u = $2 and x.state = ${MESSAGE.unknown}
        returning x.tenant, x.u, x.lane, x.partition, x.redrive, x.attempt, x.sid
      ), a as (
        update attempt k set outcome = '${again ? 'not_accepted' : decision === 'sent' ? 'accepted' : 'unknown'}', sid = coalesce($3, k.sid)
          from m where k.tenant = m.tenant and k.u = m.u and k.attempt = m.attempt
      ), d as (
        insert into audit (actor, action, subject, detail)
        select $4, 'unknown.${decision}', (select t.restaurant_id from tenant t where t.id = m.tenant) || '/' || m.u, jsonb_strip_nulls(jsonb_build_object('sid', $3::text)) from m
      ), again as (
        update lane l set state = ${LANE.retrying}, lease = null from m
         where ${again} and l.tenant = m.tenant and l.lane = m.lane and l.head = m.u
      ), nx as (
        select m.tenant, m.lane, m.u as done, z.u, z.priority, z.seq, z.due
          from m left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = m.tenant and q.lane = m.lane and q.state = ${MESSAGE.waiting} and q.u <> m.u
             order by q.priority desc, q.seq limit 1) z on true
         where not ${again}
      ), ${ADVANCE_LANES}
      insert into outbox (partition, tenant, u, redrive, attempt, state, detail)
      select partition, tenant, u, redrive, attempt, '${event}', jsonb_strip_nulls(jsonb_build_object(
             'sid', sid, 'reason', ${decision === 'dead' ? `'by_operator'` : 'null::text'},
             'notBefore', case when ${again} then (extract(epoch from clock_timestamp()) * 1000)::bigint end))
        from m
      returning u`,
    values: [tenant, u, given.sid ?? null, given.by],
  };
}

/** A conversation that waits behind a dead message goes on without it. To be run behind lockLanesOf. */
export function releaseHeld(tenant: number, u: string): Statement {
  return {
    name: 'release-held',
    text: `
      with h as (
        select tenant, lane, head as done from lane l
         where l.tenant = $1 and l.head = $2 and l.state = ${LANE.held}
           and l.lane = (select m.lane from message m where m.tenant = $1 and m.u = $2)
      ), nx as (
        select h.tenant, h.lane, h.done, z.u, z.priority, z.seq, z.due
          from h left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = h.tenant and q.lane = h.lane and q.state = ${MESSAGE.waiting} and q.u <> h.done
             order by q.priority desc, q.seq limit 1) z on true
      ), ${ADVANCE_LANES}
      select h.done, v.tenant, v.lane, v.head, v.priority, v.seq, v.ready from h left join advanced v on v.done = h.done`,
    values: [tenant, u],
  };
}
