import type { Row, Statement } from '../database.js';
import { lockOwned, type Ownership } from '../ownership/ownership.js';
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
  /** When the attempt before this one in its conversation began, of whichever message, ms since 1970; null: none is known. */
  readonly formerAt: number | null;
  readonly expiresAt: number | null;
  readonly accountSid: string;
  /** The restaurant's credentials as of now: see Tenant. */
  readonly credentials: number;
  readonly sender: string;
  /** The recipient opted out of this restaurant's messages: the provider is not to be called. */
  readonly suppressed: boolean;
  /** The class of what the attempt before this one came to. */
  readonly lastError: string | null;
  readonly record: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ClaimAnswer {
  readonly claims: readonly Claim[];
  /** Partitions that somebody else owns now: nothing of theirs was claimed. */
  readonly fenced: readonly number[];
}

/**
 * One transaction, few statements: the fences, the slots' gates, the lanes' locks, the decision. Locks come first, in
 * the one order, because a statement's snapshot precedes its waits: counting free slots in the statement that waits
 * for them once gave six of five. A restaurant's slots are only taken under the lock of its first one, its gate.
 *
 *   candidate ─► partition owned, lane open, head unchanged, due, nothing paused, not expired ─► a free slot ─► claimed
 *                                                                     │
 *                                                                     └ its number is paused ─► the lane sleeps until then
 *
 * The first statement answers with the partitions that are owned; the last with the claims.
 */
export function claimStatements(
  owned: readonly Ownership[],
  candidates: readonly Candidate[],
  limits: ClaimLimits,
): Statement[] {
  const tenants = candidates.map((c) => c.tenant);
  const lanes = candidates.map((c) => c.lane);
  return [
    lockOwned(owned),
    ...(limits.rateEpoch === undefined ? [] : [requireRateEpoch(limits.rateEpoch)]),
    {
      name: 'claim-lock-gates',
      text: 'select 1 from slot where tenant = any($1::int[]) and n = 0 order by tenant for no key update',
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
        with eligible as materialized (
          select i.tenant, i.lane, i.u, i.o, t.account_sid, t.credentials, l.started_at as former_at, m.*, p.until as paused_until
            from unnest($1::int[], $2::bigint[], $3::uuid[]) with ordinality i(tenant, lane, u, o)
            cross join lateral (select account_sid, credentials from tenant where id = i.tenant and status = 'active' offset 0) t
            cross join lateral (
              select l.partition, l.started_at from lane l
               where l.tenant = i.tenant and l.lane = i.lane and l.head = i.u
                 and l.state = ${LANE.open} and l.due <= clock_timestamp() offset 0) l
            join unnest($4::smallint[], $5::bigint[]) e(partition, epoch) on e.partition = l.partition
            cross join lateral (select 1 from owner w where w.partition = e.partition and w.epoch = e.epoch offset 0) w
            cross join lateral (
              select m.attempt as attempts, m.tag, m.conversation, m.priority, m.seq, m.redrive, m.retries, m.sender,
                     m.recipient, m.error_class, coalesce(m.redriven_at, m.accepted_at) as accepted_at, m.expires_at
                from message m
               where m.tenant = i.tenant and m.u = i.u and m.state + 0 = ${MESSAGE.waiting}
                 and (m.expires_at is null or m.expires_at > clock_timestamp()) offset 0) m
            left join lateral (
              select until from pause p
               where p.scope = 'sender' and p.tenant = i.tenant and p.sender = m.sender
                 and p.until > clock_timestamp() offset 0) p on true
           where not exists (
             select from pause q where q.until > clock_timestamp()
                and (q.scope = 'all' or (q.scope = 'tenant' and q.tenant = i.tenant)))
             and exists (select from installation where incarnation = $8)
        ), asleep as (
          update lane l set due = least(e.paused_until, clock_timestamp() + interval '1 h')
            from eligible e
           where l.tenant = e.tenant and l.lane = e.lane and e.paused_until is not null
        ), candidate as materialized (
          select e.*, row_number() over (partition by tenant order by o) as k from eligible e where paused_until is null
        ), free as materialized (
          select s.tenant, array_agg(s.n order by s.k) as ns
            from (select s.tenant, s.n, coalesce(t.concurrency, $7::int) as most,
                         count(*) filter (where s.lease is not null) over (partition by s.tenant) as taken,
                         row_number() over (partition by s.tenant order by s.lease is not null, s.n) as k,
                         s.lease is null as is_free
                    from slot s join tenant t on t.id = s.tenant
                   where s.tenant = any($1::int[])) s
           where s.is_free and s.k <= s.most - s.taken
           group by s.tenant
        ), l as (
          update lane x
             set state = ${LANE.sending}, attempt = c.attempts + 1, started_at = clock_timestamp(),
                 lease = clock_timestamp() + $6 * interval '1 ms', account_sid = c.account_sid
            from candidate c join free f using (tenant)
           where x.tenant = c.tenant and x.lane = c.lane and c.k <= cardinality(f.ns)
          returning x.attempt, x.lease, f.ns[c.k] as n, c.*
        ), s as (
          update slot y set u = l.u, attempt = l.attempt, lease = l.lease
            from l where y.tenant = l.tenant and y.n = l.n
        )
        select l.tenant, l.lane, l.u, l.attempt, l.n, l.account_sid, l.credentials, l.tag, l.conversation, l.priority, l.seq, l.redrive,
               l.retries, l.sender, l.error_class, extract(epoch from l.accepted_at) * 1000 as accepted_at,
               extract(epoch from l.former_at) * 1000 as former_at,
               extract(epoch from l.expires_at) * 1000 as expires_at, b.record, b.headers,
               exists (select from suppression z
                        where z.tenant = l.tenant and z.recipient = l.recipient and z.lifted_at is null) as suppressed
          from l cross join lateral (select record, headers from body b where b.tenant = l.tenant and b.u = l.u offset 0) b`,
      values: [
        tenants,
        lanes,
        candidates.map((c) => c.u),
        owned.map((own) => own.partition),
        owned.map((own) => own.epoch),
        limits.leaseMs,
        limits.concurrency,
        owned[0]?.incarnation ?? null,
      ],
    },
  ];
}

function toClaim(row: Row): Claim {
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
    formerAt: row['former_at'] === null ? null : Number(row['former_at']),
    expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
    accountSid: row['account_sid'] as string,
    credentials: row['credentials'] as number,
    sender: row['sender'] as string,
    suppressed: row['suppressed'] as boolean,
    lastError: row['error_class'] as string | null,
    record: row['record'] as Buffer,
    headers: row['headers'] as Record<string, string>,
  };
}

/** By the first and the last statement's answers. */
export function toClaimAnswer(owned: readonly Ownership[], answers: readonly Row[][]): ClaimAnswer {
  const held = new Set((answers[0] ?? []).map((row) => row['partition'] as number));
  return {
    claims: (answers.at(-1) ?? []).map(toClaim),
    fenced: owned.map((own) => own.partition).filter((partition) => !held.has(partition)),
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
