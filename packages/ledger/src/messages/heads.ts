import type { Row, Statement } from '../database.js';
import { ownedValues, type Ownership, stillOwned } from '../ownership/ownership.js';
import { LANE, MESSAGE } from '../states.js';
import { type Head, toHead } from './admit-sends.js';

/** Restaurants of these partitions that have a lane whose head may go: one index probe a restaurant, not one a lane. */
export function readyTenants(partitions: readonly number[]): Statement {
  return {
    name: 'ready-tenants',
    text: `
      select f.tenant from unnest($1::smallint[]) p(partition), lateral (
        with recursive t as (
          (select tenant from lane l where l.partition = p.partition and due = '-infinity' order by tenant limit 1)
          union all
          select (select l.tenant from lane l
                   where l.partition = p.partition and l.due = '-infinity' and l.tenant > t.tenant
                   order by l.tenant limit 1)
            from t where t.tenant is not null
        )
        select tenant from t where tenant is not null) f`,
    values: [partitions],
  };
}

/**
 * The first heads of restaurants by priority and order, and their oldest (every tenth turn is the oldest's). `perTenant`
 * bounds each of the two.
 */
export function refill(
  tenants: readonly { readonly tenant: number; readonly partition: number }[],
  perTenant: number,
): Statement {
  return {
    name: 'refill',
    text: `
      select h.* from unnest($1::smallint[], $2::int[]) t(partition, tenant), lateral (
        (select l.tenant, l.lane, l.head, l.priority, l.seq from lane l
          where l.partition = t.partition and l.tenant = t.tenant and l.due = '-infinity' and l.state = ${LANE.open}
          order by l.priority desc, l.seq limit $3)
        union
        (select l.tenant, l.lane, l.head, l.priority, l.seq from lane l
          where l.partition = t.partition and l.tenant = t.tenant and l.due = '-infinity' and l.state = ${LANE.open}
          order by l.seq limit 2)) h`,
    values: [tenants.map((t) => t.partition), tenants.map((t) => t.tenant), perTenant],
  };
}

/** Whether there is anything to wake: mostly there is not, and nothing need be locked for it. */
export function hasDue(partitions: readonly number[]): Statement {
  return {
    name: 'has-due',
    text: `
      select exists (
               select from lane
                where partition = any($1::smallint[]) and due > '-infinity' and due <= clock_timestamp()
                  and state = ${LANE.open})
          or exists (
               select from message
                where partition = any($1::smallint[]) and state = ${MESSAGE.scheduled}
                  and due <= clock_timestamp())
          or exists (
               select from message
                where partition = any($1::smallint[]) and state = ${MESSAGE.refused} and queued) as due`,
    values: [partitions],
  };
}

/** Opens lanes whose head has become due. To be run behind lockOwned. */
export function wakeLanes(owned: readonly Ownership[], most: number): Statement {
  return {
    name: 'wake-lanes',
    text: `
      update lane set due = '-infinity'
       where (tenant, lane) in (
         select tenant, lane from lane
          where partition = any(${stillOwned(2)}) and due > '-infinity' and due <= clock_timestamp() and state = ${LANE.open}
          order by due limit $1 for no key update skip locked)
      returning tenant, lane, head, priority, seq`,
    values: [most, ...ownedValues(owned)],
  };
}

/** Gives scheduled messages that have fallen due their place: at the end of their conversation, as of now. Behind lockOwned. */
export function promoteScheduled(owned: readonly Ownership[], most: number): Statement {
  return {
    name: 'promote-scheduled',
    text: `
      with d as (
        select tenant, u from message
         where partition = any(${stillOwned(2)}) and state = ${MESSAGE.scheduled} and due <= clock_timestamp()
         order by due limit $1 for no key update skip locked
      ), m as (
        update message x set state = ${MESSAGE.waiting}, due = '-infinity', seq = nextval('place'), changed_at = clock_timestamp()
          from d where x.tenant = d.tenant and x.u = d.u
        returning x.tenant, x.u, x.lane, x.partition, x.priority, x.seq
      ) ${JOIN_LANES}`,
    values: [most, ...ownedValues(owned)],
  };
}

/**
 * Sends that were refused without the queue, and whose record came through Kafka: they were accepted by that, and begin anew. Behind
 * lockOwned.
 */
export function promoteReopened(owned: readonly Ownership[], most: number): Statement {
  return {
    name: 'promote-reopened',
    text: `
      with d as (
        select tenant, u from message
         where partition = any(${stillOwned(2)}) and state = ${MESSAGE.refused} and queued
         limit $1 for no key update skip locked
      ), m as (
        update message x set state = ${MESSAGE.waiting}, due = '-infinity', seq = nextval('place'), retries = 0, error_class = null,
               error_code = null, redriven_at = clock_timestamp(), changed_at = clock_timestamp()
          from d where x.tenant = d.tenant and x.u = d.u
        returning x.tenant, x.u, x.lane, x.partition, x.priority, x.seq, x.redrive, x.attempt
      ), e as (
        insert into outbox (partition, tenant, u, redrive, attempt, state)
        select partition, tenant, u, redrive, attempt, 'queued' from m
      ) ${JOIN_LANES}`,
    values: [most, ...ownedValues(owned)],
  };
}

/** Newcomers, `m`, join their lanes: at the end, before the head of an open one only by priority. */
const JOIN_LANES = `
      insert into lane (tenant, lane, partition, head, priority, seq, due)
      select * from (
        select distinct on (tenant, lane) tenant, lane, partition, u, priority, seq, '-infinity'::timestamptz
          from m order by tenant, lane, priority desc, seq) h
      on conflict (tenant, lane) do update
         set head = excluded.head, priority = excluded.priority, seq = excluded.seq, due = excluded.due
       where lane.state = 0 and excluded.priority > lane.priority
      returning tenant, lane, head, priority, seq`;

export function toHeads(rows: readonly Row[]): Head[] {
  return rows.map(toHead);
}
