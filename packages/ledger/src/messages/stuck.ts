import type { Row, Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { hex } from './admit-sends.js';
import { UNDECIDED } from './leases.js';

/**
 * Why a conversation does not move.
 *
 *   undecided        an operator has to say whether it was sent
 *   outcome_unknown  that is being found out
 *   behind_dead      its first message is dead, and the restaurant chose to wait for an operator
 *   lease_ended      its request was begun and never ended: nobody owns the partition, or the owner is busy
 *   sending          a request is under way
 *   suspended        the restaurant's account is at fault
 *   paused           everything, the restaurant, or its number
 *   retry            it is tried again at its time
 *   retry_missing    the time of its retry passed and the retry's record did not come back
 *   turn             nothing but its turn
 */
export type StuckReason =
  | 'undecided'
  | 'outcome_unknown'
  | 'behind_dead'
  | 'lease_ended'
  | 'sending'
  | 'suspended'
  | 'paused'
  | 'retry'
  | 'retry_missing'
  | 'turn';

/** The first message of a conversation, and why it waits. Times are ms since 1970. */
export interface StuckMessage {
  readonly tenant: number;
  readonly restaurantId: string;
  readonly u: string;
  readonly tag: string;
  readonly reason: StuckReason;
  readonly attempts: number;
  /** When something happened to it last. */
  readonly since: number;
  /** When it goes on by itself; null: unknown, or never. */
  readonly until: number | null;
}

/** Of one restaurant, or of all with null. */
export function listStuck(tenant: number | null, olderThanMs: number, most: number): Statement {
  return {
    name: 'list-stuck',
    text: `
      with h as (
        select tenant, head as u, state, due, lease from lane where $1::int is null or tenant = $1
        union all
        select m.tenant, m.u, ${LANE.unknown}, '-infinity', null from message m
         where m.state = ${MESSAGE.unknown} and ($1::int is null or m.tenant = $1)
           and not exists (select from lane l where l.tenant = m.tenant and l.lane = m.lane and l.head = m.u)
      )
      select m.tenant, t.restaurant_id, m.u, m.tag, m.attempt, extract(epoch from m.changed_at) * 1000 as since,
             case
               when m.state = ${MESSAGE.unknown} and m.error_class = '${UNDECIDED}' then 'undecided'
               when m.state = ${MESSAGE.unknown} then 'outcome_unknown'
               when h.state = ${LANE.held} then 'behind_dead'
               when h.state = ${LANE.sending} and h.lease < clock_timestamp() then 'lease_ended'
               when h.state = ${LANE.sending} then 'sending'
               when m.state = ${MESSAGE.retrying} and m.due < clock_timestamp() then 'retry_missing'
               when t.status = 'suspended' then 'suspended'
               when t.status = 'paused' or p.until is not null then 'paused'
               when m.state = ${MESSAGE.retrying} or h.due > clock_timestamp() then 'retry'
               else 'turn' end as reason,
             case
               when m.state = ${MESSAGE.unknown} or h.state in (${LANE.held}, ${LANE.sending}) or t.status in ('suspended', 'paused') then null
               when p.until is not null then p.until
               when greatest(h.due, m.due) > clock_timestamp() then greatest(h.due, m.due) end as until
        from h
        join message m on m.tenant = h.tenant and m.u = h.u
        join tenant t on t.id = h.tenant
        left join lateral (
          select max(q.until) as until from pause q
           where q.until > clock_timestamp()
             and (q.scope = 'all' or (q.tenant = m.tenant and (q.scope = 'tenant' or q.sender = m.sender)))) p on true
       where m.changed_at < clock_timestamp() - $2 * interval '1 ms'
       order by m.changed_at, m.tenant, m.u limit $3`,
    values: [tenant, olderThanMs, most],
  };
}

export function toStuck(row: Row): StuckMessage {
  const until = row['until'] as Date | number | null;
  return {
    tenant: row['tenant'] as number,
    restaurantId: row['restaurant_id'] as string,
    u: hex(row['u']),
    tag: row['tag'] as string,
    reason: row['reason'] as StuckReason,
    attempts: row['attempt'] as number,
    since: Math.floor(Number(row['since'])),
    // 'infinity' is a number to the driver: a pause without an end.
    until: until instanceof Date ? until.getTime() : null,
  };
}

/**
 * A retry that waits for its time is due now. One whose record is still on its way has it written once more. The owner of
 * its partition finds the lane by its time, as any that has become due. To be run behind lockLanesOf.
 */
export function retryNow(tenant: number, u: string): Statement {
  return {
    name: 'retry-now',
    text: `
      with m as (
        update message x set due = clock_timestamp()
         where x.tenant = $1 and x.u = $2
           and (x.state = ${MESSAGE.retrying} or (x.state = ${MESSAGE.waiting} and x.due > clock_timestamp()))
        returning x.*
      ), l as (
        update lane y set due = clock_timestamp()
          from m where y.tenant = m.tenant and y.lane = m.lane and y.head = m.u and m.state = ${MESSAGE.waiting}
           and y.state = ${LANE.open}
      ), o as (
        insert into outbox (partition, tenant, u, redrive, attempt, state, detail)
        select partition, tenant, u, redrive, attempt, 'retrying',
               jsonb_build_object('notBefore', (extract(epoch from due) * 1000)::bigint)
          from m where m.state = ${MESSAGE.retrying}
      )
      select u from m`,
    values: [tenant, u],
  };
}
