import type { Row, Statement } from '../database.js';
import type { Ownership } from '../ownership/ownership.js';
import { LANE, MESSAGE } from '../states.js';
import { type Head, toHead } from './admit-sends.js';

/** Restaurants of a partition that have a lane whose head may go: one index probe a restaurant, not one a lane. */
export function readyTenants(partition: number): Statement {
  return {
    name: 'ready-tenants',
    text: `
      with recursive t as (
        (select tenant from lane where partition = $1 and due = '-infinity' order by tenant limit 1)
        union all
        select (select l.tenant from lane l
                 where l.partition = $1 and l.due = '-infinity' and l.tenant > t.tenant order by l.tenant limit 1)
          from t where t.tenant is not null
      )
      select tenant from t where tenant is not null`,
    values: [partition],
  };
}

/**
 * The first heads of restaurants by priority and order, and their oldest (every tenth turn is the oldest's). `perTenant`
 * bounds each of the two.
 */
export function refill(partition: number, tenants: readonly number[], perTenant: number): Statement {
  return {
    name: 'refill',
    text: `
      select h.* from unnest($2::int[]) t(tenant), lateral (
        (select l.tenant, l.lane, l.head, l.priority, l.seq from lane l
          where l.partition = $1 and l.tenant = t.tenant and l.due = '-infinity' and l.state = ${LANE.open}
          order by l.priority desc, l.seq limit $3)
        union
        (select l.tenant, l.lane, l.head, l.priority, l.seq from lane l
          where l.partition = $1 and l.tenant = t.tenant and l.due = '-infinity' and l.state = ${LANE.open}
          order by l.seq limit 2)) h`,
    values: [partition, tenants, perTenant],
  };
}

/** Opens lanes whose head has become due. */
export function wakeLanes(partition: number, most: number): Statement {
  return {
    name: 'wake-lanes',
    text: `
      update lane set due = '-infinity'
       where (tenant, lane) in (
         select tenant, lane from lane
          where partition = $1 and due > '-infinity' and due <= clock_timestamp() and state = ${LANE.open}
          order by due limit $2 for no key update skip locked)
      returning tenant, lane, head, priority, seq`,
    values: [partition, most],
  };
}

/** Gives scheduled messages that have fallen due their place: at the end of their conversation, as of now. */
export function promoteScheduled(own: Ownership, most: number): Statement {
  return {
    name: 'promote-scheduled',
    text: `
      with d as (
        select tenant, u from message
         where partition = $1 and state = ${MESSAGE.scheduled} and due <= clock_timestamp()
         order by due limit $2 for no key update skip locked
      ), m as (
        update message x set state = ${MESSAGE.waiting}, due = '-infinity', seq = nextval('place'), changed_at = clock_timestamp()
          from d where x.tenant = d.tenant and x.u = d.u
        returning x.tenant, x.u, x.lane, x.priority, x.seq
      )
      insert into lane (tenant, lane, partition, head, priority, seq, due)
      select * from (
        select distinct on (tenant, lane) tenant, lane, $1::smallint, u, priority, seq, '-infinity'::timestamptz
          from m order by tenant, lane, priority desc, seq) h
      on conflict (tenant, lane) do update
         set head = excluded.head, priority = excluded.priority, seq = excluded.seq, due = excluded.due
       where lane.state = 0 and excluded.priority > lane.priority
      returning tenant, lane, head, priority, seq`,
    values: [own.partition, most],
  };
}

export function toHeads(rows: readonly Row[]): Head[] {
  return rows.map(toHead);
}
