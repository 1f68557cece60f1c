import type { Breakers, StartedBoth } from '@mersal/lanes';
import type { SendOutcome } from '@mersal/twilio-gateway';

/**
 * Connections that were not made in time are no sign before they have failed for so long, in ms: a packet lost on the way
 * costs one of them a second or three, and says nothing of the provider.
 */
const LOST_PACKETS_MS = 5_000;

/**
 * What an attempt's end says of whether the provider works. An answer that refuses is an answer: throttles, bad numbers and
 * wrong credentials (which suspend their restaurant) say that it does. Returns which breakers it opened.
 */
export function report(
  breakers: Breakers,
  attempt: {
    readonly claim: { readonly u: string; readonly accountSid: string };
    readonly started: StartedBoth;
    readonly outcome: Pick<SendOutcome, 'class' | 'cause'>;
  },
  now: number,
): readonly ('provider' | 'account')[] {
  const { claim, started, outcome } = attempt;
  if (outcome.cause === 'credentials' || outcome.cause === 'socket_wait') {
    breakers.abandoned(claim.accountSid, started);
    return [];
  }
  if (outcome.class !== 'ambiguous' && outcome.class !== 'not_sent') {
    breakers.succeeded(claim.accountSid, started, now);
    return [];
  }
  const opened = breakers.failed(
    claim.accountSid,
    started,
    {
      message: claim.u,
      blame: 'provider',
      patienceMs: outcome.cause === 'connect_timeout' ? LOST_PACKETS_MS : 0,
    },
    now,
  );
  return [
    ...(opened.provider ? (['provider'] as const) : []),
    ...(opened.account ? (['account'] as const) : []),
  ];
}
