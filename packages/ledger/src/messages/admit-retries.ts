import type { Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { DOUBTED } from './dead-letters.js';

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

/**
 * Messages come back to their conversations: `m (tenant, u, lane, partition, priority, seq, due)`. A lane that waited for one of
 * them (it is its head, and the lane in one of `states`) opens with its first waiting message by rank: one of higher
 * priority may have come meanwhile, and no newcomer may pass it. Into any other lane they enter by their rank, before the
 * head only of an open one. Lanes are locked before: what is read of their messages here is true.
 */
const enterLane = (states: readonly number[]): string => `
      insert into lane as l (tenant, lane, partition, head, priority, seq, due)
      select tenant, lane, partition, u, priority, seq, case when due <= clock_timestamp() then '-infinity' else due end
        from (
          select distinct on (tenant, lane) * from (
            select m.tenant, m.lane, m.partition, m.u, m.priority, m.seq, m.due from m
            union all
            select y.tenant, y.lane, y.partition, z.u, z.priority, z.seq, z.due
              from m join lane y on y.tenant = m.tenant and y.lane = m.lane and y.head = m.u, lateral (
                select q.u, q.priority, q.seq, q.due from message q
                 where q.tenant = y.tenant and q.lane = y.lane and q.state = ${MESSAGE.waiting}
                 order by q.priority desc, q.seq limit 1) z) c
           order by tenant, lane, priority desc, seq) h
      on conflict (tenant, lane) do update
         set head = excluded.head, priority = excluded.priority, seq = excluded.seq, due = excluded.due,
             state = ${LANE.open}, attempt = null, lease = null
       where (l.state in (${states.join(', ')}) and exists (select from m where m.tenant = l.tenant and m.u = l.head))
          or (l.state = ${LANE.open} and (excluded.priority, -excluded.seq) > (l.priority, -l.seq))
      returning l.tenant, l.lane, l.head, l.priority, l.seq, l.due = '-infinity' as ready`;

/**
 * Makes retries due, each once. Most head their conversation, which waits for them; one that was accepted and reported failed
 * later, or that an operator decided on, does not any more: it enters by its rank.
 */
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
        returning x.tenant, x.u, x.lane, x.partition, x.priority, x.seq, x.due
      ) ${enterLane([LANE.open, LANE.retrying, LANE.unknown])}`,
    values: [
      retries.map((r) => r.tenant),
      retries.map((r) => r.u),
      retries.map((r) => r.redrive),
      retries.map((r) => r.attempt),
      retries.map((r) => new Date(r.notBefore).toISOString()),
    ],
  };
}

/** A dead message is put back, once: where it is dead for the `redrive`th time. */
export interface Redrive {
  readonly tenant: number;
  readonly u: string;
  readonly redrive: number;
  /** Its priority from now on; undefined: as it was. */
  readonly priority?: number | undefined;
}

/**
 * Dead → waiting by compare-and-set on the redrive count. In the order of the records each gets a new place at its
 * conversation's end, except where the conversation was held for it: there it keeps its own, and its priority. One of
 * which nobody knows whether the provider accepted it stays dead: see DOUBTED.
 */
export function admitRedrives(redrives: readonly Redrive[]): Statement {
  return {
    name: 'admit-redrives',
    text: `
      with i as (
        select d.*, nextval('place') as place from (
          select distinct on (tenant, u, redrive) *
            from unnest($1::int[], $2::uuid[], $3::smallint[], $4::smallint[]) with ordinality as i(tenant, u, redrive, priority, o)
           order by tenant, u, redrive, o) d
         order by d.o
      ), h as (
        select i.*, exists (select from message k join lane l on l.tenant = k.tenant and l.lane = k.lane and l.head = k.u
                             where k.tenant = i.tenant and k.u = i.u) as held
          from i
      ), m as (
        update message x set state = ${MESSAGE.waiting}, due = '-infinity', redrive = x.redrive + 1, retries = 0,
               seq = case when i.held then x.seq else i.place end,
               priority = case when i.held then x.priority else coalesce(i.priority, x.priority) end,
               error_class = null, error_code = null, dead_reason = null,
               changed_at = clock_timestamp(), redriven_at = clock_timestamp()
          from h i
         where x.tenant = i.tenant and x.u = i.u and x.state = ${MESSAGE.dead} and x.redrive = i.redrive and not x.erased
           and x.discarded_at is null and not ${DOUBTED}
        returning x.tenant, x.u, x.lane, x.partition, x.priority, x.seq, x.redrive, x.attempt, x.due
      ), e as (
        insert into outbox (partition, tenant, u, redrive, attempt, state)
        select partition, tenant, u, redrive, attempt, 'queued' from m
      ) ${enterLane([LANE.open, LANE.held])}`,
    values: [
      redrives.map((r) => r.tenant),
      redrives.map((r) => r.u),
      redrives.map((r) => r.redrive),
      redrives.map((r) => r.priority ?? null),
    ],
  };
}
