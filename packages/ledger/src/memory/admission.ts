import type { Head, NewMessage } from '../messages/admit-sends.js';
import type { Redrive, Retry } from '../messages/admit-retries.js';
import type { Ownership } from '../ownership/ownership.js';
import { LANE, MESSAGE } from '../states.js';
import { isDoubted } from './dead-letters.js';
import { fileDead } from './fences.js';
import { byRank, enter, headOf, reopen, setHead } from './lanes.js';
import { key, type LaneRow, type MessageRow, NOW, type Tables } from './tables.js';

/** Files what is unknown; a known id stays as it is, and with another body is a dead record. */
export function admitSends(tables: Tables, own: Ownership, messages: readonly NewMessage[]): Head[] {
  const now = tables.clock();
  const entered = new Map<string, LaneRow>();
  for (const given of messages) {
    const known = tables.message(given.tenant, given.u);
    if (known) {
      if (known.bodyHash !== null && known.bodyHash !== given.bodyHash)
        fileDead(tables, own.partition, {
          topic: 'send',
          offset: given.kafkaOffset,
          reason: 'idempotency_conflict',
          key: null,
          value: given.record,
          headers: given.headers,
        });
      else if (known.bodyHash !== null && !known.queued) noteQueued(tables, known, given);
      continue;
    }
    const scheduled = given.sendAt !== undefined && given.sendAt > now;
    const message: MessageRow = {
      tenant: given.tenant,
      u: given.u,
      tag: given.tag,
      partition: own.partition,
      lane: given.lane,
      conversation: given.conversation,
      priority: given.priority,
      sender: given.sender,
      recipient: given.recipient,
      seq: tables.nextPlace(),
      state: scheduled ? MESSAGE.scheduled : MESSAGE.waiting,
      due: scheduled ? given.sendAt : NOW,
      expiresAt: given.expiresAt ?? null,
      redrive: 0,
      attempt: 0,
      retries: 0,
      acceptedAt: given.acceptedAt,
      changedAt: now,
      accountSid: null,
      sid: null,
      errorClass: null,
      errorCode: null,
      bodyHash: given.bodyHash,
      erased: false,
      queued: true,
      deadReason: null,
      discardedAt: null,
      redrivenAt: null,
    };
    tables.messages.set(key(given.tenant, given.u), message);
    tables.bodies.set(key(given.tenant, given.u), { record: given.record, headers: given.headers });
    tables.event(message, 'queued');
    const lane = scheduled ? undefined : enter(tables, message);
    if (lane) entered.set(key(lane.tenant, lane.lane), lane);
  }
  return [...entered.values()].map(headOf);
}

/** It was sent without the queue: if that is refused, it is for the queue to send, with all that it needs. */
function noteQueued(tables: Tables, known: MessageRow, given: NewMessage): void {
  const { conversation, sender, recipient, record, headers } = given;
  Object.assign(known, { queued: true, erased: false, conversation, sender, recipient });
  const id = key(known.tenant, known.u);
  if (!tables.bodies.has(id)) tables.bodies.set(id, { record, headers });
}

/** A retry's record makes its message due, once. Returns the heads that may go at once. */
export function admitRetries(tables: Tables, retries: readonly Retry[]): Head[] {
  const heads: Head[] = [];
  for (const retry of retries) {
    const message = tables.message(retry.tenant, retry.u);
    if (message?.state !== MESSAGE.retrying) continue;
    if (message.redrive !== retry.redrive || message.attempt !== retry.attempt) continue;
    message.state = MESSAGE.waiting;
    message.due = retry.notBefore;
    message.changedAt = tables.clock();
    const head = comeBack(tables, message);
    if (head) heads.push(head);
  }
  return heads;
}

/** A message that comes back: at the place that its rank gives it, also where its conversation went on meanwhile. */
function comeBack(tables: Tables, message: MessageRow): Head | undefined {
  const lane = tables.lane(message.tenant, message.lane);
  if (lane?.head === message.u && lane.state !== LANE.sending) return reopen(tables, lane);
  const first = !lane || (lane.state === LANE.open && byRank(message, lane) < 0);
  const entered = first ? setHead(tables, message) : undefined;
  return entered?.due === NOW ? headOf(entered) : undefined;
}

/** Dead → waiting by compare-and-set on the redrive count; at its conversation's end, unless that waits for it. Not where it is in doubt. */
export function admitRedrives(tables: Tables, redrives: readonly Redrive[]): Head[] {
  const heads: Head[] = [];
  for (const { tenant, u, redrive, priority } of redrives) {
    const message = tables.message(tenant, u);
    if (message?.state !== MESSAGE.dead || message.redrive !== redrive || message.erased) continue;
    if (message.discardedAt !== null || isDoubted(tables, message)) continue;
    const lane = tables.laneHeadedBy(message);
    Object.assign(message, {
      state: MESSAGE.waiting,
      due: NOW,
      redrive: redrive + 1,
      retries: 0,
      // Where its conversation waited for it, it keeps its place.
      seq: lane ? message.seq : tables.nextPlace(),
      priority: lane ? message.priority : (priority ?? message.priority),
      errorClass: null,
      errorCode: null,
      deadReason: null,
      changedAt: tables.clock(),
      redrivenAt: tables.clock(),
    });
    tables.event(message, 'queued');
    if (lane) {
      const head = reopen(tables, lane);
      if (head) heads.push(head);
      continue;
    }
    const entered = enter(tables, message);
    if (entered) heads.push(headOf(entered));
  }
  return heads;
}
