import { UNDECIDED } from '../messages/leases.js';
import type { StuckMessage, StuckReason } from '../messages/stuck.js';
import { LANE, MESSAGE } from '../states.js';
import { runningPause } from './effects.js';
import { type LaneRow, type MessageRow, NOW, type Tables } from './tables.js';

/** First messages of conversations that have not moved for so long, the longest waiting first. */
export function listStuck(
  tables: Tables,
  tenant: number | null,
  olderThanMs: number,
  most: number,
): StuckMessage[] {
  const before = tables.clock() - olderThanMs;
  return [...tables.messages.values()]
    .filter((row) => (tenant === null || row.tenant === tenant) && row.changedAt < before)
    .flatMap((row) => {
      const lane = tables.laneHeadedBy(row);
      return lane || row.state === MESSAGE.unknown ? [{ row, lane }] : [];
    })
    .toSorted((a, b) => a.row.changedAt - b.row.changedAt || a.row.tenant - b.row.tenant)
    .slice(0, most)
    .map(({ row, lane }) => stuck(tables, row, lane));
}

function stuck(tables: Tables, row: MessageRow, lane: LaneRow | undefined): StuckMessage {
  const now = tables.clock();
  const status = tables.tenants.get(row.tenant)?.status;
  const paused = pausedUntil(tables, row);
  const due = Math.max(lane?.due ?? NOW, row.due);
  const reason = ((): StuckReason => {
    if (row.state === MESSAGE.unknown) return row.errorClass === UNDECIDED ? 'undecided' : 'outcome_unknown';
    if (lane?.state === LANE.held) return 'behind_dead';
    if (lane?.state === LANE.sending) return (lane.lease ?? 0) < now ? 'lease_ended' : 'sending';
    if (row.state === MESSAGE.retrying && row.due < now) return 'retry_missing';
    if (status === 'suspended') return 'suspended';
    if (status === 'paused' || paused !== null) return 'paused';
    return row.state === MESSAGE.retrying || due > now ? 'retry' : 'turn';
  })();
  const by: Partial<Record<StuckReason, number | null>> = { paused, retry: due };
  const until = status === 'paused' ? null : (by[reason] ?? null);
  return {
    tenant: row.tenant,
    restaurantId: tables.tenants.get(row.tenant)?.restaurantId ?? '',
    u: row.u,
    tag: row.tag,
    reason,
    attempts: row.attempt,
    since: Math.floor(row.changedAt),
    until: until !== null && Number.isFinite(until) ? until : null,
  };
}

/** The latest end of the pauses that keep it back; null: none does. */
function pausedUntil(tables: Tables, { tenant, sender }: MessageRow): number | null {
  const ends = [
    runningPause(tables, { scope: 'all' }),
    runningPause(tables, { scope: 'tenant', tenant }),
    runningPause(tables, { scope: 'sender', tenant, sender }),
  ].flatMap((pause) => (pause ? [pause.until] : []));
  return ends.length === 0 ? null : Math.max(...ends);
}

/** A retry that waits for its time is due now; one whose record is still on its way has it written once more. */
export function retryNow(tables: Tables, tenant: number, u: string): boolean {
  const now = tables.clock();
  const message = tables.message(tenant, u);
  if (message?.state === MESSAGE.retrying) {
    message.due = now;
    tables.event(message, 'retrying', { detail: { notBefore: Math.round(now) } });
    return true;
  }
  if (message?.state !== MESSAGE.waiting || message.due <= now) return false;
  message.due = now;
  const lane = tables.laneHeadedBy(message);
  if (lane?.state === LANE.open) lane.due = now;
  return true;
}
