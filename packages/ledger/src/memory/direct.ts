import { LedgerError } from '../errors.js';
import type { ClaimLimits } from '../messages/claim.js';
import { type DirectAnswer, type DirectMessage, TAKEN } from '../messages/direct.js';
import type { MessageKey } from '../messages/states-of.js';
import { UNDECIDED } from '../messages/leases.js';
import { MESSAGE } from '../states.js';
import { ensureSlots, freeSlot } from './claim.js';
import { runningPause } from './effects.js';
import { key, type MessageRow, NOW, type Tables } from './tables.js';

/** A claim without a lane: see messages/direct. */
export function claimDirect(tables: Tables, given: DirectMessage, limits: ClaimLimits): DirectAnswer {
  if (limits.rateEpoch !== undefined && limits.rateEpoch !== tables.rateEpoch())
    throw new LedgerError('rate_epoch', `the rate group has another epoch than ${limits.rateEpoch}`);
  ensureSlots(tables, [given.tenant], limits.concurrency);
  const tenant = tables.tenants.get(given.tenant);
  if (!tenant) return { kind: 'suspended' };
  const known = tables.message(given.tenant, given.u);
  const sameBody = known?.bodyHash == null ? null : known.bodyHash === given.bodyHash;
  if (known && (known.state !== MESSAGE.refused || sameBody !== true))
    return { kind: 'known', state: known.state, sid: known.sid, sameBody };
  if (known?.queued) return { kind: 'known', state: MESSAGE.waiting, sid: null, sameBody: true };
  if (given.expiresAt !== undefined && given.expiresAt <= tables.clock())
    return { kind: 'known', state: MESSAGE.expired, sid: null, sameBody: true };
  if (tenant.status !== 'active') return { kind: 'suspended' };
  if (tables.suppressions.has(key(given.tenant, given.recipient))) return { kind: 'suppressed' };
  const pauses = [
    runningPause(tables, { scope: 'all' }),
    runningPause(tables, { scope: 'tenant', tenant: given.tenant }),
    runningPause(tables, { scope: 'sender', tenant: given.tenant, sender: given.sender }),
  ].flatMap((pause) => pause?.until ?? []);
  if (pauses.length > 0) {
    const until = Math.max(...pauses);
    return { kind: 'paused', until: Number.isFinite(until) ? Math.ceil(until) : null };
  }
  if (inDoubt(tables, given)) return { kind: 'busy', why: 'doubt' };
  const slot = freeSlot(tables, given.tenant, limits.concurrency);
  if (!slot) return { kind: 'busy', why: 'slots' };
  const now = tables.clock();
  const message = known ?? file(tables, given, tenant.partition);
  if (known) {
    const { conversation, sender, recipient, record, headers } = given;
    Object.assign(known, { retries: 0, redrivenAt: now, erased: false, conversation, sender, recipient });
    const id = key(given.tenant, given.u);
    if (!tables.bodies.has(id)) tables.bodies.set(id, { record, headers });
  }
  message.state = MESSAGE.direct;
  message.attempt += 1;
  message.accountSid = tenant.accountSid;
  message.errorClass = null;
  message.errorCode = null;
  message.changedAt = now;
  Object.assign(slot, { u: given.u, attempt: message.attempt, lease: now + limits.leaseMs });
  const { attempt, redrive, acceptedAt } = message;
  const { accountSid, credentials } = tenant;
  return { kind: 'claimed', claim: { slot: slot.n, attempt, redrive, acceptedAt, accountSid, credentials } };
}

function inDoubt(tables: Tables, { tenant, recipient }: DirectMessage): boolean {
  for (const message of tables.messages.values()) {
    if (message.tenant !== tenant || message.recipient !== recipient) continue;
    if (message.state === MESSAGE.unknown && message.errorClass !== UNDECIDED) return true;
  }
  return false;
}

function file(tables: Tables, given: DirectMessage, partition: number): MessageRow {
  const message: MessageRow = {
    tenant: given.tenant,
    u: given.u,
    tag: given.tag,
    partition,
    lane: given.lane,
    conversation: given.conversation,
    priority: given.priority,
    sender: given.sender,
    recipient: given.recipient,
    seq: tables.nextPlace(),
    state: MESSAGE.direct,
    due: NOW,
    expiresAt: given.expiresAt ?? null,
    redrive: 0,
    attempt: 0,
    retries: 0,
    acceptedAt: given.acceptedAt,
    changedAt: tables.clock(),
    accountSid: null,
    sid: null,
    errorClass: null,
    errorCode: null,
    bodyHash: given.bodyHash,
    erased: false,
    deadReason: null,
    discardedAt: null,
    redrivenAt: null,
    queued: false,
  };
  tables.messages.set(key(given.tenant, given.u), message);
  tables.bodies.set(key(given.tenant, given.u), { record: given.record, headers: given.headers });
  return message;
}

export function inQueue(tables: Tables, { tenant, u }: MessageKey): boolean {
  const message = tables.message(tenant, u);
  if (!message) return false;
  return message.state === MESSAGE.refused ? message.queued : TAKEN.includes(message.state);
}
