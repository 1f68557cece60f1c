import { LedgerError } from '../errors.js';
import type { Candidate, Claim, ClaimAnswer, ClaimLimits } from '../messages/claim.js';
import type { Ownership } from '../ownership/ownership.js';
import { LANE, MESSAGE } from '../states.js';
import { runningPause } from './effects.js';
import { isOwner } from './fences.js';
import { key, type LaneRow, type MessageRow, type SlotRow, type Tables } from './tables.js';

/** Lanes that sleep for a pause look again after this at the latest, in ms. */
const LONGEST_SLEEP_MS = 3_600_000;

/**
 * candidate ─► its partition still ours ─► lane open, its head unchanged, due, the restaurant active, nothing paused, not
 * expired ─► a free slot ─► claimed
 */
export function claim(
  tables: Tables,
  owned: readonly Ownership[],
  candidates: readonly Candidate[],
  limits: ClaimLimits,
): ClaimAnswer {
  if (limits.rateEpoch !== undefined && limits.rateEpoch !== tables.rateEpoch())
    throw new LedgerError('rate_epoch', `the rate group has another epoch than ${limits.rateEpoch}`);
  const fenced = owned.filter((own) => !isOwner(tables, own)).map((own) => own.partition);
  const ours = new Set(owned.map((own) => own.partition).filter((p) => !fenced.includes(p)));
  const claims: Claim[] = [];
  for (const candidate of candidates) {
    const lane = tables.lane(candidate.tenant, candidate.lane);
    const message = tables.message(candidate.tenant, candidate.u);
    if (!lane || !message || !ours.has(lane.partition) || !mayGo(tables, lane, message)) continue;
    const slot = freeSlot(tables, candidate.tenant, limits.concurrency);
    if (slot) claims.push(take(tables, lane, message, slot, limits.leaseMs));
  }
  return { claims, fenced };
}

function mayGo(tables: Tables, lane: LaneRow, message: MessageRow): boolean {
  const now = tables.clock();
  const { tenant, sender } = message;
  if (lane.head !== message.u || lane.state !== LANE.open || lane.due > now) return false;
  if (message.state !== MESSAGE.waiting) return false;
  if (message.expiresAt !== null && message.expiresAt <= now) return false;
  if (tables.tenants.get(tenant)?.status !== 'active') return false;
  if (runningPause(tables, { scope: 'all' }) || runningPause(tables, { scope: 'tenant', tenant }))
    return false;
  const pause = runningPause(tables, { scope: 'sender', tenant, sender });
  // It sleeps until then, so that the restaurant's other numbers go on.
  if (pause) lane.due = Math.min(pause.until, now + LONGEST_SLEEP_MS);
  return !pause;
}

export function freeSlot(tables: Tables, tenant: number, fallback: number): SlotRow | undefined {
  const slots = tables.slots.get(tenant) ?? [];
  const taken = slots.filter((slot) => slot.lease !== null).length;
  const limit = tables.tenants.get(tenant)?.concurrency ?? fallback;
  // Where the limit shrank, requests in slots beyond it count, too.
  return taken < limit ? slots.find((slot) => slot.lease === null) : undefined;
}

function take(tables: Tables, lane: LaneRow, message: MessageRow, slot: SlotRow, leaseMs: number): Claim {
  const now = tables.clock();
  const attempt = message.attempt + 1;
  const accountSid = tables.tenants.get(message.tenant)?.accountSid ?? '';
  const formerAt = lane.startedAt;
  Object.assign(lane, { state: LANE.sending, attempt, lease: now + leaseMs, startedAt: now, accountSid });
  Object.assign(slot, { u: message.u, attempt, lease: now + leaseMs });
  const body = tables.bodies.get(key(message.tenant, message.u));
  return {
    tenant: message.tenant,
    lane: message.lane,
    u: message.u,
    slot: slot.n,
    tag: message.tag,
    conversation: message.conversation,
    priority: message.priority,
    seq: message.seq,
    redrive: message.redrive,
    attempt,
    retries: message.retries,
    acceptedAt: message.redrivenAt ?? message.acceptedAt,
    formerAt,
    expiresAt: message.expiresAt,
    accountSid,
    credentials: tables.tenants.get(message.tenant)?.credentials ?? 0,
    record: body?.record ?? Buffer.alloc(0),
    headers: body?.headers ?? {},
    sender: message.sender,
    suppressed: tables.suppressions.has(key(message.tenant, message.recipient)),
    lastError: message.errorClass,
  };
}

/** Makes the slots of restaurants that the sender meets for the first time, or whose limit grew. */
export function ensureSlots(tables: Tables, ids: readonly number[], fallback: number): void {
  for (const id of ids) {
    const tenant = tables.tenants.get(id);
    if (!tenant) continue;
    const slots = tables.slots.get(id) ?? [];
    for (let n = slots.length; n < (tenant.concurrency ?? fallback); n += 1)
      slots.push({ tenant: id, n, partition: tenant.partition, u: null, attempt: null, lease: null });
    tables.slots.set(id, slots);
  }
}
