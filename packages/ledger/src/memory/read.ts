import type { QueueCounts } from '../ledger.js';
import { UNDECIDED } from '../messages/leases.js';
import type { OutboxEntry } from '../messages/outbox.js';
import { queueCounts } from '../messages/queue-counts.js';
import type { MessagePage, MessagePlace, MessageQuery } from '../messages/list-messages.js';
import type { MessageView } from '../messages/read.js';
import { LANE, MESSAGE, type StoredState } from '../states.js';
import { key, type MessageRow, type OutboxRow, type Tables } from './tables.js';

const NAMES = new Map<StoredState, string>(
  Object.entries(MESSAGE).map(([name, state]) => [state, name] as const),
);

function statusOf(tables: Tables, message: MessageRow): string {
  if (message.state === MESSAGE.refused) return 'failed';
  if (message.state === MESSAGE.direct) return 'sending';
  if (message.state !== MESSAGE.waiting) return NAMES.get(message.state) ?? 'failed';
  const lane = tables.lane(message.tenant, message.lane);
  const heads = lane?.head === message.u;
  const tenant = tables.tenants.get(message.tenant);
  if (heads && lane.state === LANE.sending) return 'sending';
  if (tenant?.status === 'suspended') return 'held';
  const holds = lane?.state === LANE.held || (lane?.state === LANE.unknown && tenant?.onDead === 'hold');
  if (!heads && holds) return 'held';
  return message.due > tables.clock() ? 'retrying' : 'queued';
}

export function viewOf(tables: Tables, message: MessageRow): MessageView {
  const id = key(message.tenant, message.u);
  const body = tables.bodies.get(id);
  const attempts = [...(tables.attempts.get(id)?.values() ?? [])].toSorted((a, b) => a.attempt - b.attempt);
  return {
    u: message.u,
    tag: message.tag,
    restaurantId: tables.tenants.get(message.tenant)?.restaurantId ?? '',
    conversation: message.conversation,
    priority: message.priority,
    status: statusOf(tables, message),
    acceptedAt: message.acceptedAt,
    changedAt: Math.round(message.changedAt),
    sendAt: message.state === MESSAGE.scheduled ? message.due : null,
    expiresAt: message.expiresAt,
    sid: message.sid,
    redrive: message.redrive,
    error: message.errorClass === null ? null : { class: message.errorClass, code: message.errorCode },
    attempts: attempts.map(({ attempt, startedAt, finishedAt, outcome, httpStatus, code, sid }) => {
      return { attempt, startedAt, finishedAt, outcome, httpStatus, code, sid };
    }),
    callbacks: (tables.callbacks.get(id) ?? [])
      .toSorted((a, b) => a.receivedAt - b.receivedAt)
      .map(({ status, sid, code, receivedAt }) => ({ status, sid, code, receivedAt })),
    erased: message.erased,
    record: body?.record ?? null,
    headers: body?.headers ?? {},
  };
}

export function listMessages(tables: Tables, tenant: number, query: MessageQuery): MessagePage {
  const { most, before, status, conversation, errorCode, from, to } = query;
  const newestFirst = (a: MessagePlace, b: MessagePlace): number =>
    b.acceptedAt - a.acceptedAt || (a.u === b.u ? 0 : a.u < b.u ? 1 : -1);
  const found = [...tables.messages.values()]
    .filter(
      (message) =>
        message.tenant === tenant &&
        (!before || newestFirst(before, message) < 0) &&
        (from === undefined || message.acceptedAt >= from) &&
        (to === undefined || message.acceptedAt < to) &&
        (conversation === undefined || message.conversation === conversation) &&
        (errorCode === undefined || message.errorCode === errorCode) &&
        (status === undefined || statusOf(tables, message) === status),
    )
    .toSorted(newestFirst);
  const items = found.slice(0, most).map((message) => viewOf(tables, message));
  const last = items.at(-1);
  return {
    items,
    next: found.length > most && last ? { acceptedAt: last.acceptedAt, u: last.u } : null,
  };
}

export function entryOf(tables: Tables, row: OutboxRow): OutboxEntry {
  const message = tables.message(row.tenant, row.u);
  const body = tables.bodies.get(key(row.tenant, row.u));
  return {
    n: String(row.n),
    partition: row.partition,
    restaurantId: tables.tenants.get(row.tenant)?.restaurantId ?? '',
    u: row.u,
    tag: message?.tag ?? '',
    conversation: message?.conversation ?? '',
    redrive: row.redrive,
    attempt: row.attempt,
    state: row.state,
    at: Math.round(row.at),
    detail: row.detail,
    headers: body?.headers ?? {},
    record: row.state === 'dead' ? (body?.record ?? null) : null,
  };
}

export function counts(tables: Tables): QueueCounts {
  const states = new Map<StoredState, number>();
  let backingOff = 0;
  let suspended = 0;
  let behindDead = 0;
  let undecided = 0;
  for (const message of tables.messages.values()) {
    states.set(message.state, (states.get(message.state) ?? 0) + 1);
    if (message.state === MESSAGE.unknown && message.errorClass === UNDECIDED) undecided += 1;
    if (message.state !== MESSAGE.waiting) continue;
    if (tables.tenants.get(message.tenant)?.status === 'suspended') suspended += 1;
    else if (message.due > tables.clock()) backingOff += 1;
    else if (tables.lane(message.tenant, message.lane)?.state === LANE.held) behindDead += 1;
  }
  const busy = [...tables.slots].flatMap(([id, slots]) => {
    const tenant = tables.tenants.get(id);
    const active = slots.filter((slot) => slot.lease !== null).length;
    return tenant && active > 0
      ? [[tenant.restaurantId, { active, limit: tenant.concurrency }] as const]
      : [];
  });
  return queueCounts({
    in: (state) => states.get(MESSAGE[state]) ?? 0,
    accepted: tables.messages.size,
    backingOff,
    suspended,
    behindDead,
    undecided,
    tenantConcurrency: Object.fromEntries(busy),
  });
}
