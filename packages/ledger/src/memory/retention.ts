import { MESSAGE, type StoredState } from '../states.js';
import { key, type Tables } from './tables.js';

const FINAL: ReadonlySet<StoredState> = new Set<StoredState>([
  MESSAGE.sent,
  MESSAGE.failed,
  MESSAGE.delivered,
  MESSAGE.read,
  MESSAGE.dead,
  MESSAGE.cancelled,
  MESSAGE.expired,
  MESSAGE.refused,
]);

/** Final messages lose their bodies after a time, and their ids after a longer one. */
export function prune(
  tables: Tables,
  limits: { readonly bodiesOlderThanMs: number; readonly idsOlderThanMs: number; readonly most: number },
): number {
  const now = tables.clock();
  let pruned = 0;
  for (const [id, message] of tables.messages) {
    if (pruned >= limits.most) break;
    const age = now - message.changedAt;
    const holds = tables.laneHeadedBy(message) !== undefined;
    if (!FINAL.has(message.state) || holds) continue;
    if (age > limits.idsOlderThanMs) tables.messages.delete(id);
    else if (age > limits.bodiesOlderThanMs && !message.erased) message.erased = true;
    else continue;
    const own = key(message.tenant, message.u);
    tables.bodies.delete(own);
    tables.attempts.delete(own);
    tables.callbacks.delete(own);
    pruned += 1;
  }
  return pruned;
}
