import type { MessageId, SendRequested } from '@mersal/contracts';
import { Problem } from '../problems/problem.js';
import { type AcceptedBody, acceptedBody } from '../sends/accepted-send.js';
import type { DirectResult } from './direct-result.js';

/** What the caller gets: 200 where it was sent, 202 where that is still to come. */
export type DirectBody = Omit<AcceptedBody, 'status'> & {
  readonly id: MessageId;
  readonly status: 'sent' | 'unknown' | 'queued';
  readonly sid?: string;
};

export interface DirectReply {
  readonly status: 200 | 202;
  readonly body: DirectBody;
}

/** Throws a Problem where it was not sent: 422 for good, 429 and 503 for now. */
export function directReply(send: SendRequested, result: DirectResult): DirectReply {
  const body = acceptedBody(send);
  switch (result.kind) {
    case 'sent':
      return { status: 200, body: { ...body, status: 'sent', sid: result.sid } };
    case 'unknown':
    case 'queued':
      return { status: 202, body: { ...body, status: result.kind } };
    case 'rejected':
      throw new Problem('provider_rejected', { detail: result.detail });
    case 'over':
      throw new Problem('conflict', { detail: `the message was ${result.state} before` });
    case 'reused':
      throw new Problem('idempotency_key_reused');
    case 'later': {
      const { why, detail, afterMs, accepted } = result;
      const code = why === 'slots' || why === 'rate' ? 'rate_limited' : 'provider_unavailable';
      const seconds = Math.min(LONGEST_S, Math.max(1, Math.ceil((afterMs ?? 2_000) / 1_000)));
      throw new Problem(code, { detail, accepted, headers: { 'retry-after': String(seconds) } });
    }
    default:
      return result satisfies never;
  }
}

/** Whoever was told to wait for longer would not come back. */
const LONGEST_S = 3_600;
