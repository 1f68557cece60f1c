import type { DeadReason } from '@mersal/contracts';
import { type Claim, LANE, MESSAGE, type Settlement } from '@mersal/ledger';
import type { SendOutcome } from '@mersal/twilio-gateway';
import { type Consequence, type Failure, type Subject, type Weighing, weigh } from './consequence.js';

export interface VerdictInput {
  readonly claim: Pick<
    Claim,
    | 'tenant'
    | 'lane'
    | 'u'
    | 'slot'
    | 'attempt'
    | 'redrive'
    | 'retries'
    | 'acceptedAt'
    | 'accountSid'
    | 'credentials'
    | 'sender'
    | 'lastError'
  >;
  readonly to: Pick<Subject, 'recipient' | 'address' | 'namesTemplate'>;
  readonly outcome: SendOutcome;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly by: Omit<Weighing, 'now'>;
}

/*
 * What an attempt's outcome makes of its message
 *
 *   accepted ───────────────► sent             the conversation goes on
 *   ambiguous ──────────────► unknown          the conversation waits for reconciliation
 *   a failure, weighed:
 *     again ────────────────► retrying         the message stays its conversation's head
 *     wait ─────────────────► waiting          its restaurant is suspended
 *     over ─────────────────► dead             the conversation goes on, or is held
 */
export function judge(input: VerdictInput): Settlement {
  const { outcome, claim } = input;
  if (outcome.class === 'accepted')
    return settlement(input, { state: MESSAGE.sent, onward: 'advance', event: 'sent', sid: outcome.sid });
  if (outcome.class === 'ambiguous')
    return settlement(input, { state: MESSAGE.unknown, onward: LANE.unknown, event: 'unknown' });
  const subject: Subject = { ...claim, ...input.to };
  const consequence = weigh(outcome as Failure, subject, { ...input.by, now: input.finishedAt });
  return { ...settlement(input, changeOf(consequence)), effects: consequence.effects };
}

function changeOf(consequence: Consequence): Change {
  switch (consequence.kind) {
    case 'again':
      return {
        state: MESSAGE.retrying,
        onward: LANE.retrying,
        event: 'retrying',
        due: consequence.due,
      };
    case 'wait':
      return { state: MESSAGE.waiting, onward: LANE.open, event: null };
    case 'over':
      return { state: MESSAGE.dead, onward: 'advance', event: 'dead', reason: consequence.reason };
    default:
      return consequence satisfies never;
  }
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

/** A claim whose recipient has opted out: it ends without a request. */
export function optedOut(claim: VerdictInput['claim'], now: number): Settlement {
  return {
    ...releaseClaim(claim, now),
    state: MESSAGE.dead,
    onward: 'advance',
    errorClass: 'opted_out',
    event: 'dead',
    detail: {
      reason: 'opted_out',
      error: { class: 'opted_out', message: 'the recipient opted out before' },
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
