import type { Head } from '../messages/admit-sends.js';
import { LANE, MESSAGE } from '../states.js';
import { key, type LaneRow, type MessageRow, NOW, type Tables } from './tables.js';

export function headOf(lane: LaneRow): Head {
  return { tenant: lane.tenant, lane: lane.lane, u: lane.head, priority: lane.priority, seq: lane.seq };
}

/** Negative when `a` goes before `b` within its conversation. */
export function byRank(a: { priority: number; seq: number }, b: { priority: number; seq: number }): number {
  return b.priority - a.priority || a.seq - b.seq;
}

/** Makes a message its lane's head, open; due now or later. */
export function setHead(tables: Tables, message: MessageRow): LaneRow {
  const due = message.due <= tables.clock() ? NOW : message.due;
  const id = key(message.tenant, message.lane);
  const lane = tables.lanes.get(id);
  if (lane) {
    Object.assign(lane, {
      head: message.u,
      priority: message.priority,
      seq: message.seq,
      due,
      state: LANE.open,
      attempt: null,
      lease: null,
    });
    return lane;
  }
  const fresh: LaneRow = {
    tenant: message.tenant,
    lane: message.lane,
    partition: message.partition,
    head: message.u,
    priority: message.priority,
    seq: message.seq,
    due,
    state: LANE.open,
    attempt: null,
    lease: null,
    startedAt: null,
    accountSid: null,
  };
  tables.lanes.set(id, fresh);
  return fresh;
}

/** A newcomer heads a lane that is not there, or an open one whose head it passes by priority. Returns that lane. */
export function enter(tables: Tables, message: MessageRow): LaneRow | undefined {
  const lane = tables.lane(message.tenant, message.lane);
  if (lane && !(lane.state === LANE.open && message.priority > lane.priority)) return undefined;
  return setHead(tables, message);
}

/** The lane goes on from a message that is done, where it was its head: the new head where that is due. */
export function advance(tables: Tables, done: MessageRow): Head | undefined {
  const lane = tables.laneHeadedBy(done);
  if (!lane) return undefined;
  let next: MessageRow | undefined;
  for (const message of tables.messages.values()) {
    if (message.tenant !== done.tenant || message.lane !== done.lane || message === done) continue;
    if (message.state === MESSAGE.waiting && (!next || byRank(message, next) < 0)) next = message;
  }
  if (!next) {
    tables.lanes.delete(key(done.tenant, done.lane));
    return undefined;
  }
  const moved = setHead(tables, next);
  return moved.due === NOW ? headOf(moved) : undefined;
}

/** What a dead message does to its lane: the followers go on, or wait for an operator, as the restaurant chose. */
export function afterDead(tables: Tables, dead: MessageRow): Head | undefined {
  const lane = tables.laneHeadedBy(dead);
  if (!lane || tables.tenants.get(dead.tenant)?.onDead !== 'hold') return advance(tables, dead);
  Object.assign(lane, { state: LANE.held, attempt: null, lease: null });
  return undefined;
}
