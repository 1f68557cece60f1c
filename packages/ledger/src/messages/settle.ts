import type { Row, Statement } from '../database.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { LANE, type LaneState, MESSAGE, type StoredState } from '../states.js';
import { type Head, hex } from './admit-sends.js';
import { type Effect, effectStatements } from './effects.js';

/** What one attempt came to. */
export interface Settlement {
  readonly tenant: number;
  readonly lane: string;
  readonly u: string;
  readonly slot: number;
  readonly attempt: number;
  readonly redrive: number;
  /** The message's new state. `waiting`: it may be claimed again at once. */
  readonly state: StoredState;
  /** What becomes of its lane; `advance`: the next message is the head. */
  readonly onward: 'advance' | LaneState;
  readonly due?: number | undefined;
  /** Whether the attempt uses up one of the retries. */
  readonly counted: boolean;
  /** Gives back a retry that was used up: the attempt failed while the provider was down. */
  readonly refund?: boolean | undefined;
  readonly accountSid: string;
  readonly sid?: string | undefined;
  readonly errorClass?: string | undefined;
  readonly errorCode?: number | undefined;
  readonly httpStatus?: number | undefined;
  /** As it stands in the attempt's row; null: no attempt was made, no row. */
  readonly outcome: string | null;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** The outcome event, or null for none. */
  readonly event: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  /** What it says of more than this message. */
  readonly effects?: readonly Effect[] | undefined;
}

export interface Settled {
  readonly tenant: number;
  readonly u: string;
  /** False: other evidence had settled it before; only the slot was given back. */
  readonly applied: boolean;
  /** The lane's new head where it advanced to one that is due. */
  readonly next?: Head;
}

/** States that a proof of acceptance refutes. */
export const REFUTABLE: readonly StoredState[] = [
  MESSAGE.waiting,
  MESSAGE.retrying,
  MESSAGE.held,
  MESSAGE.unknown,
  MESSAGE.dead,
  MESSAGE.cancelled,
  MESSAGE.expired,
  MESSAGE.refused,
];
/** The outcome of an attempt whose SID the provider reported failed: its late answer proves nothing any more. */
export const REPORTED_FAILED = 'failed';

/**
 * Settles by (message, attempt), whatever the epoch: evidence counts, from an old owner too. No number is used a second
 * time, not even a released claim's: a settlement is repeated where its answer was lost, and must not meet another claim. A slot is given back in
 * any case. A message is settled from `sending` or `direct` with this attempt, or from `unknown` of this attempt by something
 * more certain. A SID proves acceptance: it also ends a message that was judged not accepted (the coming retry is
 * cancelled) or given up, unless a newer attempt is under way or the provider reported this SID failed. The lane moves
 * only if its head is the settled message; behind a dead one it waits where the restaurant chose `hold`. Where it opens
 * again its first message by rank is the head: one of higher priority may have come meanwhile, and no newcomer may pass it.
 */
