import { MESSAGE, type Settlement } from '@mersal/ledger';

/** Dead for having been tried too often or for too long: not for what the provider said of it. */
const TIRED: ReadonlySet<unknown> = new Set(['retries_exhausted', 'too_old']);

/**
 * What the queue would try again is refused here: the caller waits for the answer and may repeat it. Whatever ends a message
 * for good, or leaves it in doubt, does so here too.
 *
 *   retrying, waiting, dead of tiredness ─► refused
 *   sent, dead, unknown ──────────────────► the same
 */
export function withoutQueue(settlement: Settlement): Settlement {
  const tired = settlement.state === MESSAGE.dead && TIRED.has(settlement.detail['reason']);
  if (settlement.state !== MESSAGE.retrying && settlement.state !== MESSAGE.waiting && !tired)
    return settlement;
  return {
    ...settlement,
    state: MESSAGE.refused,
    onward: 'advance',
    errorClass: settlement.errorClass ?? 'not_sent',
    event: null,
  };
}
