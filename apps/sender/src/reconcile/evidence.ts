import type { MessageListing, MessageRecord } from '@mersal/twilio-gateway';

/** What is looked for: an attempt that may have been accepted. */
export interface Doubt {
  readonly to: string;
  readonly from: string;
  /** Undefined for templates: the provider lists their rendered text, which we do not know. */
  readonly body: string | undefined;
  readonly startedAt: number;
  readonly finishedAt: number;
}

export type Finding =
  | { readonly kind: 'accepted'; readonly sid: string; readonly status: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'open'; readonly reason: 'list_failed' | 'several' };

/** Clocks differ, and the provider's has whole seconds only, in ms. */
export const CLOCK_ALLOWANCE_MS = 5_000;

/**
 * What a listing says of an attempt. `taken`: SIDs that are known to be other messages. Absence takes a complete
 * list; presence only one candidate that nothing else can claim.
 */
export function examine(
  doubt: Doubt,
  listing: MessageListing,
  taken: ReadonlySet<string>,
  rivals: number,
): Finding {
  const candidates = listing.messages.filter((message) => !taken.has(message.sid) && fits(doubt, message));
  const [only] = candidates;
  if (only && candidates.length === 1 && rivals === 0)
    return { kind: 'accepted', sid: only.sid, status: only.status };
  if (only) return { kind: 'open', reason: 'several' };
  return listing.complete ? { kind: 'absent' } : { kind: 'open', reason: 'list_failed' };
}

export function fits(doubt: Doubt, message: MessageRecord): boolean {
  const created = message.dateCreated.getTime();
  return (
    message.to === doubt.to &&
    message.from === doubt.from &&
    (doubt.body === undefined || message.body === doubt.body) &&
    created >= doubt.startedAt - CLOCK_ALLOWANCE_MS &&
    created <= doubt.finishedAt + CLOCK_ALLOWANCE_MS
  );
}
