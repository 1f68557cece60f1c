import type { Head } from '../messages/admit-sends.js';
import { REFUTABLE, REPORTED_FAILED, type Settled, type Settlement } from '../messages/settle.js';
import { LANE, MESSAGE } from '../states.js';
import { carryOut } from './effects.js';
import { advance, afterDead, reopen } from './lanes.js';
import type { MessageRow, Tables } from './tables.js';

/** Settles by (message, attempt), whatever the epoch. The slot is given back in any case. */
export function settle(tables: Tables, settlements: readonly Settlement[]): Settled[] {
  return settlements.map((settlement) => {
    carryOut(tables, settlement.effects);
    giveSlotBack(tables, settlement);
    const message = tables.message(settlement.tenant, settlement.u);
    const { tenant, u } = settlement;
    const applied = message !== undefined && applies(tables, message, settlement);
    keepAttempt(tables, settlement);
    if (!applied) return { tenant, u, applied: false };
    const next = write(tables, message, settlement);
    return next ? { tenant, u, applied: true, next } : { tenant, u, applied: true };
  });
}

function giveSlotBack(tables: Tables, { tenant, slot, u, attempt }: Settlement): void {
  const row = tables.slots.get(tenant)?.find((one) => one.n === slot);
  if (row?.u === u && row.attempt === attempt) Object.assign(row, { u: null, attempt: null, lease: null });
}

function keepAttempt(tables: Tables, s: Settlement): void {
  if (s.outcome === null) return;
  const known = tables.attempt(s.tenant, s.u, s.attempt);
  const open =
    known === undefined || known.finishedAt === null || ['unknown', 'ambiguous'].includes(known.outcome);
  if (!open && !(s.sid !== undefined && known.sid === null)) return;
  const reported = known?.outcome === REPORTED_FAILED;
  tables.keepAttempt(s.tenant, s.u, {
    attempt: s.attempt,
    redrive: known?.redrive ?? s.redrive,
    counted: known?.counted ?? s.counted,
    accountSid: known?.accountSid ?? s.accountSid,
    startedAt: known?.startedAt ?? s.startedAt,
    finishedAt: s.finishedAt,
    outcome: reported ? known.outcome : s.outcome,
    httpStatus: s.httpStatus ?? null,
    code: reported ? known.code : (s.errorCode ?? null),
    sid: s.sid ?? known?.sid ?? null,
  });
}

function applies(tables: Tables, message: MessageRow, s: Settlement): boolean {
  const lane = tables.laneHeadedBy(message);
  const sending = message.state === MESSAGE.waiting && lane?.state === LANE.sending;
  if (sending) return lane.attempt === s.attempt;
  if (message.state === MESSAGE.direct && message.attempt === s.attempt) return true;
  if (message.state === MESSAGE.unknown && message.attempt === s.attempt && s.state !== MESSAGE.unknown)
    return true;
  if (s.sid === undefined || s.attempt > message.attempt || !REFUTABLE.includes(message.state)) return false;
  return tables.attempt(s.tenant, s.u, s.attempt)?.outcome !== REPORTED_FAILED;
}

function write(tables: Tables, message: MessageRow, s: Settlement): Head | undefined {
  message.state = s.state;
  message.attempt = Math.max(message.attempt, s.attempt);
  message.retries = Math.max(0, message.retries + (s.counted ? 1 : 0) - (s.refund ? 1 : 0));
  message.due = s.due ?? message.due;
  message.sid = s.sid ?? message.sid;
  message.accountSid = s.accountSid;
  message.errorClass = s.errorClass ?? (s.outcome === null ? message.errorClass : null);
  message.errorCode = s.errorCode ?? null;
  message.deadReason = s.state === MESSAGE.dead ? ((s.detail['reason'] as string | undefined) ?? null) : null;
  message.changedAt = tables.clock();
  if (s.event !== null) tables.event(message, s.event, { attempt: s.attempt, detail: s.detail });
  if (s.onward === 'advance')
    return s.state === MESSAGE.dead ? afterDead(tables, message) : advance(tables, message);
  const lane = tables.laneHeadedBy(message);
  if (lane && s.onward === LANE.open) return reopen(tables, lane);
  if (lane) Object.assign(lane, { state: s.onward, lease: null });
  return undefined;
}
