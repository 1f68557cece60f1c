import type { Claim } from '@mersal/ledger';

/**
 * What an attempt waited for before it was claimed: `retry`, the time after a failure; `schedule`, its own time; `conversation`, another
 * message of it; `pause`, the end of a pause of all, its restaurant or its number, or of a suspension; `breaker`, the provider or its
 * restaurant's account to work again; `slot`, one of the restaurant's; `rate`, the rate of all; `none`, nothing but the way here.
 */
export type WaitReason =
  | 'retry'
  | 'schedule'
  | 'conversation'
  | 'pause'
  | 'breaker'
  | 'slot'
  | 'rate'
  | 'none';

/** A time in which it could not have gone, in ms since 1970; it may go on for ever. */
export interface Shut {
  readonly reason: 'pause' | 'breaker';
  readonly from: number;
  readonly to: number;
}

/** What the sender saw when it picked the head. */
export interface SeenWait {
  readonly slot: boolean;
  readonly rate: boolean;
  readonly shut: readonly Shut[];
}

export interface Wait {
  readonly reason: WaitReason;
  /** ms since 1970 */
  readonly since: number;
}

/**
 * The longest lasting of the reasons that apply: who waits for a time or for its conversation is no candidate for a slot yet, and who
 * waits for a slot is none for the rate. What was shut for more than half of the wait lasted longer than any other.
 *
 * @param claimedAt ms since 1970
 */
export function waitOf(
  claim: Pick<Claim, 'attempt' | 'acceptedAt' | 'formerAt' | 'lastError'>,
  sendAt: number | undefined,
  seen: SeenWait,
  claimedAt: number,
): Wait {
  const { attempt, acceptedAt, formerAt, lastError } = claim;
  const retry = attempt > 1 && lastError !== null;
  const since = retry ? Math.max(acceptedAt, formerAt ?? 0) : acceptedAt;
  const own = (): WaitReason | undefined => {
    if (retry) return 'retry';
    if (sendAt !== undefined && sendAt > acceptedAt) return 'schedule';
    // Its conversation was sending another message since this one was accepted.
    return formerAt !== null && formerAt > acceptedAt ? 'conversation' : undefined;
  };
  const reason = own();
  const shut = longest(seen.shut, since, claimedAt);
  if (shut && (reason === undefined || 2 * shut.ms > claimedAt - since))
    return { reason: shut.reason, since };
  return { reason: reason ?? (seen.slot ? 'slot' : seen.rate ? 'rate' : 'none'), since };
}

function longest(
  shut: readonly Shut[],
  since: number,
  until: number,
): { readonly reason: Shut['reason']; readonly ms: number } | undefined {
  let found: { readonly reason: Shut['reason']; readonly ms: number } | undefined;
  for (const { reason, from, to } of shut) {
    const ms = Math.min(to, until) - Math.max(from, since);
    if (ms > (found?.ms ?? 0)) found = { reason, ms };
  }
  return found;
}
