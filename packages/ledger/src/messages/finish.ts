import type { Statement } from '../database.js';
import { ownedValues, type Ownership, stillOwned } from '../ownership/ownership.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { LANE, MESSAGE } from '../states.js';

/** Waiting messages that are past their `expiresAt`. */
export function expiredMessages(partitions: readonly number[], most: number): Statement {
  return {
    name: 'expired-messages',
    text: `
      select tenant, u from message
       where partition = any($1::smallint[]) and expires_at <= clock_timestamp()
         and state in (${MESSAGE.waiting}, ${MESSAGE.retrying}, ${MESSAGE.scheduled}, ${MESSAGE.held})
       order by expires_at limit $2`,
    values: [partitions, most],
  };
}

/**
 * Ends messages that were not sent: cancelled, or expired by the database's clock. One that is sending or unknown
 * stays. Their lanes go on with the next message. To be run behind lockLanesOf, in one transaction. `owned`: only in these
 * partitions, behind lockOwned.
 */
export function finishUnsent(
  tenants: readonly number[],
  us: readonly string[],
  end: 'cancelled' | 'expired',
  owned?: readonly Ownership[],
): Statement {
  return {
    name: `finish-unsent-${end}${owned ? '-owned' : ''}`,
    text: `
      with i as (
        select distinct tenant, u from unnest($1::int[], $2::uuid[]) as i(tenant, u)
      ), m as (
        update message x set state = ${MESSAGE[end]}, changed_at = clock_timestamp()
          from i
         where x.tenant = i.tenant and x.u = i.u
           and x.state in (${MESSAGE.waiting}, ${MESSAGE.retrying}, ${MESSAGE.scheduled}, ${MESSAGE.held})
           ${owned ? `and x.partition = any(${stillOwned(3)})` : ''}
           ${end === 'expired' ? 'and x.expires_at <= clock_timestamp()' : ''}
           and not exists (
             select from lane l where l.tenant = x.tenant and l.lane = x.lane and l.head = x.u
                and l.state in (${LANE.sending}, ${LANE.unknown}))
        returning x.tenant, x.u, x.lane, x.partition, x.redrive, x.attempt
      ), head as (
        select m.* from m join lane l on l.tenant = m.tenant and l.lane = m.lane and l.head = m.u
      ), nx as (
        select h.tenant, h.lane, h.u as done, z.u, z.priority, z.seq, z.due
          from head h left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = h.tenant and q.lane = h.lane and q.state = ${MESSAGE.waiting}
               and not exists (select from m where m.tenant = q.tenant and m.u = q.u)
             order by q.priority desc, q.seq limit 1) z on true
      ), ${ADVANCE_LANES}, e as (
        insert into outbox (partition, tenant, u, redrive, attempt, state)
        select partition, tenant, u, redrive, attempt, '${end}' from m
      )
      select tenant, u from m`,
    values: [tenants, us, ...(owned ? ownedValues(owned) : [])],
  };
}

/** A cancelled message whose record has not come through Kafka yet: admission will find the id taken. Whole ms, as lists are paged by. */
export function writeTombstone(tenant: number, u: string, tag: string): Statement {
  return {
    name: 'write-tombstone',
    text: `
      insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at)
      select t.id, $2, $3, t.partition, 0, '', 0, 0, ${MESSAGE.cancelled}, '-infinity', date_trunc('milliseconds', clock_timestamp())
        from tenant t where t.id = $1
      on conflict (tenant, u) do nothing
      returning u`,
    values: [tenant, u, tag],
  };
}
