export interface RetryPolicy {
  /** Retries after the first attempt. */
  readonly attempts: number;
  /** Delay before the first retry, in ms; doubles with each. */
  readonly backoffMs: number;
  /** Longest time from acceptance in which attempts are made, in ms: bounds those that burn no retry. */
  readonly maxAgeMs: number;
}

export const MAX_AGE_MS = 86_400_000;
/** Delays are stretched by up to this share, so that what failed together does not come back together. */
const JITTER = 0.1;
/** No delay is longer: 1 h. */
const LONGEST_MS = 3_600_000;

export interface RetryInput {
  /** Retries used up before this failure. */
  readonly used: number;
  /** Whether this failure uses one up. */
  readonly counts: boolean;
  /** Failures in a row that used none up; they back off too. */
  readonly attempt: number;
  readonly acceptedAt: number;
  readonly now: number;
  /** What the provider asked to wait, in ms. */
  readonly retryAfterMs?: number | undefined;
  /** A pause that the kind of failure asks for, in ms. */
  readonly pauseMs?: number | undefined;
}

export type RetryDecision =
  | { readonly kind: 'retry'; readonly at: number }
  | { readonly kind: 'give_up'; readonly reason: 'retries_exhausted' | 'too_old' };

/** When a failed message is tried again, or that it is not. `random` in [0, 1). */
export function scheduleRetry(policy: RetryPolicy, input: RetryInput, random: () => number): RetryDecision {
  if (input.counts && input.used >= policy.attempts) return { kind: 'give_up', reason: 'retries_exhausted' };
  const power = input.counts ? input.used : Math.min(input.attempt - 1, 4);
  const backoff = Math.min(LONGEST_MS, policy.backoffMs * 2 ** Math.max(0, power)) * (1 + JITTER * random());
  const delay = Math.max(backoff, input.retryAfterMs ?? 0, input.pauseMs ?? 0);
  const at = Math.ceil(input.now + delay);
  if (at - input.acceptedAt > policy.maxAgeMs) return { kind: 'give_up', reason: 'too_old' };
  return { kind: 'retry', at };
}
