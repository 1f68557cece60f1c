import { key, type PauseRow, type Tables } from './tables.js';
import type { Effect, NewPause, PauseKey } from './port.js';
import { NOW } from './tables.js';
import { LANE } from '../states.js';

/** A pause that begins within this time of the end of the one before is longer than that, in ms. */
const SOON_MS = 600_000;

/** What an outcome does beyond its own message. */
export function carryOut(tables: Tables, effects: readonly Effect[] = []): void {
  for (const effect of effects) {
    switch (effect.kind) {
      case 'suspend': {
        const tenant = tables.tenants.get(effect.tenant);
        if (tenant?.status === 'active' && tenant.accountSid === effect.accountSid)
          tables.changeTenant(tenant.id, { status: 'suspended' });
        break;
      }
      case 'suppress': {
        const id = key(effect.tenant, effect.recipient);
        const { recipient, address, reason } = effect;
        if (!tables.suppressions.has(id))
          tables.suppressions.set(id, { recipient, address, reason, at: tables.clock() });
        break;
      }
      case 'pause':
        escalate(tables, effect);
        break;
      default:
        effect satisfies never;
    }
  }
}

/** A provider's pause: each that follows soon after the last is twice as long. One that still runs stays as it is. */
function escalate(tables: Tables, effect: Effect & { kind: 'pause' }): void {
  const now = tables.clock();
  const scope = effect.sender === null ? 'tenant' : 'sender';
  const id = pauseKey({
    scope,
    tenant: effect.tenant,
    ...(effect.sender === null ? {} : { sender: effect.sender }),
  });
  const before = tables.pauses.get(id);
  if (before && before.until > now) return;
  const length = before ? before.until - before.from : 0;
  const soon = before !== undefined && now - before.until <= Math.max(SOON_MS, length);
  const times = soon ? before.times + 1 : 0;
  const until = now + Math.min(effect.maxMs, effect.minMs * 2 ** times);
  const { tenant, sender, reason } = effect;
  tables.pauses.set(id, {
    scope,
    tenant,
    sender,
    reason,
    by: 'provider',
    untilMs: until,
    from: now,
    until,
    times,
    provider: true,
  });
  publishPause(tables, scope, tenant);
}

export function setPause(tables: Tables, pause: NewPause): void {
  const { scope, untilMs, reason, by } = pause;
  const until = untilMs ?? Number.POSITIVE_INFINITY;
  const tenant = pause.tenant ?? null;
  const sender = pause.sender ?? null;
  tables.pauses.set(pauseKey(pause), {
    scope,
    tenant,
    sender,
    untilMs,
    reason,
    by,
    from: tables.clock(),
    until,
    times: 0,
    provider: false,
  });
  publishPause(tables, scope, tenant);
}

/** Wakes what slept for it. */
export function liftPause(tables: Tables, pause: PauseKey): boolean {
  const lifted = tables.pauses.get(pauseKey(pause));
  if (!lifted || lifted.until <= tables.clock()) return false;
  tables.pauses.delete(pauseKey(pause));
  for (const lane of tables.lanes.values()) {
    if (lane.state !== LANE.open || lane.due === NOW) continue;
    const message = tables.message(lane.tenant, lane.head);
    if (!message || (pause.tenant !== undefined && pause.tenant !== lane.tenant)) continue;
    if (pause.sender !== undefined && pause.sender !== message.sender) continue;
    lane.due = message.due <= tables.clock() ? NOW : message.due;
  }
  publishPause(tables, pause.scope, pause.tenant ?? null);
  return true;
}

export function runningPause(tables: Tables, pause: PauseKey): PauseRow | undefined {
  const row = tables.pauses.get(pauseKey(pause));
  return row && row.until > tables.clock() ? row : undefined;
}

/** Restaurants show their own pause: their directory entries change with it. */
function publishPause(tables: Tables, scope: PauseKey['scope'], tenant: number | null): void {
  if (scope !== 'tenant' || tenant === null) return;
  tables.changeTenant(tenant, { pausedUntil: runningPause(tables, { scope, tenant })?.until ?? null });
}

function pauseKey({ scope, tenant, sender }: PauseKey): string {
  return `${scope}/${tenant ?? ''}/${sender ?? ''}`;
}
