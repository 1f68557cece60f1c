import type { DeadReason } from '@mersal/contracts';
import { type RetryPolicy, scheduleRetry } from '@mersal/lanes';
import type { Effect } from '@mersal/ledger';
import type { OutcomeClass, OutcomeRow } from '@mersal/twilio-gateway';

/** A failure, whether the provider answered with it or reported it later. */
export interface Failure {
  readonly class: Exclude<OutcomeClass, 'accepted' | 'ambiguous'>;
  readonly countsAttempt: boolean;
  /** Our words, without anything of the request's. */
  readonly message: string;
  readonly code?: number | undefined;
  readonly httpStatus?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly pause?: OutcomeRow['pause'] | undefined;
}

/** Whose failure it is. */
export interface Subject {
  readonly tenant: number;
  readonly u: string;
  readonly accountSid: string;
  /** Null: whichever the attempt used, it is not them that are at fault. */
  readonly credentials: number | null;
  readonly sender: string;
  readonly recipient: string;
  /** `whatsapp:+…`, in full. */
  readonly address: string;
  readonly attempt: number;
  /** Retries used up before. */
  readonly retries: number;
  readonly acceptedAt: number;
  /** The class of the failure before this one. */
  readonly lastError: string | null;
  /** By its name the template can be found again; by its SID it can not. */
  readonly namesTemplate: boolean;
}

/** What a failure asks of its message, and of others. */
export type Consequence = (
  | { readonly kind: 'again'; readonly due: number; readonly counted: boolean }
  | { readonly kind: 'over'; readonly reason: DeadReason }
  /** The account is at fault: the message waits with all others of its restaurant. */
  | { readonly kind: 'wait' }
) & { readonly effects: readonly Effect[] };

export interface Weighing {
  readonly policy: RetryPolicy;
  /** ms since 1970. */
  readonly now: number;
  readonly random: () => number;
  /** Tells of a limit that may be one recipient's or the whole number's which it is: see LimitWatch. */
  readonly limitOf: (subject: Subject) => 'recipient' | 'sender';
}

const HOUR_MS = 3_600_000;
/** Numbers of the North American plan: those of the United States can't be told from their neighbours' by the prefix. */
const NORTH_AMERICA = 'whatsapp:+1';

/*
 *   may be repeated ───► again, by backoff, Retry-After and pause, while retries and age allow; else over
 *     └ a limit ───────► and a pause of the number or the restaurant
 *   opted out ─────────► over, and no more to this recipient
 *   template gone ─────► by name: again, once; else over
 *   marketing limit ───► North America: over; elsewhere again, with growing delays
 *   account at fault ──► wait, and the restaurant is suspended
 *   refused for good ──► over
 */
export function weigh(failure: Failure, subject: Subject, by: Weighing): Consequence {
  switch (failure.class) {
    case 'throttled':
    case 'paused':
    case 'not_sent':
    case 'transient':
      return again(failure, subject, by, pausesOf(failure, subject, by));
    case 'opted_out':
      return over('opted_out', {
        kind: 'suppress',
        tenant: subject.tenant,
        recipient: subject.recipient,
        address: subject.address,
        reason: reasonOf(failure),
        u: subject.u,
      });
    case 'template_gone':
      return subject.namesTemplate && subject.lastError !== 'template_gone'
        ? again(failure, subject, by)
        : over('template_unusable');
    case 'template_unusable':
      return over('template_unusable');
    case 'marketing':
      return subject.address.startsWith(NORTH_AMERICA)
        ? over('provider_rejected')
        : again({ ...failure, retryAfterMs: HOUR_MS * 4 ** subject.retries }, subject, by);
    case 'tenant_suspended':
      return {
        kind: 'wait',
        effects: [
          {
            kind: 'suspend',
            tenant: subject.tenant,
            accountSid: subject.accountSid,
            credentials: subject.credentials,
            reason: reasonOf(failure),
          },
        ],
      };
    case 'recipient':
    case 'content':
    case 'policy':
    case 'rejected':
      return over('provider_rejected');
    default:
      return failure.class satisfies never;
  }
}

function again(
  failure: Failure,
  subject: Subject,
  { policy, now, random }: Weighing,
  effects: readonly Effect[] = [],
): Consequence {
  const decision = scheduleRetry(
    policy,
    {
      used: subject.retries,
      counts: failure.countsAttempt,
      attempt: subject.attempt,
      acceptedAt: subject.acceptedAt,
      now,
      retryAfterMs: failure.retryAfterMs,
      pauseMs: failure.pause?.minMs,
    },
    random,
  );
  return decision.kind === 'give_up'
    ? { kind: 'over', reason: decision.reason, effects }
    : { kind: 'again', due: decision.at, counted: failure.countsAttempt, effects };
}

function over(reason: DeadReason, ...effects: readonly Effect[]): Consequence {
  return { kind: 'over', reason, effects };
}

/** One recipient's limit concerns this message alone, which waits anyway. */
function pausesOf(failure: Failure, subject: Subject, { limitOf }: Weighing): Effect[] {
  const { pause } = failure;
  if (!pause) return [];
  const scope = pause.scope === 'recipient_or_sender' ? limitOf(subject) : pause.scope;
  if (scope === 'recipient') return [];
  return [
    {
      kind: 'pause',
      tenant: subject.tenant,
      sender: scope === 'account' ? null : subject.sender,
      minMs: Math.max(pause.minMs, failure.retryAfterMs ?? 0),
      maxMs: Math.max(pause.maxMs, failure.retryAfterMs ?? 0),
      reason: reasonOf(failure),
    },
  ];
}

function reasonOf(failure: Failure): string {
  return `${failure.code ?? failure.httpStatus ?? ''} ${failure.message}`.trim();
}
