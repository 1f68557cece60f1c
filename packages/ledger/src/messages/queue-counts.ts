import type { QueueCounts } from '../ledger.js';
import { MESSAGE } from '../states.js';

/** What was counted, before it is put together. */
export interface Tally {
  /** Messages in a stored state. */
  readonly in: (state: keyof typeof MESSAGE) => number;
  readonly accepted: number;
  /** Of the waiting ones: until a retry is due, of a suspended restaurant, behind a dead message that holds its conversation. */
  readonly backingOff: number;
  readonly suspended: number;
  readonly behindDead: number;
  readonly undecided: number;
  readonly tenantConcurrency: QueueCounts['tenantConcurrency'];
}

/** The queue's counts, which add up: accepted = waiting + active + delayed + completed + failed + cancelled + expired. */
export function queueCounts(tally: Tally): QueueCounts {
  const of = (...states: (keyof typeof MESSAGE)[]): number =>
    states.reduce((sum, state) => sum + tally.in(state), 0);
  const waiting = of('waiting') - tally.backingOff - tally.suspended - tally.behindDead;
  const held = of('held') + tally.suspended + tally.behindDead;
  const retrying = of('retrying') + tally.backingOff;
  const underWay = Object.values(tally.tenantConcurrency).reduce((sum, one) => sum + one.active, 0);
  const direct = of('direct');
  const active = Math.min(waiting + direct, underWay);
  return {
    accepted: tally.accepted,
    waiting: waiting + direct - active,
    active,
    delayed: retrying + held + of('scheduled', 'unknown'),
    completed: of('sent', 'delivered', 'read'),
    failed: of('failed', 'dead', 'refused'),
    dead: of('dead'),
    cancelled: of('cancelled'),
    expired: of('expired'),
    retrying,
    scheduled: of('scheduled'),
    held,
    unknown: of('unknown'),
    undecided: tally.undecided,
    tenantConcurrency: tally.tenantConcurrency,
  };
}
