import { mostWithin } from './most-within.js';
import type { SeenRequest } from './simulator-client.js';

export type { SeenRequest } from './simulator-client.js';

/** A send as it was posted and accepted, in the order of its acceptance. */
export interface PostedSend {
  readonly id: string;
  readonly restaurantId: string;
  readonly conversation: string;
  readonly priority: number;
}

/** What an invariant found: empty is good. */
export type Violations = readonly string[];

const accepted = (requests: readonly SeenRequest[]) => requests.filter((request) => request.sid !== null);

/** Invariant 1, seen from the provider: every send was accepted there, unless it ended in another way. */
export function checkNoLoss(
  posted: readonly PostedSend[],
  requests: readonly SeenRequest[],
  ended: ReadonlyMap<string, string>,
): Violations {
  const there = new Set(accepted(requests).map((request) => request.messageId));
  const elsewhere = new Set(['dead', 'cancelled', 'expired', 'unknown', 'held']);
  return posted
    .filter((send) => !there.has(send.id) && !elsewhere.has(ended.get(send.id) ?? ''))
    .map(
      (send) =>
        `lost: ${send.id} of ${send.restaurantId} is ${ended.get(send.id) ?? 'nowhere'} and never reached the provider`,
    );
}

/** Invariant 2: at most one acceptance of a message. `reportedFailed`: SIDs that the provider took back. */
export function checkNoDouble(
  requests: readonly SeenRequest[],
  reportedFailed: ReadonlySet<string> = new Set(),
): Violations {
  const sids = new Map<string, string[]>();
  for (const { messageId, sid } of accepted(requests)) {
    if (messageId === null || sid === null || reportedFailed.has(sid)) continue;
    sids.set(messageId, [...(sids.get(messageId) ?? []), sid]);
  }
  return [...sids]
    .filter(([, all]) => all.length > 1)
    .map(([id, all]) => `sent ${all.length} times: ${id} (${all.join(', ')})`);
}

/** Invariant 3: equal priorities of a conversation are accepted in the order in which they were posted. */
export function checkOrder(posted: readonly PostedSend[], requests: readonly SeenRequest[]): Violations {
  const firstAt = new Map<string, number>();
  for (const [at, { messageId }] of accepted(requests).entries()) {
    if (messageId !== null && !firstAt.has(messageId)) firstAt.set(messageId, at);
  }
  const last = new Map<string, { id: string; at: number }>();
  const violations: string[] = [];
  for (const send of posted) {
    const at = firstAt.get(send.id);
    if (at === undefined) continue;
    const key = `${send.restaurantId}/${send.conversation}/${send.priority}`;
    const before = last.get(key);
    if (before && before.at > at) violations.push(`out of order in ${key}: ${send.id} before ${before.id}`);
    if (!before || before.at < at) last.set(key, { id: send.id, at });
  }
  return violations;
}

/** Invariant 4: requests under way of one account, each counted until its answer or the time-out. */
export function checkConcurrency(
  requests: readonly SeenRequest[],
  limit: number,
  timeoutMs: number,
): Violations {
  const edges = new Map<string, [at: number, step: 1 | -1][]>();
  for (const { account, receivedAt, finishedAt } of requests) {
    const end = Math.min(finishedAt ?? Number.POSITIVE_INFINITY, receivedAt + timeoutMs);
    edges.set(account, [...(edges.get(account) ?? []), [receivedAt, 1], [end, -1]]);
  }
  const violations: string[] = [];
  for (const [account, all] of edges) {
    let under = 0;
    let worst = 0;
    // At the same ms an end goes before a beginning: both stamps are whole.
    for (const [, step] of all.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
      under += step;
      worst = Math.max(worst, under);
    }
    if (worst > limit) violations.push(`${worst} requests of ${account} at once, ${limit} are allowed`);
  }
  return violations;
}

/** Invariant 5: requests in any 1,000 ms. */
export function checkRate(requests: readonly SeenRequest[], limit: number): Violations {
  const worst = mostWithin(
    requests.map((request) => request.receivedAt),
    1_000,
  );
  return worst > limit ? [`${worst} requests within 1,000 ms, ${limit} are allowed`] : [];
}
