import type { Row, Statement } from '../database.js';
import { type Ownership, requireOwner } from '../ownership/ownership.js';
import { LANE, MESSAGE } from '../states.js';
import { requireRateEpoch } from '../rate-group/rate-group.js';
import { hex } from './admit-sends.js';

/** A head that the dispatcher picked. */
export interface Candidate {
  readonly tenant: number;
  readonly lane: string;
  readonly u: string;
}

export interface ClaimLimits {
  readonly leaseMs: number;
  /** Requests under way of a restaurant that has no limit of its own. */
  readonly concurrency: number;
  /** The epoch of the rate group that the instants belong to; undefined: no global rate is kept. */
  readonly rateEpoch?: number | undefined;
}

/** The right to make one attempt, for a lease. */
export interface Claim extends Candidate {
  readonly slot: number;
  readonly tag: string;
  readonly conversation: string;
  readonly priority: number;
  readonly seq: number;
  readonly redrive: number;
  readonly attempt: number;
  readonly retries: number;
  readonly acceptedAt: number;
  readonly expiresAt: number | null;
  readonly accountSid: string;
  readonly record: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * One transaction, few statements: the fences, the slots' locks, the lanes' locks, the decision. Locks come first, in
 * the one order, because a statement's snapshot precedes its waits: counting free slots in the statement that waits
 * for them once gave six of five.
 *
 *   candidate ─► lane open, its head unchanged, due, the tenant active, not expired ─► a free slot ─► claimed
 */
export function claimStatements(
  own: Ownership,
  candidates: readonly Candidate[],
  limits: ClaimLimits,
): Statement[] {
  const tenants = candidates.map((c) => c.tenant);
  const lanes = candidates.map((c) => c.lane);
  return [
    requireOwner(own),
    ...(limits.rateEpoch === undefined ? [] : [requireRateEpoch(limits.rateEpoch)]),
    {
      name: 'claim-lock-slots',
      text: 'select 1 from slot where tenant = any($1::int[]) order by tenant, n for no key update',
      values: [[...new Set(tenants)]],
    },
    {
      name: 'claim-lock-lanes',
      text: `
        select 1 from lane l join unnest($1::int[], $2::bigint[]) i(tenant, lane) using (tenant, lane)
         order by tenant, lane for no key update of l`,
      values: [tenants, lanes],
    },
    {
      name: 'claim',
      text: `
        with candidate as (
          select i.tenant, i.lane, i.u, t.account_sid, t.concurrency,
                 row_number() over (partition by i.tenant order by i.o) as k
            from unnest($1::int[], $2::bigint[], $3::uuid[]) with ordinality i(tenant, lane, u, o)
            join lane l on l.tenant = i.tenant and l.lane = i.lane and l.head = i.u
             and l.state = ${LANE.open} and l.due <= clock_timestamp()
            join tenant t on t.id = i.tenant and t.status = 'active'
            join message m on m.tenant = i.tenant and m.u = i.u and m.state = ${MESSAGE.waiting}
             and (m.expires_at is null or m.expires_at > clock_timestamp())
        ), free as (
          select s.tenant, s.n, row_number() over (partition by s.tenant order by s.n) as k
            from slot s join tenant t on t.id = s.tenant
           where s.tenant = any($1::int[]) and s.lease is null and s.n < coalesce(t.concurrency, $6::int)
        ), l as (
          update lane x
             set state = ${LANE.sending}, attempt = m.attempt + 1, epoch = $4, started_at = clock_timestamp(),
                 lease = clock_timestamp() + $5 * interval '1 ms', account_sid = c.account_sid
            from candidate c
            join free f using (tenant, k)
            join message m on m.tenant = c.tenant and m.u = c.u
           where x.tenant = c.tenant and x.lane = c.lane
          returning x.tenant, x.lane, x.head as u, x.attempt, x.lease, x.account_sid, f.n
        ), s as (
          update slot y set u = l.u, attempt = l.attempt, lease = l.lease
            from l where y.tenant = l.tenant and y.n = l.n
        )
        select l.tenant, l.lane, l.u, l.attempt, l.n, l.account_sid, m.tag, m.conversation, m.priority, m.seq, m.redrive,
               m.retries, extract(epoch from m.accepted_at) * 1000 as accepted_at,
               extract(epoch from m.expires_at) * 1000 as expires_at, b.record, b.headers
          from l join message m on m.tenant = l.tenant and m.u = l.u join body b on b.tenant = l.tenant and b.u = l.u`,
      values: [tenants, lanes, candidates.map((c) => c.u), own.epoch, limits.leaseMs, limits.concurrency],
    },
  ];
}

export function toClaim(row: Row): Claim {
  return {
    tenant: row['tenant'] as number,
    lane: row['lane'] as string,
    u: hex(row['u']),
    slot: row['n'] as number,
    tag: row['tag'] as string,
    conversation: row['conversation'] as string,
    priority: row['priority'] as number,
    seq: Number(row['seq']),
    redrive: row['redrive'] as number,
    attempt: row['attempt'] as number,
    retries: row['retries'] as number,
    acceptedAt: Number(row['accepted_at']),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
    accountSid: row['account_sid'] as string,
    record: row['record'] as Buffer,
    headers: row['headers'] as Record<string, string>,
  };
}

/** Makes the slot rows of restaurants that the sender meets for the first time, or whose limit grew. */
export function ensureSlots(tenants: readonly number[], fallback: number): Statement {
  return {
    name: 'ensure-slots',
    text: `
      insert into slot (tenant, n, partition)
      select t.id, n, t.partition
        from tenant t, generate_series(0, coalesce(t.concurrency, $2::int) - 1) n
       where t.id = any($1::int[])
      on conflict (tenant, n) do nothing`,
    values: [tenants, fallback],
  };
}
