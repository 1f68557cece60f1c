import type { Head } from '../messages/admit-sends.js';
import { LANE, MESSAGE, type StoredState } from '../states.js';
import { advance, enter, headOf } from './lanes.js';
import { type LaneRow, type MessageRow, NOW, type Tables } from './tables.js';

/** Restaurants that have a lane whose head is due. */
export function readyTenants(tables: Tables, partitions: readonly number[]): number[] {
  const ready = new Set<number>();
  for (const lane of tables.lanes.values())
    if (lane.due === NOW && partitions.includes(lane.partition)) ready.add(lane.tenant);
  return [...ready].toSorted((a, b) => a - b);
}

/** The first heads of restaurants by rank, and their two oldest. */
export function refill(
  tables: Tables,
  wanted: readonly { readonly tenant: number; readonly partition: number }[],
  perTenant: number,
): Head[] {
  return wanted.flatMap(({ tenant, partition }) => {
    const heads = [...tables.lanes.values()]
      .filter(
        (l) => l.tenant === tenant && l.partition === partition && l.due === NOW && l.state === LANE.open,
      )
      .map(headOf);
    const first = heads.toSorted((a, b) => b.priority - a.priority || a.seq - b.seq).slice(0, perTenant);
    const oldest = heads.toSorted((a, b) => a.seq - b.seq).slice(0, 2);
    return [...new Set([...first, ...oldest])];
  });
}

/** Opens lanes whose head has become due, and gives scheduled messages that are due their place. */
export function wake(tables: Tables, partitions: readonly number[], most: number): Head[] {
  const now = tables.clock();
  const heads: Head[] = [];
  const lanes = earliest(tables.lanes.values(), most, (lane) => {
    return (
      partitions.includes(lane.partition) && lane.state === LANE.open && lane.due !== NOW && lane.due <= now
    );
  });
  for (const lane of lanes) {
    lane.due = NOW;
    heads.push(headOf(lane));
  }
  const scheduled = earliest(tables.messages.values(), most, (message) => {
    return (
      partitions.includes(message.partition) && message.state === MESSAGE.scheduled && message.due <= now
    );
  });
  const entered = new Set<LaneRow>();
  const reopened = [...tables.messages.values()].filter(
    (message) =>
      partitions.includes(message.partition) && message.state === MESSAGE.refused && message.queued,
  );
  for (const message of reopened.slice(0, most)) {
    Object.assign(message, { retries: 0, errorClass: null, errorCode: null, redrivenAt: now });
    tables.event(message, 'queued');
  }
  for (const message of [...scheduled, ...reopened.slice(0, most)]) {
    message.state = MESSAGE.waiting;
    message.due = NOW;
    message.seq = tables.nextPlace();
    message.changedAt = now;
    const lane = enter(tables, message);
    if (lane) entered.add(lane);
  }
  return [...heads, ...[...entered].map(headOf)];
}

/** Ends messages past their time; one that is sending or unknown stays. */
export function expire(tables: Tables, partitions: readonly number[], most: number): number {
  const now = tables.clock();
  const past = [...tables.messages.values()]
    .filter(({ partition, expiresAt, state }) => {
      return partitions.includes(partition) && expiresAt !== null && expiresAt <= now && UNSENT.has(state);
    })
    .toSorted((a, b) => (a.expiresAt ?? 0) - (b.expiresAt ?? 0))
    .slice(0, most);
  return past.filter((message) => finishUnsent(tables, message, 'expired')).length;
}

const UNSENT: ReadonlySet<StoredState> = new Set<StoredState>([
  MESSAGE.waiting,
  MESSAGE.retrying,
  MESSAGE.scheduled,
  MESSAGE.held,
]);

/** Cancelled or expired, unless it is sending, unknown or over. Its lane goes on. */
export function finishUnsent(tables: Tables, message: MessageRow, end: 'cancelled' | 'expired'): boolean {
  const lane = tables.laneHeadedBy(message);
  if (!UNSENT.has(message.state) || lane?.state === LANE.sending || lane?.state === LANE.unknown)
    return false;
  message.state = MESSAGE[end];
  message.changedAt = tables.clock();
  tables.event(message, end);
  advance(tables, message);
  return true;
}

/** Retries whose record never came back: their event is written again, 60 s past the time they were due. */
export function republishStuckRetries(tables: Tables, partitions: readonly number[]): number {
  const now = tables.clock();
  const stuck = earliest(tables.messages.values(), 200, (message) => {
    return (
      partitions.includes(message.partition) &&
      message.state === MESSAGE.retrying &&
      message.due < now - 60_000
    );
  });
  for (const message of stuck) {
    message.due = now;
    tables.event(message, 'retrying', { detail: { notBefore: Math.round(now) } });
  }
  return stuck.length;
}

function earliest<T extends { readonly due: number }>(
  rows: Iterable<T>,
  most: number,
  wanted: (row: T) => boolean,
): T[] {
  const found: T[] = [];
  for (const row of rows) if (wanted(row)) found.push(row);
  return found.toSorted((a, b) => a.due - b.due).slice(0, most);
}
