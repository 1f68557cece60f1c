import type { Row, Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { EVENT_PLACE } from '../events/message-events.js';
import { hex } from './admit-sends.js';
import { UNDECIDED } from './leases.js';
import { TALLY } from './tally.js';

/** A message with its story, as the API shows it. Times are ms since 1970. */
export interface MessageView {
  readonly u: string;
  readonly tag: string;
  readonly restaurantId: string;
  readonly conversation: string;
  readonly priority: number;
  readonly status: string;
  readonly acceptedAt: number;
  readonly changedAt: number;
  readonly sendAt: number | null;
  readonly expiresAt: number | null;
  readonly sid: string | null;
  readonly redrive: number;
  readonly error: { readonly class: string; readonly code: number | null } | null;
  readonly attempts: readonly AttemptView[];
  readonly callbacks: readonly CallbackEntry[];
  /** Its detail is gone: by retention, or on request. */
  readonly erased: boolean;
  readonly record: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AttemptView {
  readonly attempt: number;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly outcome: string;
  readonly httpStatus: number | null;
  readonly code: number | null;
  readonly sid: string | null;
}

export interface CallbackEntry {
  readonly status: string;
  readonly sid: string;
  readonly code: number | null;
  readonly receivedAt: number;
}

/** The public name of a stored state; a waiting head whose lane is sending is `sending`. */
export const MESSAGE_STATUS = `
  case m.state
    when ${MESSAGE.waiting} then case when l.head = m.u and l.state = ${LANE.sending} then 'sending' when t.status = 'suspended' then 'held'
         when l.head <> m.u and (l.state = ${LANE.held} or (l.state = ${LANE.unknown} and t.on_dead = 'hold')) then 'held'
         when m.due > clock_timestamp() then 'retrying' else 'queued' end
    when ${MESSAGE.direct} then 'sending' when ${MESSAGE.retrying} then 'retrying' when ${MESSAGE.scheduled} then 'scheduled' when ${MESSAGE.held} then 'held'
    when ${MESSAGE.unknown} then 'unknown' when ${MESSAGE.sent} then 'sent' when ${MESSAGE.failed} then 'failed'
    when ${MESSAGE.delivered} then 'delivered' when ${MESSAGE.read} then 'read' when ${MESSAGE.dead} then 'dead'
    when ${MESSAGE.cancelled} then 'cancelled' when ${MESSAGE.expired} then 'expired' else 'failed' end`;

export const MESSAGE_COLUMNS = `
  m.u, m.tag, t.restaurant_id, m.conversation, m.priority, ${MESSAGE_STATUS} as status,
  extract(epoch from m.accepted_at) * 1000 as accepted_at, extract(epoch from m.changed_at) * 1000 as changed_at,
  case when m.state = ${MESSAGE.scheduled} then extract(epoch from m.due) * 1000 end as send_at,
  extract(epoch from m.expires_at) * 1000 as expires_at, m.sid, m.redrive, m.error_class, m.error_code, m.erased,
  b.record, b.headers,
  (select json_agg(json_build_object('attempt', a.attempt, 'startedAt', (extract(epoch from a.started_at) * 1000)::bigint,
          'finishedAt', (extract(epoch from a.finished_at) * 1000)::bigint, 'outcome', a.outcome,
          'httpStatus', a.http_status, 'code', a.code, 'sid', a.sid) order by a.attempt)
     from attempt a where a.tenant = m.tenant and a.u = m.u) as attempts,
  (select json_agg(json_build_object('status', c.status, 'sid', c.sid, 'code', c.code,
          'receivedAt', (extract(epoch from c.received_at) * 1000)::bigint) order by c.received_at)
     from callback c where c.tenant = m.tenant and c.u = m.u) as callbacks`;
/** What a message `m` is shown with. */
export const MESSAGE_JOINS = `
  join tenant t on t.id = m.tenant
  left join lane l on l.tenant = m.tenant and l.lane = m.lane
  left join body b on b.tenant = m.tenant and b.u = m.u`;
const TABLES = `message m ${MESSAGE_JOINS}`;

export function readMessage(tenant: number, u: string): Statement {
  return {
    name: 'read-message',
    text: `select ${MESSAGE_COLUMNS} from ${TABLES} where m.tenant = $1 and m.u = $2`,
    values: [tenant, u],
  };
}

/** The message with the place from which its events go on, both of one snapshot. */
export function readMessageAndPlace(tenant: number, u: string): Statement {
  return {
    name: 'read-message-and-place',
    text: `select ${MESSAGE_COLUMNS}, ${EVENT_PLACE} from ${TABLES} where m.tenant = $1 and m.u = $2`,
    values: [tenant, u],
  };
}

export function toMessageView(row: Row): MessageView {
  const number = (name: string): number | null => (row[name] === null ? null : Math.round(Number(row[name])));
  const errorClass = row['error_class'] as string | null;
  return {
    u: hex(row['u']),
    tag: row['tag'] as string,
    restaurantId: row['restaurant_id'] as string,
    conversation: row['conversation'] as string,
    priority: row['priority'] as number,
    status: row['status'] as string,
    acceptedAt: number('accepted_at') ?? 0,
    changedAt: number('changed_at') ?? 0,
    sendAt: number('send_at'),
    expiresAt: number('expires_at'),
    sid: row['sid'] as string | null,
    redrive: row['redrive'] as number,
    error: errorClass === null ? null : { class: errorClass, code: row['error_code'] as number | null },
    attempts: (row['attempts'] as AttemptView[] | null) ?? [],
    callbacks: (row['callbacks'] as CallbackEntry[] | null) ?? [],
    erased: row['erased'] as boolean,
    record: row['record'] as Buffer | null,
    headers: (row['headers'] as Record<string, string> | null) ?? {},
  };
}

/** How many messages are in each state, and how many requests of each restaurant are under way. */
export function countStates(): Statement {
  return {
    name: 'count-states',
    text: `
      select (select json_object_agg(state, n) from (${TALLY}) s) as states,
             (select count(*)::int from (
                select tenant from message where state = ${MESSAGE.waiting} and due > '-infinity' and due > now() offset 0) m
                join tenant t on t.id = m.tenant and t.status <> 'suspended') as backing_off,
             (select coalesce(sum(w.n), 0)::int from tenant t cross join lateral (
                select count(*) as n from message m where m.tenant = t.id and m.state = ${MESSAGE.waiting} offset 0) w
               where t.status = 'suspended') as suspended,
             (select coalesce(sum(w.n), 0)::int from lane l join tenant t on t.id = l.tenant and t.status <> 'suspended'
                cross join lateral (
                  select count(*) as n from message m where m.tenant = l.tenant and m.lane = l.lane and m.state = ${MESSAGE.waiting}
                     and m.u <> l.head and m.due <= clock_timestamp() offset 0) w
               where l.state = ${LANE.held}) as behind_dead,
             (select count(*)::int from message where state = ${MESSAGE.unknown} and error_class = '${UNDECIDED}') as undecided,
             (select json_agg(json_build_object('restaurantId', t.restaurant_id, 'active', a.n, 'limit', t.concurrency))
                from (select tenant, count(*)::int as n from slot where lease is not null group by tenant) a
                join tenant t on t.id = a.tenant) as active`,
    values: [],
  };
}
