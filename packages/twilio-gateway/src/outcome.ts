import { classify, type Evidence, networkRows } from './classify.js';
import type { OutcomeCause, SendOutcome } from './gateway.js';
import type { OutcomeRow } from './outcome-table.js';
import type { CallTrace } from './request-client.js';
import { retryAfterMs } from './retry-after.js';

export interface OutcomeClocks {
  /** Since the call began, in ms. */
  readonly elapsedMs: number;
  /** Wall clock, in ms. */
  readonly wallMs: number;
}

/** The outcome of a call that the provider answered with a SID. */
export function acceptedOutcome(
  trace: CallTrace,
  clocks: OutcomeClocks,
  message: { readonly sid: string; readonly status: string },
): SendOutcome {
  const row = classify({ where: 'response', httpStatus: trace.answer?.statusCode ?? 201 });
  return { ...base(row, 'http', trace, clocks), sid: message.sid, status: message.status };
}

/** The outcome of a call that ended in any other way; `error` is what the SDK threw, read for its code alone. */
export function failedOutcome(
  trace: CallTrace,
  clocks: OutcomeClocks,
  error: unknown,
  route: Evidence['route'] & string,
): SendOutcome {
  const { failure, answer } = trace;
  if (failure) {
    const row = failure.written ? networkRows.ambiguous : networkRows.notSent;
    return base(row, failure.reason, trace, clocks);
  }
  if (!answer)
    throw new TypeError('the SDK refused the request before it reached the wire', { cause: describe(error) });
  if (answer.statusCode >= 200 && answer.statusCode < 300)
    return base(networkRows.ambiguous, 'unparsable', trace, clocks);
  const code = codeOf(error);
  return base(
    classify({ where: 'response', route, httpStatus: answer.statusCode, code }),
    'http',
    trace,
    clocks,
    code,
  );
}

export function credentialsOutcome(): SendOutcome {
  return base(networkRows.credentials, 'credentials', {}, { elapsedMs: 0, wallMs: 0 });
}

function base(
  row: OutcomeRow,
  cause: OutcomeCause,
  trace: CallTrace,
  clocks: OutcomeClocks,
  code?: number,
): SendOutcome {
  const headers = trace.answer?.headers;
  const httpStatus = trace.answer?.statusCode ?? trace.failure?.statusCode;
  const retryAfter = retryAfterMs(headers?.['retry-after'], clocks.wallMs);
  const seconds = numeric(headers?.['twilio-request-duration']);
  const concurrent = numeric(headers?.['twilio-concurrent-requests']);
  return {
    class: row.class,
    action: row.action,
    cause,
    known: row.known,
    countsAttempt: row.countsAttempt,
    message: cause === 'http' || cause === 'credentials' ? row.meaning : `${row.meaning} (${cause})`,
    elapsedMs: clocks.elapsedMs,
    ...(code !== undefined && { code }),
    ...(httpStatus !== undefined && { httpStatus }),
    ...(retryAfter !== undefined && { retryAfterMs: retryAfter }),
    ...(row.pause && { pause: row.pause }),
    ...(row.class === 'paused' &&
      row.pause?.scope === 'account' &&
      row.code === 63038 && { accountCapped: true }),
    ...(seconds !== undefined && { providerMs: seconds * 1_000 }),
    ...(concurrent !== undefined && { concurrentRequests: concurrent }),
  };
}

function codeOf(error: unknown): number | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'number' && Number.isInteger(code) && code > 0 ? code : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

function numeric(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  const value = Number(header);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
