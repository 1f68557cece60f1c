import type { Row, Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { hex } from './admit-sends.js';
import type { Settlement } from './settle.js';

/**
 * Claims whose lease ended unsettled. Found by their slots: few rows, read whole, so that no index has to follow
 * every claim. The caller settles them as unknown, which by compare-and-set on the attempt only wins over silence.
 */
export function overdueClaims(partitions: readonly number[]): Statement {
  return {
    name: 'overdue-claims',
    text: `${OVERDUE} and s.partition = any($1::smallint[]) order by s.lease limit 500`,
    values: [partitions],
  };
}

/** Those of sends without the queue, in all partitions: where no sender runs, none else would find them. */
export function overdueDirect(): Statement {
  return {
    name: 'overdue-direct',
    text: `${OVERDUE} and m.state = ${MESSAGE.direct} order by s.lease limit 500`,
    values: [],
  };
}

const OVERDUE = `
  select s.tenant, s.n, s.u, s.attempt, s.lease, m.lane, m.redrive,
         coalesce(l.started_at, case when m.state = ${MESSAGE.direct} then m.changed_at end) as started_at,
         coalesce(l.account_sid, m.account_sid) as account_sid
    from slot s
    join message m on m.tenant = s.tenant and m.u = s.u
    left join lane l on l.tenant = m.tenant and l.lane = m.lane and l.head = m.u
   where s.lease < clock_timestamp()`;

export function toUnknown(row: Row): Settlement {
  const lease = row['lease'] as Date;
  return {
    tenant: row['tenant'] as number,
    lane: row['lane'] as string,
    u: hex(row['u']),
    slot: row['n'] as number,
    attempt: row['attempt'] as number,
    redrive: row['redrive'] as number,
    state: MESSAGE.unknown,
    onward: LANE.unknown,
    counted: true,
    accountSid: (row['account_sid'] as string | null) ?? '',
    errorClass: 'ambiguous',
    outcome: 'unknown',
    startedAt: ((row['started_at'] as Date | null) ?? lease).getTime(),
    finishedAt: lease.getTime(),
    event: 'unknown',
    detail: { error: { class: 'ambiguous', message: 'the lease ended without an answer' } },
  };
}

/** A message whose last attempt may or may not have been accepted. */
export interface UnknownMessage {
  readonly tenant: number;
  readonly u: string;
  readonly tag: string;
  readonly lane: string;
  readonly redrive: number;
  readonly attempt: number;
  readonly retries: number;
  readonly acceptedAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly accountSid: string;
  /** Its lease ended without an answer: its sender may be dead, or frozen. */
  readonly orphaned: boolean;
  /** The attempt used up one of the message's retries. */
  readonly counted: boolean;
  /** Messages to the same recipient that nobody could decide on, sent at about the same time: any of them may be what is found. */
  readonly silentRivals: number;
  readonly record: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** How far apart two attempts may be and still be taken for one another: see evidence, and what a dead sender may still send, in s. */
const RIVAL_S = 70;

/** Without those to whose recipient something else is under way, in the queue or besides it: it could be taken for them. */
export function unknownMessages(partitions: readonly number[], most: number): Statement {
  return {
    name: 'unknown-messages',
    text: `
      select m.tenant, m.u, m.tag, m.lane, m.redrive, m.attempt, m.retries, a.account_sid, a.outcome = 'unknown' as orphaned, a.counted,
             extract(epoch from coalesce(m.redriven_at, m.accepted_at)) * 1000 as accepted_at,
             extract(epoch from a.started_at) * 1000 as started_at,
             extract(epoch from coalesce(a.finished_at, m.changed_at)) * 1000 as finished_at, b.record, b.headers,
             (select count(*)::int from message w
                join attempt k on k.tenant = w.tenant and k.u = w.u and k.attempt = w.attempt
               where w.partition = m.partition and w.state = ${MESSAGE.unknown} and w.tenant = m.tenant
                 and w.recipient = m.recipient and w.u <> m.u and w.error_class = '${UNDECIDED}'
                 and k.started_at <= coalesce(a.finished_at, m.changed_at) + interval '${RIVAL_S} s'
                 and coalesce(k.finished_at, w.changed_at) >= a.started_at - interval '${RIVAL_S} s') as silent_rivals
        from message m
        join attempt a on a.tenant = m.tenant and a.u = m.u and a.attempt = m.attempt
        join body b on b.tenant = m.tenant and b.u = m.u
       where m.partition = any($1::smallint[]) and m.state = ${MESSAGE.unknown} and m.error_class is distinct from '${UNDECIDED}'
         and not exists (
           select from slot s join message d on d.tenant = s.tenant and d.u = s.u
            where s.tenant = m.tenant and s.lease is not null and s.u <> m.u and d.recipient = m.recipient)
       order by m.changed_at limit $2`,
    values: [partitions, most],
  };
}

export function toUnknownMessage(row: Row): UnknownMessage {
  return {
    tenant: row['tenant'] as number,
    u: hex(row['u']),
    tag: row['tag'] as string,
    lane: row['lane'] as string,
    redrive: row['redrive'] as number,
    attempt: row['attempt'] as number,
    retries: row['retries'] as number,
    acceptedAt: Number(row['accepted_at']),
    startedAt: Number(row['started_at']),
    finishedAt: Number(row['finished_at']),
    accountSid: row['account_sid'] as string,
    orphaned: row['orphaned'] as boolean,
    counted: row['counted'] as boolean,
    silentRivals: row['silent_rivals'] as number,
    record: row['record'] as Buffer,
    headers: row['headers'] as Record<string, string>,
  };
}

/**
 * Reconciliation found no answer: it waits for an operator, and is not asked about again. Its conversation goes on, or waits
 * too where the restaurant chose `hold`. To be run behind lockLanesOf.
 */
export function leaveUndecided(tenant: number, u: string, attempt: number): Statement {
  return {
    name: 'leave-undecided',
    text: `
      with m as (
        update message set error_class = '${UNDECIDED}', changed_at = clock_timestamp()
         where tenant = $1 and u = $2 and attempt = $3 and state = ${MESSAGE.unknown} and error_class is distinct from '${UNDECIDED}'
        returning tenant, u, lane
      ), nx as (
        select m.tenant, m.lane, m.u as done, z.u, z.priority, z.seq, z.due
          from m join tenant t on t.id = m.tenant and t.on_dead = 'skip' left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = m.tenant and q.lane = m.lane and q.state = ${MESSAGE.waiting} and q.u <> m.u
             order by q.priority desc, q.seq limit 1) z on true
      ), ${ADVANCE_LANES}
      select m.u, v.tenant, v.lane, v.head, v.priority, v.seq, v.ready from m left join advanced v on v.done = m.u`,
    values: [tenant, u, attempt],
  };
}

/** message.error_class of an unknown message that only an operator can decide on. */
export const UNDECIDED = 'undecided';

/** Retries whose record never came back: their event is written again, 60 s past the time they were due. */
export function republishStuckRetries(partitions: readonly number[]): Statement {
  return {
    name: 'republish-stuck-retries',
    text: `
      with m as (
        update message x set due = clock_timestamp()
          from (select tenant, u from message
                 where partition = any($1::smallint[]) and state = ${MESSAGE.retrying} and due < clock_timestamp() - interval '60 s'
                 order by due limit 200 for no key update skip locked) d
         where x.tenant = d.tenant and x.u = d.u
        returning x.tenant, x.u, x.partition, x.redrive, x.attempt, x.due
      )
      insert into outbox (partition, tenant, u, redrive, attempt, state, detail)
      select partition, tenant, u, redrive, attempt, 'retrying',
             jsonb_build_object('notBefore', (extract(epoch from due) * 1000)::bigint)
        from m returning n`,
    values: [partitions],
  };
}

/** Which of these SIDs belong to messages of the restaurant that are settled. */
export function knownSids(tenant: number, sids: readonly string[]): Statement {
  return {
    name: 'known-sids',
    text: `
      select sid from attempt where tenant = $1 and sid = any($2::text[])
      union select sid from callback where tenant = $1 and sid = any($2::text[])`,
    values: [tenant, sids],
  };
}
