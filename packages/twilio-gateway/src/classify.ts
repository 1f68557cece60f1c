import {
  type OutcomeClass,
  type OutcomeRow,
  outcomeClasses,
  outcomeTable,
  type SourceMark,
} from './outcome-table.js';

/** What there is to judge by. A callback has no HTTP status: its report of failure is final for that SID. */
export interface Evidence {
  readonly httpStatus?: number | undefined;
  readonly code?: number | undefined;
  readonly where: 'response' | 'callback';
  /** Which API answered; the same code can mean another thing. Default: messages. */
  readonly route?: 'messages' | 'content';
}

const byCode: ReadonlyMap<number | null, OutcomeRow> = new Map(outcomeTable.map((row) => [row.code, row]));

const accepted = row('accepted', 'accepted by the provider', true, 'X', 'an answer 2xx with a SID');
const throttled = row('throttled', 'too many requests, not processed', true, 'X', 'HTTP 429');
const serverError = row('ambiguous', 'the provider failed; it may have been accepted', true, 'D', 'HTTP 5xx');
const failedWithoutCode = row('transient', 'reported failed without a code', false, 'M', 'no code to go by');
const unknownCode = row('rejected', 'refused with a code that is not in the table', false, 'M', 'no row');
const strangeStatus = row('ambiguous', 'an answer that proves nothing', false, 'M', 'HTTP 1xx, 3xx or none');
const requestTimeout = row('ambiguous', 'the provider gave up reading the request', false, 'M', 'HTTP 408');
const unauthorized = row('tenant_suspended', 'authentication failed', false, 'X', 'HTTP 401 or 403');
const wrongSetUp = row(
  'tenant_suspended',
  "not found: the account's set-up is wrong",
  false,
  'D',
  'HTTP 404',
);
const contentGone = row('template_gone', 'the template does not exist', true, 'D', 'HTTP 404 of Content');

/** Rows that no code selects: the HTTP status, the network or the route does. */
export const networkRows = {
  notSent: row('not_sent', 'never written to the provider', true, 'X', 'no byte left for the provider'),
  ambiguous: row('ambiguous', 'written, and no readable answer came', true, 'X', 'broken after writing'),
  credentials: row(
    'tenant_suspended',
    'the credentials are not well formed',
    true,
    'X',
    "the SDK's own check",
  ),
} as const satisfies Record<string, OutcomeRow>;

/**
 * The row for a piece of evidence. Total: an unknown code falls back on the HTTP status, with `known: false`.
 *
 * - HTTP 5xx is ambiguous whatever code it carries: what was done before the failure can't be told.
 * - A callback is never ambiguous or throttled: the provider says itself that this SID failed.
 */
export function classify(evidence: Evidence): OutcomeRow {
  const { code, httpStatus, where } = evidence;
  const listed = code === undefined ? undefined : byCode.get(code);

  if (where === 'callback') {
    if (!listed) return code === undefined ? failedWithoutCode : { ...unknownCode, code };
    const undecided = listed.class === 'ambiguous' || listed.class === 'throttled';
    return undecided ? { ...listed, class: 'transient', ...outcomeClasses.transient } : listed;
  }

  if (httpStatus !== undefined && httpStatus >= 500)
    return listed?.class === 'ambiguous' ? listed : serverError;
  if (httpStatus !== undefined && httpStatus >= 200 && httpStatus < 300) return accepted;
  if (evidence.route === 'content' && (code === 20404 || httpStatus === 404)) return contentGone;
  if (listed) return listed;
  return byStatus(httpStatus, code);
}

function byStatus(httpStatus: number | undefined, code: number | undefined): OutcomeRow {
  if (httpStatus === undefined || httpStatus < 400) return strangeStatus;
  if (httpStatus === 429) return code === undefined ? throttled : { ...throttled, code, known: false };
  if (httpStatus === 401 || httpStatus === 403) return unauthorized;
  if (httpStatus === 404) return wrongSetUp;
  if (httpStatus === 408) return requestTimeout;
  return code === undefined ? unknownCode : { ...unknownCode, code };
}

function row(
  kind: OutcomeClass,
  meaning: string,
  known: boolean,
  mark: SourceMark,
  text: string,
): OutcomeRow {
  return { code: null, class: kind, ...outcomeClasses[kind], meaning, source: { mark, text }, known };
}