export function settleStatements(settlements: readonly Settlement[]): Statement[] {
  const column = <T>(pick: (s: Settlement) => T): T[] => settlements.map(pick);
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  const tenants = column((s) => s.tenant);
  const lanes = column((s) => s.lane);
  return [
    ...effectStatements(settlements.flatMap((s) => s.effects ?? []).toSorted((a, b) => a.tenant - b.tenant)),
    {
      name: 'settle-lock-slots',
      text: `
        select 1 from slot s join unnest($1::int[], $2::smallint[], $3::uuid[], $4::smallint[]) i(tenant, n, u, attempt)
            on s.tenant = i.tenant and s.n = i.n and s.u = i.u and s.attempt = i.attempt
         order by s.tenant, s.n for no key update of s`,
      values: [tenants, column((s) => s.slot), column((s) => s.u), column((s) => s.attempt)],
    },
    {
      name: 'settle-lock-lanes',
      text: `
        select 1 from lane l join unnest($1::int[], $2::bigint[]) i(tenant, lane) using (tenant, lane)
         order by tenant, lane for update of l`,
      values: [tenants, lanes],
    },
    {
      name: 'settle',
      text: `
        with i as (
          select * from unnest($1::int[], $2::bigint[], $3::uuid[], $4::smallint[], $5::smallint[], $6::smallint[],
                               $7::smallint[], $8::smallint[], $9::timestamptz[], $10::smallint[], $11::text[],
                               $12::text[], $13::text[], $14::int[], $15::smallint[], $16::text[], $17::timestamptz[],
                               $18::timestamptz[], $19::text[], $20::text[], $21::smallint[])
            as i(tenant, lane, u, n, attempt, redrive, state, lane_state, due, counted, account_sid, sid, error_class,
                 error_code, http_status, outcome, started_at, finished_at, event, detail, refund)
        ), f as (
          update slot s set lease = null, u = null, attempt = null
            from i where s.tenant = i.tenant and s.n = i.n and s.u = i.u and s.attempt = i.attempt
        ), a as (
          insert into attempt (tenant, u, attempt, redrive, account_sid, started_at, finished_at, outcome, http_status, code, sid, counted)
          select tenant, u, attempt, redrive, account_sid, started_at, finished_at, outcome, http_status, error_code, sid, counted > 0
            from i where outcome is not null
          on conflict (tenant, u, attempt) do update
             set finished_at = excluded.finished_at, http_status = excluded.http_status,
                 outcome = case when attempt.outcome = '${REPORTED_FAILED}' then attempt.outcome else excluded.outcome end,
                 code = case when attempt.outcome = '${REPORTED_FAILED}' then attempt.code else excluded.code end,
                 sid = coalesce(excluded.sid, attempt.sid)
           where attempt.outcome in ('unknown', 'ambiguous') or attempt.finished_at is null
              or (excluded.sid is not null and attempt.sid is null)
        ), m as (
          update message x
             set state = i.state, attempt = greatest(x.attempt, i.attempt),
                 retries = greatest(0, x.retries + i.counted - i.refund), due = coalesce(i.due, x.due),
                 sid = coalesce(i.sid, x.sid), account_sid = i.account_sid,
                 error_class = case when i.outcome is null then coalesce(i.error_class, x.error_class) else i.error_class end,
                 error_code = i.error_code, changed_at = clock_timestamp(),
                 dead_reason = case when i.state = ${MESSAGE.dead} then i.detail::jsonb->>'reason' end
            from i left join lane l on l.tenant = i.tenant and l.lane = i.lane
           where x.tenant = i.tenant and x.u = i.u
             and ((x.state + 0 = ${MESSAGE.waiting} and l.head = i.u and l.state = ${LANE.sending} and l.attempt = i.attempt)
               or (x.state + 0 = ${MESSAGE.direct} and x.attempt = i.attempt)
               or (x.state + 0 = ${MESSAGE.unknown} and x.attempt = i.attempt and i.state <> ${MESSAGE.unknown})
               or (i.sid is not null and i.attempt <= x.attempt and x.state + 0 in (${REFUTABLE.join(', ')})
                   and not coalesce(l.head = i.u and l.state = ${LANE.sending}, false)
                   and coalesce((select k.outcome from attempt k
                                  where k.tenant = i.tenant and k.u = i.u and k.attempt = i.attempt), '') <> '${REPORTED_FAILED}'))
          returning x.tenant, x.u, x.lane, x.partition, x.priority, x.seq, x.due, i.redrive, i.attempt, i.event, i.detail,
                    case when i.lane_state is null and i.state = ${MESSAGE.dead}
                          and (select t.on_dead from tenant t where t.id = i.tenant) = 'hold'
                         then ${LANE.held} else i.lane_state end as lane_state
        ), nx as (
          select m.tenant, m.lane, m.u as done, z.u, z.priority, z.seq, z.due
            from m left join lateral (
              select c.* from (
                (select q.u, q.priority, q.seq, q.due from message q
                  where q.tenant = m.tenant and q.lane = m.lane and q.state = ${MESSAGE.waiting} and q.u <> m.u
                  order by q.priority desc, q.seq limit 1)
                union all
                select m.u, m.priority, m.seq, m.due where m.lane_state = ${LANE.open}) c
               order by c.priority desc, c.seq limit 1) z on true
           where m.lane_state is null or m.lane_state = ${LANE.open}
        ), ${ADVANCE_LANES}, kept as (
          update lane l set state = m.lane_state, lease = null
            from m where l.tenant = m.tenant and l.lane = m.lane and l.head = m.u and m.lane_state <> ${LANE.open}
        ), e as (
          insert into outbox (partition, tenant, u, redrive, attempt, state, detail)
          select partition, tenant, u, redrive, attempt, event, detail::jsonb from m where event is not null
        )
        select tenant, u, null::bigint as lane, null::uuid as head, null::smallint as priority, null::bigint as seq,
               null::boolean as ready
          from m
        union all
        select tenant, done, lane, head, priority, seq, ready from advanced`,
      values: [
        tenants,
        lanes,
        column((s) => s.u),
        column((s) => s.slot),
        column((s) => s.attempt),
        column((s) => s.redrive),
        column((s) => s.state),
        column((s) => (s.onward === 'advance' ? null : s.onward)),
        column((s) => iso(s.due)),
        column((s) => (s.counted ? 1 : 0)),
        column((s) => s.accountSid),
        column((s) => s.sid ?? null),
        column((s) => s.errorClass ?? null),
        column((s) => s.errorCode ?? null),
        column((s) => s.httpStatus ?? null),
        column((s) => s.outcome),
        column((s) => iso(s.startedAt)),
        column((s) => iso(s.finishedAt)),
        column((s) => s.event),
        column((s) => JSON.stringify(s.detail)),
        column((s) => (s.refund ? 1 : 0)),
      ],
    },
  ];
}

export function toSettled(settlements: readonly Settlement[], rows: readonly Row[]): Settled[] {
  const applied = new Map<string, Row>();
  for (const row of rows) {
    const key = `${String(row['tenant'])}/${hex(row['u'])}`;
    // Once for the message, and once more for the lane that went on.
    if (row['head'] !== null || !applied.has(key)) applied.set(key, row);
  }
  return settlements.map(({ tenant, u }) => {
    const row = applied.get(`${tenant}/${u}`);
    if (!row) return { tenant, u, applied: false };
    if (row['head'] === null || row['ready'] !== true) return { tenant, u, applied: true };
    const next: Head = {
      tenant,
      lane: row['lane'] as string,
      u: hex(row['head']),
      priority: row['priority'] as number,
      seq: Number(row['seq']),
    };
    return { tenant, u, applied: true, next };
  });
}
