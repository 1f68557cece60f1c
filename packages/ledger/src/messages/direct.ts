import type { Database, Row, Statement } from '../database.js';
import { requireRateEpoch } from '../rate-group/rate-group.js';
import { MESSAGE, type StoredState } from '../states.js';
import type { NewMessage } from './admit-sends.js';
import { type ClaimLimits, ensureSlots } from './claim.js';
import { UNDECIDED } from './leases.js';

/** A send that is to be made at once, without the queue. */
export type DirectMessage = Omit<NewMessage, 'kafkaOffset' | 'sendAt'>;

/** The right to make the one attempt, for a lease. */
export interface DirectClaim {
  readonly slot: number;
  readonly attempt: number;
  readonly redrive: number;
  readonly acceptedAt: number;
  readonly accountSid: string;
  readonly credentials: number;
}

export type DirectAnswer =
  | { readonly kind: 'claimed'; readonly claim: DirectClaim }
  /** It was sent before, or is being sent, or waits in the queue: nothing is to be done. `sameBody` null: it is not known any more. */
  | {
      readonly kind: 'known';
      readonly state: StoredState;
      readonly sid: string | null;
      readonly sameBody: boolean | null;
    }
  /** Not now: all slots are taken; or another message to this recipient is in doubt, and could not be told from this one. */
  | { readonly kind: 'busy'; readonly why: 'slots' | 'doubt' }
  /** By an operator or at the provider's wish. `until` in ms since 1970; null: until it is lifted. */
  | { readonly kind: 'paused'; readonly until: number | null }
  | { readonly kind: 'suspended' }
  /** The recipient opted out. */
  | { readonly kind: 'suppressed' };

/**
 * A claim without a lane. Its slot is taken under the restaurant's gate, like every other.
 *
 *   (nothing) ─┐                        ┌ accepted ──► sent
 *              ├─ a free slot ─► direct ┼ no answer ─► unknown ── reconciled by a sender; its retry enters the queue
 *   refused ───┘                        ├ for good ──► dead
 *      ▲                                └ else ──────► refused
 *      │                                                  │ its record has come, or comes, through Kafka
 *      └──────────── the same key again ──────────────────┴──► waiting: see promoteReopened
 *
 * A message that has a twin in doubt waits: a reconciliation that finds one message of two could give it to the wrong one.
 */
export function claimDirect(
  database: Database,
  message: DirectMessage,
  limits: ClaimLimits,
): Promise<DirectAnswer> {
  return database.conversation(async (run): Promise<DirectAnswer> => {
    const locks = [
      ...(limits.rateEpoch === undefined ? [] : [run(requireRateEpoch(limits.rateEpoch))]),
      run(ensureSlots([message.tenant], limits.concurrency)),
      run(lockGate(message.tenant)),
    ];
    const [rows] = await Promise.all([run(readDirect(message, limits.concurrency)), ...locks]);
    const before = rows[0];
    const refusal = before ? refusalOf(before) : { kind: 'suspended' as const };
    if (refusal) return refusal;
    const [claimed] = await run(writeDirect(message, before as Row, limits.leaseMs));
    // Its record was admitted meanwhile: the queue sends it.
    if (!claimed) return { kind: 'known', state: MESSAGE.waiting, sid: null, sameBody: true };
    return {
      kind: 'claimed',
      claim: {
        slot: before?.['free'] as number,
        attempt: claimed['attempt'] as number,
        redrive: claimed['redrive'] as number,
        acceptedAt: Number(claimed['accepted_at']),
        accountSid: before?.['account_sid'] as string,
        credentials: before?.['credentials'] as number,
      },
    };
  });
}

/** Whether the queue sends it, or has sent it: its record came through Kafka, also where an attempt besides the queue was refused. */
export function inQueue(tenant: number, u: string): Statement {
  return {
    name: 'direct-in-queue',
    text: `
      select exists (
        select from message
         where tenant = $1 and u = $2 and ((state = ${MESSAGE.refused} and queued) or state = any($3::int[]))) as taken`,
    values: [tenant, u, TAKEN],
  };
}

/** States of what the queue has or had, but for those in which it gave up. */
export const TAKEN: readonly StoredState[] = [
  MESSAGE.waiting,
  MESSAGE.retrying,
  MESSAGE.scheduled,
  MESSAGE.held,
  MESSAGE.sent,
  MESSAGE.delivered,
  MESSAGE.read,
];

function lockGate(tenant: number): Statement {
  return {
    name: 'direct-lock-gate',
    text: 'select 1 from slot where tenant = $1 and n = 0 for no key update',
    values: [tenant],
  };
}

