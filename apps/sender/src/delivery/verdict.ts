import type { DeadReason } from '@mersal/contracts';
import { type RetryPolicy, scheduleRetry } from '@mersal/lanes';
import { type Claim, LANE, MESSAGE, type Settlement } from '@mersal/ledger';
import type { SendOutcome } from '@mersal/twilio-gateway';

export interface VerdictInput {
  readonly claim: Pick<
    Claim,
    'tenant' | 'lane' | 'u' | 'slot' | 'attempt' | 'redrive' | 'retries' | 'acceptedAt' | 'accountSid'
  >;
  readonly outcome: SendOutcome;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly policy: RetryPolicy;
  readonly random: () => number;
}

export interface Verdict {
  readonly settlement: Settlement;
  /** The restaurant's account is at fault: hold all its messages. */
  readonly suspend?: string;
}

/*
 * What an attempt's outcome makes of its message
 *
 *   accepted ───────────────► sent             the conversation goes on
 *   ambiguous ──────────────► unknown          the conversation waits for reconciliation
 *   may be repeated ────────► retrying         the message stays its conversation's head
 *     └ retries used up ────► dead
 *   account at fault ───────► waiting          and the restaurant is suspended
 *   refused for good ───────► dead             the conversation goes on
 */
export function judge(input: VerdictInput): Verdict {
  const { outcome } = input;
  switch (outcome.class) {
    case 'accepted':
      return {
        settlement: settlement(input, {
          state: MESSAGE.sent,
          onward: 'advance',
          event: 'sent',
          sid: outcome.sid,
        }),
      };
    case 'ambiguous':
      return {
        settlement: settlement(input, { state: MESSAGE.unknown, onward: LANE.unknown, event: 'unknown' }),
      };
    case 'throttled':
    case 'paused':
    case 'not_sent':
    case 'transient':
      return { settlement: repeat(input) };
    case 'tenant_suspended':
      return {
        settlement: settlement(input, { state: MESSAGE.waiting, onward: LANE.open, event: null }),
        suspend: `${outcome.code ?? outcome.httpStatus ?? ''} ${outcome.message}`.trim(),
      };
    case 'opted_out':
      return { settlement: dead(input, 'opted_out') };
    case 'template_gone':
    case 'template_unusable':
      return { settlement: dead(input, 'template_unusable') };
    case 'recipient':
    case 'marketing':
    case 'content':
    case 'policy':
    case 'rejected':
      return { settlement: dead(input, 'provider_rejected') };
    default:
      return outcome.class satisfies never;
  }
}

function repeat(input: VerdictInput): Settlement {
  const { claim, outcome } = input;
  const decision = scheduleRetry(
    input.policy,
    {
      used: claim.retries,
      counts: outcome.countsAttempt,
      attempt: claim.attempt,
      acceptedAt: claim.acceptedAt,
      now: input.finishedAt,
      retryAfterMs: outcome.retryAfterMs,
      pauseMs: outcome.pause?.minMs,
    },
    input.random,
  );
  if (decision.kind === 'give_up') return dead(input, decision.reason);
  return settlement(input, {
    state: MESSAGE.retrying,
    onward: LANE.retrying,
    event: 'retrying',
    due: decision.at,
  });
}

function dead(input: VerdictInput, reason: DeadReason): Settlement {
  return settlement(input, { state: MESSAGE.dead, onward: 'advance', event: 'dead', reason });
}

type Change = Pick<Settlement, 'state' | 'onward' | 'event'> & {
  readonly due?: number;
  readonly sid?: string | undefined;
  readonly reason?: DeadReason;
};

function settlement(input: VerdictInput, change: Change): Settlement {
  const { claim, outcome, startedAt, finishedAt } = input;
  const accepted = outcome.class === 'accepted';
  return {
    tenant: claim.tenant,
    lane: claim.lane,
    u: claim.u,
    slot: claim.slot,
    attempt: claim.attempt,
    redrive: claim.redrive,
    state: change.state,
    onward: change.onward,
    due: change.due,
    counted: outcome.countsAttempt && !accepted,
    accountSid: claim.accountSid,
    sid: change.sid,
    errorClass: accepted ? undefined : outcome.class,
    errorCode: outcome.code,
    httpStatus: outcome.httpStatus,
    outcome: outcome.class,
    startedAt,
    finishedAt,
    event: change.event,
    detail: {
      startedAt,
      finishedAt,
      accountSid: claim.accountSid,
      ...(change.sid === undefined ? {} : { sid: change.sid }),
      ...(change.due === undefined ? {} : { notBefore: change.due }),
      ...(change.reason === undefined ? {} : { reason: change.reason }),
      ...(accepted
        ? {}
        : {
            error: {
              class: outcome.class,
              message: outcome.message,
              ...(outcome.code === undefined ? {} : { code: outcome.code }),
            },
          }),
    },
  };
}

/** A claim whose request was never written: its slot and lane are free again, its number is not used a second time. */
export function releaseClaim(claim: VerdictInput['claim'], now: number): Settlement {
  return {
    tenant: claim.tenant,
    lane: claim.lane,
    u: claim.u,
    slot: claim.slot,
    attempt: claim.attempt,
    redrive: claim.redrive,
    state: MESSAGE.waiting,
    onward: LANE.open,
    counted: false,
    accountSid: claim.accountSid,
    outcome: null,
    startedAt: now,
    finishedAt: now,
    event: null,
    detail: {},
  };
}
