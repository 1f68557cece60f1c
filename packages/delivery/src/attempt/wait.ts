import type { Claim } from '@mersal/ledger';

/**
 * What an attempt waited for before it was claimed: `retry`, the time after a failure; `schedule`, its own time; `conversation`, another
 * message of it; `slot`, one of the restaurant's; `rate`, the rate of all; `none`, nothing but the way here.
 */
export type WaitReason = 'retry' | 'schedule' | 'conversation' | 'slot' | 'rate' | 'none';

/** What the sender saw when it picked the head. */
export interface SeenWait {
  readonly slot: boolean;
  readonly rate: boolean;
}

export interface Wait {
  readonly reason: WaitReason;
  /** ms since 1970 */
  readonly since: number;
}

/**
 * The longest lasting of the reasons that apply: who waits for a time or for its conversation is no candidate for a slot yet, and who
 * waits for a slot is none for the rate.
 */
export function waitOf(
  claim: Pick<Claim, 'attempt' | 'acceptedAt' | 'formerAt' | 'lastError'>,
  sendAt: number | undefined,
  seen: SeenWait,
): Wait {
  const { attempt, acceptedAt, formerAt, lastError } = claim;
  if (attempt > 1 && lastError !== null)
    return { reason: 'retry', since: Math.max(acceptedAt, formerAt ?? 0) };
  const reason = (): WaitReason => {
    if (sendAt !== undefined && sendAt > acceptedAt) return 'schedule';
    // Its conversation was sending another message since this one was accepted.
    if (formerAt !== null && formerAt > acceptedAt) return 'conversation';
    if (seen.slot) return 'slot';
    return seen.rate ? 'rate' : 'none';
  };
  return { reason: reason(), since: acceptedAt };
}
