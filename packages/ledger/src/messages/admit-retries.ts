import type { Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';

/** A retry's record: it makes the message due, once, where attempt and redrive still are what they were. */
export interface Retry {
  readonly tenant: number;
  readonly u: string;
  readonly redrive: number;
  readonly attempt: number;
  readonly notBefore: number;
}

/** Locks the lanes of messages, in the one order. Nothing decides in the statement that waits for a lock. */
export function lockLanesOf(tenants: readonly number[], us: readonly string[]): Statement {
  return {
    name: 'lock-lanes-of',
    text: `
      select 1 from lane l
        join message m on m.tenant = l.tenant and m.lane = l.lane
        join unnest($1::int[], $2::uuid[]) i(tenant, u) on i.tenant = m.tenant and i.u = m.u
       order by l.tenant, l.lane for no key update of l`,
    values: [tenants, us],
  };
}

export function admitRetries(retries: readonly Retry[]): Statement {
  return {
    name: 'admit-retries',
    text: `
      with i as (
        select distinct on (tenant, u) * from unnest($1::int[], $2::uuid[], $3::smallint[], $4::smallint[], $5::timestamptz[])
          as i(tenant, u, redrive, attempt, due)
      ), m as (
        update message x set state = ${MESSAGE.waiting}, due = i.due, changed_at = clock_timestamp()
          from i
         where x.tenant = i.tenant and x.u = i.u and x.state = ${MESSAGE.retrying}
           and x.redrive = i.redrive and x.attempt = i.attempt
        returning x.tenant, x.u, x.lane, x.due
      )
      update lane l set state = ${LANE.open}, attempt = null, lease = null,
             due = case when m.due <= clock_timestamp() then '-infinity' else m.due end
        from m
       where l.tenant = m.tenant and l.lane = m.lane and l.head = m.u and l.state = ${LANE.retrying}
      returning l.tenant, l.lane, l.head, l.priority, l.seq, l.due = '-infinity' as ready`,
    values: [
      retries.map((r) => r.tenant),
      retries.map((r) => r.u),
      retries.map((r) => r.redrive),
      retries.map((r) => r.attempt),
      retries.map((r) => new Date(r.notBefore).toISOString()),
    ],
  };
}

/** Dead → waiting by compare-and-set on the redrive count; it gets a new place at its conversation's end. */
export function admitRedrives(
  redrives: readonly { tenant: number; u: string; redrive: number }[],
): Statement {
  return {
    name: 'admit-redrives',
    text: `
      with i as (
        select distinct on (tenant, u) * from unnest($1::int[], $2::uuid[], $3::smallint[]) as i(tenant, u, redrive)
      ), m as (
        update message x set state = ${MESSAGE.waiting}, due = '-infinity', redrive = x.redrive + 1, retries = 0,
               seq = nextval('place'), error_class = null, error_code = null, changed_at = clock_timestamp()
          from i
         where x.tenant = i.tenant and x.u = i.u and x.state = ${MESSAGE.dead} and x.redrive = i.redrive
        returning x.tenant, x.u, x.lane, x.partition, x.priority, x.seq, x.redrive, x.attempt
      ), e as (
        insert into outbox (partition, tenant, u, redrive, attempt, state)
        select partition, tenant, u, redrive, attempt, 'queued' from m
      )
      insert into lane (tenant, lane, partition, head, priority, seq, due)
      select * from (
        select distinct on (tenant, lane) tenant, lane, partition, u, priority, seq, '-infinity'::timestamptz
          from m order by tenant, lane, priority desc, seq) h
      on conflict (tenant, lane) do update
         set head = excluded.head, priority = excluded.priority, seq = excluded.seq, due = excluded.due
       where lane.state = 0 and excluded.priority > lane.priority
      returning tenant, lane, head, priority, seq`,
    values: [redrives.map((r) => r.tenant), redrives.map((r) => r.u), redrives.map((r) => r.redrive)],
  };
}