/** Behind the gate's lock, in a statement of its own: a statement's snapshot precedes its waits. */
function readDirect(message: DirectMessage, fallback: number): Statement {
  return {
    name: 'direct-read',
    text: `
      select t.account_sid, t.credentials, t.status, s.free, s.taken, coalesce(t.concurrency, $5::int) as most,
             m.state, m.sid, m.queued, m.body_hash = $6 as same_body, $7::timestamptz <= clock_timestamp() as late,
             p.paused, extract(epoch from p.until) * 1000 as paused_until,
             exists (select from suppression z
                      where z.tenant = t.id and z.recipient = $3 and z.lifted_at is null) as suppressed,
             exists (select from message d
                      where d.partition = t.partition and d.state = ${MESSAGE.unknown} and d.tenant = t.id and d.recipient = $3
                        and d.error_class is distinct from '${UNDECIDED}') as doubt
        from tenant t
        cross join lateral (
          select min(n) filter (where lease is null) as free, count(*) filter (where lease is not null) as taken
            from slot where tenant = t.id) s
        cross join lateral (
          select count(*) > 0 as paused, nullif(max(until), 'infinity') as until from pause
           where until > clock_timestamp()
             and (scope = 'all' or (tenant = t.id and (scope = 'tenant' or (scope = 'sender' and sender = $4))))) p
        left join message m on m.tenant = t.id and m.u = $2
       where t.id = $1`,
    values: [
      message.tenant,
      message.u,
      Buffer.from(message.recipient, 'hex'),
      message.sender,
      fallback,
      Buffer.from(message.bodyHash, 'hex'),
      message.expiresAt === undefined ? null : new Date(message.expiresAt).toISOString(),
    ],
  };
}

function refusalOf(row: Row): Exclude<DirectAnswer, { kind: 'claimed' }> | undefined {
  const state = row['state'] as StoredState | null;
  const sameBody = row['same_body'] as boolean | null;
  if (state !== null && (state !== MESSAGE.refused || sameBody !== true))
    return { kind: 'known', state, sid: row['sid'] as string | null, sameBody };
  // Its record came through Kafka: the queue will send it, whatever hinders that just now.
  if (row['queued'] === true && state !== null)
    return { kind: 'known', state: MESSAGE.waiting, sid: null, sameBody: true };
  if (row['late'] === true) return { kind: 'known', state: MESSAGE.expired, sid: null, sameBody: true };
  if (row['status'] !== 'active') return { kind: 'suspended' };
  if (row['suppressed'] === true) return { kind: 'suppressed' };
  if (row['paused'] === true)
    return {
      kind: 'paused',
      until: row['paused_until'] === null ? null : Math.ceil(Number(row['paused_until'])),
    };
  if (row['doubt'] === true) return { kind: 'busy', why: 'doubt' };
  if (row['free'] === null || Number(row['taken']) >= (row['most'] as number))
    return { kind: 'busy', why: 'slots' };
  return undefined;
}

function writeDirect(message: DirectMessage, before: Row, leaseMs: number): Statement {
  return {
    name: 'direct-claim',
    text: `
      with m as (
        insert into message as x (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, expires_at, attempt,
                             accepted_at, account_sid, body_hash, sender, recipient, queued)
        select t.id, $2, $3, t.partition, $4::bigint, $5, $6::smallint, nextval('place'), ${MESSAGE.direct}, '-infinity', $7::timestamptz, 1,
               $8::timestamptz, $9, $10, $11, $12, false
          from tenant t where t.id = $1
        on conflict (tenant, u) do update
           set state = ${MESSAGE.direct}, attempt = x.attempt + 1, account_sid = excluded.account_sid, error_class = null,
               error_code = null, changed_at = clock_timestamp(), retries = 0, redriven_at = clock_timestamp(), erased = false,
               conversation = excluded.conversation, sender = excluded.sender, recipient = excluded.recipient
         where x.state = ${MESSAGE.refused} and not x.queued
        returning tenant, u, attempt, redrive, accepted_at
      ), b as (
        insert into body (tenant, u, record, headers) select tenant, u, $13, $14::jsonb from m
        on conflict (tenant, u) do nothing
      ), s as (
        update slot y set u = m.u, attempt = m.attempt, lease = clock_timestamp() + $16 * interval '1 ms'
          from m where y.tenant = m.tenant and y.n = $15::smallint
      )
      select attempt, redrive, extract(epoch from accepted_at) * 1000 as accepted_at from m`,
    values: [
      message.tenant,
      message.u,
      message.tag,
      message.lane,
      message.conversation,
      message.priority,
      message.expiresAt === undefined ? null : new Date(message.expiresAt).toISOString(),
      new Date(message.acceptedAt).toISOString(),
      before['account_sid'],
      Buffer.from(message.bodyHash, 'hex'),
      message.sender,
      Buffer.from(message.recipient, 'hex'),
      message.record,
      JSON.stringify(message.headers),
      before['free'],
      leaseMs,
    ],
  };
}
