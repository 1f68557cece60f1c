import type { Head } from '../messages/admit-sends.js';
import type { UnknownDecision, UnknownEntry, UnknownPlace } from '../messages/decide.js';
import { UNDECIDED, type UnknownMessage } from '../messages/leases.js';
import type { Settlement } from '../messages/settle.js';
import { LANE, MESSAGE } from '../states.js';
import { advance } from './lanes.js';
import { type AttemptRow, key, type MessageRow, type SlotRow, type Tables } from './tables.js';

/** Claims whose lease ended unsettled, as settlements that make them unknown. */
export function overdueClaims(tables: Tables, partitions: readonly number[]): Settlement[] {
  return overdue(tables, (slot) => partitions.includes(slot.partition));
}

export function overdueDirect(tables: Tables): Settlement[] {
  return overdue(tables, ({ tenant, u }) => tables.message(tenant, u ?? '')?.state === MESSAGE.direct);
}

function overdue(tables: Tables, wanted: (slot: SlotRow) => boolean): Settlement[] {
  const now = tables.clock();
  const late: (Settlement & { finishedAt: number })[] = [];
  for (const slots of tables.slots.values()) {
    for (const slot of slots) {
      const { tenant, n, u, attempt, lease } = slot;
      if (lease === null || u === null || attempt === null || lease >= now) continue;
      const message = tables.message(tenant, u);
      if (!message || !wanted(slot)) continue;
      const lane = tables.laneHeadedBy(message);
      late.push({
        tenant,
        lane: message.lane,
        u,
        slot: n,
        attempt,
        redrive: message.redrive,
        state: MESSAGE.unknown,
        onward: LANE.unknown,
        counted: true,
        accountSid: lane?.accountSid ?? message.accountSid ?? '',
        errorClass: 'ambiguous',
        outcome: 'unknown',
        startedAt: lane?.startedAt ?? (message.state === MESSAGE.direct ? message.changedAt : lease),
        finishedAt: lease,
        event: 'unknown',
        detail: { error: { class: 'ambiguous', message: 'the lease ended without an answer' } },
      });
    }
  }
  return late.toSorted((a, b) => a.finishedAt - b.finishedAt).slice(0, 500);
}

/** Messages whose last attempt may or may not have been accepted. */
export function unknownMessages(
  tables: Tables,
  partitions: readonly number[],
  most: number,
): UnknownMessage[] {
  const wanted = unknown(
    tables,
    (message) =>
      partitions.includes(message.partition) &&
      message.errorClass !== UNDECIDED &&
      !anotherUnderWay(tables, message),
  );
  return wanted.slice(0, most).flatMap((message) => {
    const attempt = tables.attempt(message.tenant, message.u, message.attempt);
    const body = tables.bodies.get(key(message.tenant, message.u));
    if (!attempt || !body) return [];
    const { tenant, u, tag, lane, redrive, retries } = message;
    return [
      {
        tenant,
        u,
        tag,
        lane,
        redrive,
        attempt: message.attempt,
        retries,
        acceptedAt: message.redrivenAt ?? message.acceptedAt,
        startedAt: attempt.startedAt,
        finishedAt: attempt.finishedAt ?? message.changedAt,
        accountSid: attempt.accountSid ?? '',
        orphaned: attempt.outcome === 'unknown',
        counted: attempt.counted,
        silentRivals: silentRivals(tables, message, attempt),
        ...body,
      },
    ];
  });
}

export function listUnknown(
  tables: Tables,
  tenant: number | null,
  most: number,
  after?: UnknownPlace,
): UnknownEntry[] {
  const order = (a: UnknownPlace, b: UnknownPlace): number =>
    a.at - b.at || (a.u < b.u ? -1 : Number(a.u > b.u));
  return unknown(tables, (message) => tenant === null || message.tenant === tenant)
    .map((message) => ({ message, place: { at: message.changedAt * 1_000, u: message.u } }))
    .filter(({ place }) => after === undefined || order(place, after) > 0)
    .toSorted((a, b) => order(a.place, b.place))
    .slice(0, most)
    .map(({ message, place }) => ({
      tenant: message.tenant,
      restaurantId: tables.tenants.get(message.tenant)?.restaurantId ?? '',
      u: message.u,
      tag: message.tag,
      attempt: message.attempt,
      startedAt: tables.attempt(message.tenant, message.u, message.attempt)?.startedAt ?? null,
      since: message.changedAt,
      undecided: message.errorClass === UNDECIDED,
      place,
    }));
}

