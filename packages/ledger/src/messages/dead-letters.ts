import type { Row, Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { hex } from './admit-sends.js';
import type { UnfiledRecord } from './unfiled.js';

/** Which dead letters; all that is given must hold. Times are ms since 1970. */
export interface DeadFilter {
  readonly tenant?: number | undefined;
  /** The provider's code, a reason, or a class of error. */
  readonly code?: string | undefined;
  /** Only these ids, as 32 hex digits. */
  readonly us?: readonly string[] | undefined;
  /** Given up at or after this. */
  readonly from?: number | undefined;
  /** Given up before this. */
  readonly to?: number | undefined;
}

/** Where a list of dead letters goes on. */
export interface DeadPlace {
  /** When it was given up, in µs since 1970. */
  readonly at: number;
  readonly u: string;
}

export interface DeadPage {
  readonly most: number;
  readonly order: 'newest' | 'oldest';
  /** Behind this one, in that order. */
  readonly after?: DeadPlace | undefined;
}

/** Why a dead letter can not be put back. */
export type RedriveRefusal = 'unfiled' | 'outcome_unknown' | 'past_expiry';

/** A message that was given up, or a record that never became one. Nothing of its text and its numbers. */
export interface DeadLetter {
  readonly kind: 'message' | 'record';
  /** Null where the record's restaurant is not known. */
  readonly tenant: number | null;
  readonly restaurantId: string | null;
  readonly u: string;
  /** Null of a record. */
  readonly tag: string | null;
  readonly reason: string;
  readonly errorClass: string | null;
  readonly errorCode: number | null;
  readonly attempts: number;
  readonly redrive: number;
  readonly priority: number | null;
  readonly acceptedAt: number | null;
  readonly deadAt: number;
  readonly place: DeadPlace;
  readonly refusal: RedriveRefusal | null;
  /** The message's own, W3C trace context; null where it has none, and of a record. */
  readonly traceparent: string | null;
  /** Where the record stood; null of a message. */
  readonly record: UnfiledRecord | null;
}

/** How many dead letters have one reason, of one restaurant. */
export interface DeadGroup {
  readonly restaurantId: string | null;
  readonly reason: string;
  readonly errorClass: string | null;
  readonly errorCode: number | null;
  readonly letters: number;
  readonly oldestAt: number;
  readonly newestAt: number;
}

/** As the dead-letter topic has it where a version before wrote none. */
export const NO_REASON = 'provider_rejected';
const REASON = `coalesce(m.dead_reason, '${NO_REASON}')`;

/** Outcomes of attempts of which nobody found out whether the provider accepted them. */
export const IN_DOUBT: readonly string[] = ['unknown', 'ambiguous'];
/** Of `x`: putting it back could send it a second time. Where the restaurant chose `resend` that is what it wants. */
export const DOUBTED = `
  exists (select from attempt k where k.tenant = x.tenant and k.u = x.u and k.outcome in ('unknown', 'ambiguous')
             and (select t.on_unknown from tenant t where t.id = x.tenant) <> 'resend')`;

const micros = (value: string): string => `(extract(epoch from ${value}) * 1000000)::bigint`;
const time = (parameter: string): string =>
  `('epoch'::timestamptz + ${parameter}::float8 * interval '1 microsecond')`;

const REFUSAL = `
  case when m.expires_at <= clock_timestamp() then 'past_expiry' when ${DOUBTED.replaceAll('x.', 'm.')} then 'outcome_unknown' end`;
const TRACEPARENT = `(select b.headers->>'traceparent' from body b where b.tenant = m.tenant and b.u = m.u)`;
/** `refusal`, `traceparent`: they are looked up for each message, whoever needs them or not. */
const messages = (refusal: string, traceparent: string): string => `
  select 'message' as kind, m.tenant, t.restaurant_id, m.u, m.tag, ${REASON} as reason, m.error_class, m.error_code, m.attempt,
         m.redrive, m.priority, m.accepted_at, m.changed_at as dead_at,
         ${refusal} as refusal,
         null::smallint as partition, null::text as topic, null::bigint as kafka_offset, null::text as event, null::int as bytes,
         ${traceparent} as traceparent
    from message m join tenant t on t.id = m.tenant
   where m.state = ${MESSAGE.dead} and not m.erased and m.discarded_at is null
     and ($1::int is null or m.tenant = $1)
     and ($2::text is null or m.error_code::text = $2 or ${REASON} = $2 or m.error_class = $2)
     and ($3::uuid[] is null or m.u = any($3))
     and ($4::float8 is null or m.changed_at >= ${time('$4')}) and ($5::float8 is null or m.changed_at < ${time('$5')})`;

const RECORDS = `
  select 'record', t.id, coalesce(t.restaurant_id, r.restaurant), r.u, null, r.reason, null, null::int, 0, 0, null::smallint,
         null::timestamptz, r.filed_at, 'unfiled', r.partition, r.topic, r.kafka_offset, r.event, r.bytes, null
    from unfiled r left join tenant t on t.restaurant_id = r.restaurant
   where r.discarded_at is null
     and ($1::int is null or t.id = $1)
     and ($2::text is null or r.reason = $2)
     and ($3::uuid[] is null or r.u = any($3))
     and ($4::float8 is null or r.filed_at >= ${time('$4')}) and ($5::float8 is null or r.filed_at < ${time('$5')})`;

const filterValues = (filter: DeadFilter): unknown[] => [
  filter.tenant ?? null,
  filter.code ?? null,
  filter.us ?? null,
  filter.from === undefined ? null : filter.from * 1_000,
  filter.to === undefined ? null : filter.to * 1_000,
];

/** One page, of messages and of records that were never filed. */
export function listDead(filter: DeadFilter, page: DeadPage): Statement {
  const newest = page.order === 'newest';
  const behind = (at: string, u: string): string =>
    page.after ? `and (${at}, ${u}) ${newest ? '<' : '>'} (${time('$7')}, $8::uuid)` : '';
  const ordered = (at: string, u: string): string =>
    `order by ${at} ${newest ? 'desc' : ''}, ${u} ${newest ? 'desc' : ''} limit $6`;
  return {
    name: `list-dead-${page.order}${page.after ? '-after' : ''}`,
    text: `
      select d.*, ${micros('dead_at')} as dead_micros, extract(epoch from accepted_at) * 1000 as accepted_ms from (
        (${messages(REFUSAL, TRACEPARENT)} ${behind('m.changed_at', 'm.u')} ${ordered('m.changed_at', 'm.u')})
        union all
        (${RECORDS} ${behind('r.filed_at', 'r.u')} ${ordered('r.filed_at', 'r.u')})) d
      ${ordered('dead_at', 'u')}`,
    values: [...filterValues(filter), page.most, ...(page.after ? [page.after.at, page.after.u] : [])],
  };
}

export function toDeadLetter(row: Row): DeadLetter {
  const at = Number(row['dead_micros']);
  const u = hex(row['u']);
  return {
    kind: row['kind'] as DeadLetter['kind'],
    tenant: row['tenant'] as number | null,
    restaurantId: row['restaurant_id'] as string | null,
    u,
    tag: row['tag'] as string | null,
    reason: row['reason'] as string,
    errorClass: row['error_class'] as string | null,
    errorCode: row['error_code'] as number | null,
    attempts: row['attempt'] as number,
    redrive: row['redrive'] as number,
    priority: row['priority'] as number | null,
    acceptedAt: row['accepted_ms'] === null ? null : Math.round(Number(row['accepted_ms'])),
    deadAt: Math.floor(at / 1_000),
    place: { at, u },
    refusal: row['refusal'] as RedriveRefusal | null,
    traceparent: row['traceparent'] as string | null,
    record:
      row['topic'] === null
        ? null
        : {
            partition: row['partition'] as number,
            topic: row['topic'] as UnfiledRecord['topic'],
            offset: row['kafka_offset'] as string,
            event: row['event'] as string | null,
            bytes: row['bytes'] as number,
          },
  };
}

/** Most first. */
export function countDead(filter: DeadFilter): Statement {
  return {
    name: 'count-dead',
    text: `
      select restaurant_id, reason, error_class, error_code, count(*)::int as letters,
             extract(epoch from min(dead_at)) * 1000 as oldest, extract(epoch from max(dead_at)) * 1000 as newest
        from (${messages('null::text', 'null::text')} union all ${RECORDS}) d
       group by restaurant_id, reason, error_class, error_code
       order by count(*) desc, reason, restaurant_id, error_code limit 1000`,
    values: filterValues(filter),
  };
}

export function toDeadGroup(row: Row): DeadGroup {
  return {
    restaurantId: row['restaurant_id'] as string | null,
    reason: row['reason'] as string,
    errorClass: row['error_class'] as string | null,
    errorCode: row['error_code'] as number | null,
    letters: row['letters'] as number,
    oldestAt: Math.floor(Number(row['oldest'])),
    newestAt: Math.floor(Number(row['newest'])),
  };
}

/**
 * Dead letters are put away: they stay what they are, and are neither listed nor put back any more. A conversation that is
 * held by one goes on. To be run behind lockLanesOf.
 */
export function discardDead(tenants: readonly number[], us: readonly string[]): Statement {
  return {
    name: 'discard-dead',
    text: `
      with i as (
        select distinct tenant, u from unnest($1::int[], $2::uuid[]) as i(tenant, u)
      ), m as (
        update message x set discarded_at = clock_timestamp()
          from i where x.tenant = i.tenant and x.u = i.u and x.state = ${MESSAGE.dead} and x.discarded_at is null
        returning x.tenant, x.u, x.lane
      ), h as (
        select m.* from m join lane l on l.tenant = m.tenant and l.lane = m.lane and l.head = m.u and l.state = ${LANE.held}
      ), nx as (
        select h.tenant, h.lane, h.u as done, z.u, z.priority, z.seq, z.due
          from h left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = h.tenant and q.lane = h.lane and q.state = ${MESSAGE.waiting} and q.u <> h.u
             order by q.priority desc, q.seq limit 1) z on true
      ), ${ADVANCE_LANES}
      select count(*)::int as n from m`,
    values: [tenants, us],
  };
}
