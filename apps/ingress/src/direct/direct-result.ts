import { type DirectAnswer, MESSAGE, type Settlement, type StoredState } from '@mersal/ledger';

/** What a send without the queue came to, as far as its caller is concerned. */
export type DirectResult =
  | { readonly kind: 'sent'; readonly sid: string }
  /** Whether the provider took it is not known, or not filed yet; it is found out, and not sent twice. */
  | { readonly kind: 'unknown' }
  /** The queue had it before. */
  | { readonly kind: 'queued' }
  /** For good. */
  | { readonly kind: 'rejected'; readonly detail: string }
  /** Over before: cancelled, or past its time. */
  | { readonly kind: 'over'; readonly state: 'cancelled' | 'expired' }
  | { readonly kind: 'reused' }
  /** Nothing was sent; the same request may be made again. */
  | {
      readonly kind: 'later';
      readonly why: 'slots' | 'rate' | 'doubt' | 'paused' | 'suspended' | 'provider';
      readonly detail: string;
      readonly afterMs: number | undefined;
      /** Whether the queue may send it all the same; false: it does not have it. */
      readonly accepted: false | 'unknown';
    };

type Known = DirectAnswer & { readonly kind: 'known' };

/** Of a claim that was not given. `now`: ms since 1970. */
export function unclaimed(answer: Exclude<DirectAnswer, { kind: 'claimed' }>, now: number): DirectResult {
  switch (answer.kind) {
    case 'known':
      return known(answer);
    case 'suppressed':
      return { kind: 'rejected', detail: 'the recipient wants no messages from this restaurant' };
    case 'suspended':
      return later('suspended', 'the restaurant is suspended until its account is in order');
    case 'paused':
      return later('paused', 'sending is paused', answer.until === null ? undefined : answer.until - now);
    case 'busy':
      return answer.why === 'slots'
        ? later('slots', 'all of the restaurant’s slots are taken')
        : later('doubt', 'another message to this recipient is in doubt; it is looked into first');
    default:
      return answer satisfies never;
  }
}

function known({ state, sid, sameBody }: Known): DirectResult {
  if (sameBody === false) return { kind: 'reused' };
  if (sid !== null) return { kind: 'sent', sid };
  switch (state) {
    case MESSAGE.dead:
    case MESSAGE.failed:
      return { kind: 'rejected', detail: 'the provider rejected it before' };
    case MESSAGE.cancelled:
      return { kind: 'over', state: 'cancelled' };
    case MESSAGE.expired:
      return { kind: 'over', state: 'expired' };
    default:
      return QUEUED.has(state) ? { kind: 'queued' } : { kind: 'unknown' };
  }
}

const QUEUED: ReadonlySet<StoredState> = new Set<StoredState>([
  MESSAGE.waiting,
  MESSAGE.retrying,
  MESSAGE.scheduled,
  MESSAGE.held,
]);

/** Of an attempt that was settled so. `now`: ms since 1970. */
export function settledAs(settlement: Settlement, now: number): DirectResult {
  const { error } = settlement.detail as { error?: { message?: string; code?: number } };
  const detail = `${error?.message ?? 'it was not sent'}${error?.code === undefined ? '' : ` (${error.code})`}`;
  switch (settlement.state) {
    case MESSAGE.sent:
      return settlement.sid === undefined ? { kind: 'unknown' } : { kind: 'sent', sid: settlement.sid };
    case MESSAGE.dead:
      return { kind: 'rejected', detail };
    case MESSAGE.refused:
      return settlement.outcome === null
        ? later('rate', 'it was not its turn within the time that a claim lasts')
        : later('provider', detail, settlement.due === undefined ? undefined : settlement.due - now);
    default:
      return { kind: 'unknown' };
  }
}

export function later(
  why: (DirectResult & { kind: 'later' })['why'],
  detail: string,
  afterMs?: number,
): DirectResult {
  return {
    kind: 'later',
    why,
    detail,
    afterMs: afterMs === undefined ? undefined : Math.max(0, afterMs),
    accepted: false,
  };
}