/** To the same recipient, in the queue or besides it. */
function anotherUnderWay(tables: Tables, { tenant, u, recipient }: MessageRow): boolean {
  return (tables.slots.get(tenant) ?? []).some(
    (slot) =>
      slot.lease !== null &&
      slot.u !== null &&
      slot.u !== u &&
      tables.message(tenant, slot.u)?.recipient === recipient,
  );
}

/** See UnknownMessage. */
function silentRivals(tables: Tables, message: MessageRow, attempt: AttemptRow): number {
  const ended = attempt.finishedAt ?? message.changedAt;
  return unknown(tables, (other) => {
    if (other.tenant !== message.tenant || other.recipient !== message.recipient) return false;
    if (other.u === message.u || other.errorClass !== UNDECIDED) return false;
    const its = tables.attempt(other.tenant, other.u, other.attempt);
    if (!its) return false;
    return (
      its.startedAt <= ended + RIVAL_MS && (its.finishedAt ?? other.changedAt) >= attempt.startedAt - RIVAL_MS
    );
  }).length;
}

/** As in Postgres, in ms. */
const RIVAL_MS = 70_000;

/** The longest waiting first. */
function unknown(tables: Tables, wanted: (message: MessageRow) => boolean): MessageRow[] {
  return [...tables.messages.values()]
    .filter((message) => message.state === MESSAGE.unknown && wanted(message))
    .toSorted((a, b) => a.changedAt - b.changedAt);
}

/** Reconciliation found no answer: it waits for an operator; its followers as the restaurant chose. */
export function leaveUndecided(
  tables: Tables,
  tenant: number,
  u: string,
  attempt: number,
): { left: boolean; next?: Head } {
  const message = tables.message(tenant, u);
  if (message?.state !== MESSAGE.unknown || message.attempt !== attempt) return { left: false };
  if (message.errorClass === UNDECIDED) return { left: false };
  message.errorClass = UNDECIDED;
  message.changedAt = tables.clock();
  const next = tables.tenants.get(tenant)?.onDead === 'hold' ? undefined : advance(tables, message);
  return next ? { left: true, next } : { left: true };
}

/** An operator decides what became of an unknown one. */
export function decideUnknown(
  tables: Tables,
  tenant: number,
  u: string,
  decision: UnknownDecision,
  given: { readonly sid?: string | undefined },
): boolean {
  const message = tables.message(tenant, u);
  if (message?.state !== MESSAGE.unknown) return false;
  const now = tables.clock();
  const attempt = tables.attempt(tenant, u, message.attempt);
  message.sid = given.sid ?? message.sid;
  message.errorClass = null;
  message.changedAt = now;
  const outcome = { sent: 'accepted', not_sent: 'not_accepted', dead: 'unknown' }[decision];
  if (attempt) tables.keepAttempt(tenant, u, { ...attempt, outcome, sid: given.sid ?? attempt.sid });
  const sid = message.sid === null ? {} : { sid: message.sid };
  switch (decision) {
    case 'sent':
      message.state = MESSAGE.sent;
      tables.event(message, 'sent', { detail: sid });
      advance(tables, message);
      return true;
    case 'not_sent': {
      message.state = MESSAGE.retrying;
      message.due = now;
      tables.event(message, 'retrying', { detail: { ...sid, notBefore: Math.round(now) } });
      const lane = tables.laneHeadedBy(message);
      if (lane) Object.assign(lane, { state: LANE.retrying, lease: null });
      return true;
    }
    case 'dead':
      message.state = MESSAGE.dead;
      message.deadReason = 'by_operator';
      tables.event(message, 'dead', { detail: { ...sid, reason: 'by_operator' } });
      advance(tables, message);
      return true;
    default:
      return decision satisfies never;
  }
}

/** A lane held by a dead message goes on. Null: this message holds nothing. */
export function releaseHeld(tables: Tables, tenant: number, u: string): Head | undefined | null {
  const message = tables.message(tenant, u);
  if (!message || tables.laneHeadedBy(message)?.state !== LANE.held) return null;
  return advance(tables, message);
}

/** Which of these SIDs belong to messages of the restaurant that are settled. */
export function knownSids(tables: Tables, tenant: number, sids: readonly string[]): ReadonlySet<string> {
  const known = new Set<string>();
  const wanted = new Set(sids);
  for (const message of tables.messages.values()) {
    if (message.tenant !== tenant) continue;
    const id = key(tenant, message.u);
    for (const { sid } of tables.attempts.get(id)?.values() ?? []) if (sid !== null) known.add(sid);
  }
  for (const [id, all] of tables.callbacks)
    if (id.startsWith(`${tenant}/`)) for (const { sid } of all) known.add(sid);
  return new Set([...known].filter((sid) => wanted.has(sid)));
}
