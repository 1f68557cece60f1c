import type { Effect } from '../messages/effects.js';
import { pauseKey, type PauseTarget } from '../pauses/pauses.js';
import { LANE } from '../states.js';
import { key, NOW, type PauseRow, type Tables } from './tables.js';

/** A pause that comes within this time of the end of the one before is longer than it, in ms. */
const CLOSE_MS = 600_000;

/** What an outcome does beyond its own message. */
export function carryOut(tables: Tables, effects: readonly Effect[] = []): void {
  for (const effect of effects) {
    const { tenant } = effect;
    switch (effect.kind) {
      case 'suspend': {
        const row = tables.tenants.get(tenant);
        const current = effect.credentials === null || row?.credentials === effect.credentials;
        if (row?.status === 'active' && row.accountSid === effect.accountSid && current)
          tables.changeTenant(tenant, { status: 'suspended' });
        break;
      }
      case 'suppress': {
        const id = key(tenant, effect.recipient);
        const { recipient, address, reason, u } = effect;
        if (!tables.suppressions.has(id))
          tables.suppressions.set(id, { recipient, address, reason, u, createdAt: tables.clock() });
        break;
      }
      case 'pause':
        pauseByProvider(
          tables,
          effect.sender === null
            ? { scope: 'tenant', tenant }
            : { scope: 'sender', tenant, sender: effect.sender },
          effect,
        );
        break;
      default:
        effect satisfies never;
    }
  }
}

/** Each that follows closely on the one before is twice as long. One that still runs stays as it is. */
function pauseByProvider(tables: Tables, target: PauseTarget, effect: Effect & { kind: 'pause' }): void {
  const now = tables.clock();
  const before = tables.pauses.get(pauseKey(target));
  if (before && before.until > now) return;
  const close = before && before.until + Math.max(CLOSE_MS, before.until - before.begunAt) > now;
  const times = close ? before.times + 1 : 0;
  const until = now + Math.min(effect.maxMs, effect.minMs * 2 ** Math.min(times, 20));
  tables.pauses.set(pauseKey(target), {
    target,
    begunAt: now,
    until,
    reason: effect.reason,
    by: 'provider',
    times,
  });
  showPause(tables, target);
}

export function setPause(
  tables: Tables,
  target: PauseTarget,
  untilMs: number | null,
  reason: string,
  by: string,
): void {
  const until = untilMs ?? Number.POSITIVE_INFINITY;
  tables.pauses.set(pauseKey(target), { target, begunAt: tables.clock(), until, reason, by, times: 0 });
  showPause(tables, target);
}

/** Ends it now, and wakes what slept for it. */
export function liftPause(tables: Tables, target: PauseTarget): boolean {
  const now = tables.clock();
  const running = runningPause(tables, target);
  if (!running) return false;
  tables.pauses.set(pauseKey(target), { ...running, until: now, times: 0 });
  showPause(tables, target);
  if (target.scope !== 'sender') return true;
  for (const lane of tables.lanes.values()) {
    if (lane.tenant !== target.tenant || lane.state !== LANE.open || lane.due <= now) continue;
    const due = tables.message(lane.tenant, lane.head)?.due ?? NOW;
    lane.due = due <= now ? NOW : due;
  }
  return true;
}

export function runningPause(tables: Tables, target: PauseTarget): PauseRow | undefined {
  const row = tables.pauses.get(pauseKey(target));
  return row && row.until > tables.clock() ? row : undefined;
}

/** Restaurants' own pauses are part of their entries: those change with them. */
function showPause(tables: Tables, target: PauseTarget): void {
  if (target.scope === 'tenant') tables.changeTenant(target.tenant, {});
}
