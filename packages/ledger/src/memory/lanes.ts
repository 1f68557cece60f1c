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
  return lane && reopen(tables, lane, done);
}

/**
 * Opens a lane with the first of its waiting messages, by rank, as its head: one that came while it was closed and
 * passes its former head by priority goes first now, before any newcomer of the same priority can. Returns the
 * head where that is due.
 */
export function reopen(tables: Tables, lane: LaneRow, done?: MessageRow): Head | undefined {
  let first: MessageRow | undefined;
  for (const message of tables.messages.values()) {
    if (message.tenant !== lane.tenant || message.lane !== lane.lane || message === done) continue;
    if (message.state === MESSAGE.waiting && (!first || byRank(message, first) < 0)) first = message;
  }
  if (!first) {
    tables.lanes.delete(key(lane.tenant, lane.lane));
    return undefined;
  }
  const opened = setHead(tables, first);
  return opened.due === NOW ? headOf(opened) : undefined;
}

/** What a dead message does to its lane: the followers go on, or wait for an operator, as the restaurant chose. */
export function afterDead(tables: Tables, dead: MessageRow): Head | undefined {
  const lane = tables.laneHeadedBy(dead);
  if (!lane || tables.tenants.get(dead.tenant)?.onDead !== 'hold') return advance(tables, dead);
  Object.assign(lane, { state: LANE.held, attempt: null, lease: null });
  return undefined;
}
