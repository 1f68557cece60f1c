import type { Row, Statement } from '../database.js';
import { stepOf } from '../messages/outbox.js';

/** A step in a message's life that was published. */
export interface MessageEvent {
  /** Its place among the restaurant's, ascending; not without gaps. */
  readonly n: string;
  /** Its place in the outbox before. */
  readonly outbox: string;
  readonly u: string;
  readonly tag: string;
  readonly conversation: string;
  readonly redrive: number;
  readonly attempt: number;
  readonly state: string;
  /** ms since 1970 */
  readonly at: number;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What is read on: a restaurant's events, or one message's with `u`, behind `after`. */
export interface EventFeed {
  readonly tenant: number;
  readonly u: string | null;
  readonly after: string;
}

/** Where a reader begins, as of one instant. */
export interface EventPlace {
  /** The restaurant's last event. */
  readonly last: string;
  /** The message's last step that is not published yet, by its place in the outbox; '0': none waits. */
  readonly pending: string;
}

/** Any number, as long as nobody else uses it: the first of two keys, the second is the partition. */
const LOCK = 7_236;

/**
 * Outbox rows that are published go, and stay as events. A restaurant's events are numbered under its partition's lock, held until
 * commit: whoever has read up to a number misses none below it, though two senders publish at once. To be run in one transaction.
 */
export function forgetPublished(numbers: readonly string[]): Statement[] {
  return [
    {
      name: 'published-lock',
      text: `
        select pg_advisory_xact_lock(${LOCK}, p.partition)
          from (select distinct partition::int from outbox where n = any($1::bigint[]) order by 1 offset 0) p`,
      values: [numbers],
    },
    {
      name: 'published-events',
      text: `
        with gone as (
          delete from outbox where n = any($1::bigint[]) returning *
        )
        insert into message_event (tenant, u, redrive, attempt, state, outbox, at, detail)
        select tenant, u, redrive, attempt, state, n, at, detail from gone order by n
        on conflict (tenant, u, redrive, attempt, state) do nothing`,
      values: [numbers],
    },
  ];
}

/** The next events of each feed, at most `most` of each. */
export function readEvents(feeds: readonly EventFeed[], most: number): Statement {
  const next = (which: string): string => `
          (select e.* from message_event e where ${which} and e.n > i.after order by e.n limit $4)`;
  return {
    name: 'read-events',
    text: `
      select i.k::int as feed, h.n, h.outbox, h.u, m.tag, m.conversation, h.redrive, h.attempt, h.state,
             extract(epoch from h.at) * 1000 as at, h.detail
        from unnest($1::int[], $2::uuid[], $3::bigint[]) with ordinality i(tenant, u, after, k)
        cross join lateral (${next('i.u is null and e.tenant = i.tenant')}
          union all ${next('i.u is not null and e.tenant = i.tenant and e.u = i.u')}) h
        join message m on m.tenant = h.tenant and m.u = h.u
       order by i.k, h.n`,
    values: [
      feeds.map((feed) => feed.tenant),
      feeds.map((feed) => feed.u),
      feeds.map((feed) => feed.after),
      most,
    ],
  };
}

/** Rows of readEvents, by feed. */
export function toEvents(rows: readonly Row[], feeds: number): MessageEvent[][] {
  const events: MessageEvent[][] = Array.from({ length: feeds }, () => []);
  for (const row of rows) {
    events[(row['feed'] as number) - 1]?.push({
      n: row['n'] as string,
      outbox: row['outbox'] as string,
      ...stepOf(row),
    });
  }
  return events;
}

/** Two columns of a select: the place of a reader that begins with what the select shows, in the same snapshot. */
export const EVENT_PLACE = `
  (select coalesce(max(e.n), 0) from message_event e where e.tenant = t.id) as last_event,
  (select coalesce(max(o.n), 0) from outbox o where o.partition = t.partition and o.tenant = t.id and o.u = $2) as pending_event`;

/** Of a restaurant: its readers begin with no message's state, so nothing that is pending is told yet. */
export function readEventPlace(tenant: number): Statement {
  return {
    name: 'event-place',
    text: `
      select coalesce(max(n), 0) as last_event, 0::bigint as pending_event from message_event where tenant = $1`,
    values: [tenant],
  };
}

export function toEventPlace(row: Row): EventPlace {
  return { last: row['last_event'] as string, pending: row['pending_event'] as string };
}

/** Whether an event is still there to be read on from: behind one that is gone others may be gone too. */
export function hasEvent(tenant: number, n: string): Statement {
  return {
    name: 'has-event',
    text: 'select exists (select from message_event where tenant = $1 and n = $2::bigint) as there',
    values: [tenant, n],
  };
}
