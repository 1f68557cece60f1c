import type { Row, Statement } from '../database.js';
import { MESSAGE } from '../states.js';
import { hex } from './admit-sends.js';
import { laneOf } from './lane.js';
import { MESSAGE_COLUMNS, MESSAGE_STATUS, MESSAGE_JOINS, type MessageView, toMessageView } from './read.js';

/** A place in a restaurant's messages, newest first: behind this one. */
export interface MessagePlace {
  /** ms since 1970 */
  readonly acceptedAt: number;
  readonly u: string;
}

export interface MessageQuery {
  readonly most: number;
  readonly before?: MessagePlace | undefined;
  /** The public name of a state. */
  readonly status?: string | undefined;
  readonly conversation?: string | undefined;
  /** The provider's. */
  readonly errorCode?: number | undefined;
  /** When they were accepted, ms since 1970: from this on, and before that. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** `next`: where to go on; there may be more though this page is short, even empty, as a page looks at few rows only. */
export interface MessagePage {
  readonly items: MessageView[];
  readonly next: MessagePlace | null;
}

/** Rows that one page looks at, where what is asked for has no index of its own. */
const WINDOW = 2_000;
/** The same where every row fits: one plan for all sizes of a page below. */
const SMALL_WINDOW = 128;

/** In which stored states messages of a status are; those that most messages are in are looked for among all. */
const STORED: Readonly<Record<string, readonly number[]>> = {
  queued: [MESSAGE.waiting],
  retrying: [MESSAGE.waiting, MESSAGE.retrying],
  held: [MESSAGE.waiting, MESSAGE.held],
  scheduled: [MESSAGE.scheduled],
  unknown: [MESSAGE.unknown],
  failed: [MESSAGE.failed, MESSAGE.refused],
  dead: [MESSAGE.dead],
  cancelled: [MESSAGE.cancelled],
  expired: [MESSAGE.expired],
};

/**
 * Newest first, by the best index that there is for what is asked: the conversation's, the error's, the state's, the
 * restaurant's. At most a window's rows are read from it; what else was asked for is looked at in those.
 */
export function listMessages(tenant: number, query: MessageQuery): Statement {
  const { before, status, conversation, errorCode, from, to } = query;
  const values: unknown[] = [tenant];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const range = [
    ...(before
      ? [`(x.accepted_at, x.u) < (${value(isoOf(before.acceptedAt))}::timestamptz, ${value(before.u)}::uuid)`]
      : []),
    ...(from === undefined ? [] : [`x.accepted_at >= ${value(isoOf(from))}::timestamptz`]),
    ...(to === undefined ? [] : [`x.accepted_at < ${value(isoOf(to))}::timestamptz`]),
  ].map((condition) => ` and ${condition}`);
  const matches = [
    ...(status === undefined ? [] : [`${MESSAGE_STATUS} = ${value(status)}`]),
    ...(conversation === undefined ? [] : [`m.conversation = ${value(conversation)}`]),
    ...(errorCode === undefined ? [] : [`m.error_code = ${value(errorCode)}`]),
  ];
  const window = matches.length === 0 && query.most < SMALL_WINDOW ? SMALL_WINDOW : WINDOW;
  const rows = (where: string, from_ = 'message x'): string => `
            (select x.tenant, x.u, x.accepted_at from ${from_}
              where x.tenant = $1${where}${range.join('')}
              order by x.accepted_at desc, x.u desc limit ${window})`;
  const source = sourceOf(query, rows, value);
  const kind = [
    before && 'before',
    from === undefined ? '' : 'from',
    to === undefined ? '' : 'to',
    conversation === undefined ? '' : 'conversation',
    errorCode === undefined ? '' : 'error',
    status ?? '',
    window === WINDOW ? '' : 'all',
  ];
  return {
    name: `list-messages ${kind.filter(Boolean).join(' ')}`,
    text: `
      with s as materialized (
        select tenant, u, row_number() over (order by accepted_at desc, u desc) as rn from (
          select * from (${source}) every order by accepted_at desc, u desc limit ${window}) w
      ), f as (
        select s.tenant, s.u, s.rn, ${matches.length === 0 ? 'true' : matches.join(' and ')} as matches
          from s cross join lateral ${byKey('s')} m join tenant t on t.id = m.tenant
          left join lateral (select * from lane z where z.tenant = m.tenant and z.lane = m.lane offset 0) l on true
      ), p as (
        select f.*, count(*) filter (where matches) over (order by rn) as k from f
      )
      select ${MESSAGE_COLUMNS}, p.matches, p.rn = ${window} as last
        from p cross join lateral ${byKey('p')} m ${MESSAGE_JOINS}
       where (p.matches and p.k <= ${value(query.most + 1)}) or p.rn = ${window}
       order by p.rn`,
    values,
  };
}

/** One look-up a row, whatever the planner thinks of reading the table instead. */
const byKey = (of: string): string =>
  `(select * from message y where y.tenant = ${of}.tenant and y.u = ${of}.u offset 0)`;

function sourceOf(
  { status, conversation, errorCode }: MessageQuery,
  rows: (where: string, from?: string) => string,
  value: (given: unknown) => string,
): string {
  if (conversation !== undefined) return rows(` and x.lane + 0 = ${value(laneOf(conversation))}::bigint`);
  if (errorCode !== undefined) return rows(` and x.error_code = ${value(errorCode)}::int`);
  if (status === 'sending')
    return rows(
      ` and x.u in (select s.u from slot s where s.tenant = $1 and s.lease is not null) and x.state = ${MESSAGE.waiting}`,
    );
  const stored = STORED[status ?? ''];
  if (stored === undefined) return rows('');
  return stored
    .map((state) =>
      state === MESSAGE.waiting
        ? // The backlog has an index of its own, in another order: read whole, and not all messages in this one.
          rows('', `(select * from message where tenant = $1 and state = ${state} offset 0) x`)
        : rows(` and x.state = ${state}`),
    )
    .join(' union all ');
}

export function toMessagePage(rows: readonly Row[], most: number): MessagePage {
  const matching = rows.filter((row) => row['matches'] === true);
  const items = matching.slice(0, most).map(toMessageView);
  const end = matching.length > most ? matching[most - 1] : rows.find((row) => row['last'] === true);
  const next =
    end === undefined ? null : { acceptedAt: Math.round(Number(end['accepted_at'])), u: hex(end['u']) };
  return { items, next };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
