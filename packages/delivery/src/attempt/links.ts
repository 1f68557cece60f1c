import { OPERATION_TRACEPARENT } from '@mersal/contracts';
import type { Claim } from '@mersal/ledger';
import { namedSpanId, sameTrace } from '@mersal/telemetry';

type Named = Pick<Claim, 'tenant' | 'u'>;

/** Of the attempt's span. No number is used twice. */
export function attemptSpanId({ tenant, u }: Named, attempt: number): string {
  return namedSpanId('attempt', tenant, u, attempt);
}

/** Of the span of the redrive that made the message's count of redrives this. */
export function redriveSpanId({ tenant, u }: Named, redrive: number): string {
  return namedSpanId('redrive', tenant, u, redrive);
}

/**
 * What an attempt from the queue goes back to besides its message's own trace: the attempt before it, the redrive that put the message
 * back, the replay that published it again. All but the last stand in the same trace, under ids that follow from their names.
 */
export function linksOf(
  claim: Named & Pick<Claim, 'attempt' | 'redrive' | 'headers'>,
): readonly (string | undefined)[] {
  const own = claim.headers['traceparent'];
  return [
    claim.attempt > 1 ? sameTrace(own, attemptSpanId(claim, claim.attempt - 1)) : undefined,
    claim.redrive > 0 ? sameTrace(own, redriveSpanId(claim, claim.redrive)) : undefined,
    claim.headers[OPERATION_TRACEPARENT],
  ];
}
