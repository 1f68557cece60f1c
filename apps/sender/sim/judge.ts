import { decodeEvent, type TopicNames } from '@mersal/contracts';
import type { MemoryLedger } from '@mersal/ledger/memory';
import {
  checkConcurrency,
  checkNoDouble,
  checkNoLoss,
  checkOrder,
  checkRate,
  type PostedSend,
  type SeenRequest,
} from '@mersal/testkit/invariants';
import { short } from './ledger-server.js';
import type { Kafka } from './kafka.js';
import type { Load, Posted } from './load.js';
import type { Plan } from './plan.js';
import type { Provider, Sent } from './provider.js';

export interface Evidence {
  readonly plan: Plan;
  readonly load: Load;
  readonly provider: Provider;
  readonly ledger: MemoryLedger;
  readonly kafka: Kafka;
}

const SETTLED = new Set(['sent', 'delivered', 'read', 'failed']);
const ENDED = new Set([...SETTLED, 'dead', 'cancelled', 'expired', 'unknown', 'tombstone']);

/** Message ids with where they ended, by the ledger; `tombstone`: cancelled before it was admitted. */
export async function statusesOf(
  posted: readonly Posted[],
  ledger: MemoryLedger,
): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  for (const { id, u, tenant } of posted) {
    const view = await ledger.readMessage(tenant.id, u);
    const buried = view?.status === 'cancelled' && view.record === null;
    statuses.set(id, buried ? 'tombstone' : (view?.status ?? 'nowhere'));
  }
  return statuses;
}

export function isOver(statuses: ReadonlyMap<string, string>): boolean {
  return [...statuses.values()].every((status) => ENDED.has(status));
}

/** All invariants, by the provider's own record and what the ledger and the topics hold at the end. */
export async function judge(evidence: Evidence): Promise<string[]> {
  const { plan, load, provider, ledger } = evidence;
  const statuses = await statusesOf(load.posted, ledger);
  const requests = seen(provider.requests);
  const accepted = seen(
    provider.requests
      .filter((one) => one.acceptedAt !== undefined)
      .toSorted((a, b) => (a.acceptedAt ?? 0) - (b.acceptedAt ?? 0)),
  );
  const failed = new Set(
    provider.requests.flatMap((one) => (one.failedAt === undefined ? [] : [one.sid ?? ''])),
  );
  const placed = load.posted.filter((one) => !one.placeless);
  const violations = [
    ...checkNoLoss(
      load.posted.filter((one) => statuses.get(one.id) !== 'tombstone').map(toSend),
      requests,
      statuses,
    ),
    ...checkNoDouble(accepted, failed),
    ...checkOrder(placed.map(toSend), accepted),
    ...plan.tenants.flatMap((tenant) =>
      checkConcurrency(
        requests.filter((one) => one.account === accountOf(tenant.id)),
        tenant.concurrency ?? plan.concurrency,
        plan.timeoutMs,
      ),
    ),
    ...(plan.perSecond === undefined ? [] : checkRate(requests, plan.perSecond)),
    ...checkEnds(load.posted, statuses, provider.requests),
    ...checkCancelled(load.posted, provider.requests),
    ...checkPoison(load, evidence.kafka),
    ...(await checkOutcomes(evidence, statuses)),
  ];
  return violations;
}

export function accountOf(tenant: number): string {
  return `AC${String(tenant).padStart(32, '0')}`;
}

function toSend(posted: Posted): PostedSend {
  const { id, tenant, conversation, priority } = posted;
  return { id, restaurantId: tenant.restaurantId, conversation, priority };
}

function seen(requests: readonly Sent[]): SeenRequest[] {
  return requests.map((one) => ({
    receivedAt: one.writtenAt,
    finishedAt: one.endedAt ?? null,
    account: one.account,
    to: one.to,
    body: one.body,
    status: null,
    sid: one.sid ?? null,
    messageId: one.messageId,
    attempt: one.attempt,
  }));
}

/** Each is over, and the ledger says of none that it was sent where the provider knows nothing of it, nor the reverse. */
function checkEnds(
  posted: readonly Posted[],
  statuses: ReadonlyMap<string, string>,
  requests: readonly Sent[],
): string[] {
  const there = new Set(requests.flatMap((one) => (one.acceptedAt === undefined ? [] : [one.messageId])));
  const standing = new Set(
    requests.flatMap((one) =>
      one.acceptedAt === undefined || one.failedAt !== undefined ? [] : [one.messageId],
    ),
  );
  return posted.flatMap(({ id, u }) => {
    const status = statuses.get(id) ?? 'nowhere';
    if (!ENDED.has(status)) return [`not over: ${short(u)} is ${status}`];
    if (SETTLED.has(status) && !there.has(id))
      return [`untrue: ${short(u)} is ${status}, and the provider never accepted it`];
    if (['dead', 'cancelled', 'expired', 'tombstone'].includes(status) && standing.has(id))
      return [`untrue: ${short(u)} is ${status}, and the provider accepted it`];
    return [];
  });
}

function checkCancelled(posted: readonly Posted[], requests: readonly Sent[]): string[] {
  return posted.flatMap(({ id, u, cancelledAt }) =>
    cancelledAt !== undefined && requests.some((one) => one.messageId === id && one.writtenAt > cancelledAt)
      ? [`cancelled: ${short(u)} was requested after its cancel was answered`]
      : [],
  );
}

/** Invariant 10: what can't be read is in the dead-letter topic, as it was. */
function checkPoison(load: Load, kafka: Kafka): string[] {
  const dead = all(kafka, 'dead').map((record) => record.value?.toString() ?? '');
  return load.poison.flatMap((value) =>
    dead.includes(value.toString()) ? [] : [`poison: ${value.toString()} is not in the dead-letter topic`],
  );
}

/** The outcomes topic tells of every end, and dead letters hold the original bytes. */
async function checkOutcomes(evidence: Evidence, statuses: ReadonlyMap<string, string>): Promise<string[]> {
  const { kafka, load } = evidence;
  const told = new Set<string>();
  for (const record of all(kafka, 'outcomes')) {
    const event = decodeEvent(record.headers, record.value);
    if (event.type === 'mersal.message.outcome.v1') told.add(`${event.data.messageId}/${event.data.state}`);
  }
  const letters = new Set(all(kafka, 'dead').map((record) => record.headers['dead-message-id']?.toString()));
  return load.posted.flatMap(({ id, u }) => {
    const status = statuses.get(id) ?? '';
    if (ENDED.has(status) && status !== 'tombstone' && !told.has(`${id}/${status}`))
      return [`untold: ${short(u)} is ${status}, and the outcomes topic does not say so`];
    return status === 'dead' && !letters.has(id) ? [`untold: ${short(u)} is dead without a dead letter`] : [];
  });
}

function all(kafka: Kafka, role: keyof TopicNames) {
  return Array.from({ length: kafka.partitions }, (_, p) => kafka.log(kafka.topics[role], p)).flat();
}
