import type { Row, Statement } from '../database.js';
import { LANE } from '../states.js';

/** What is paused: everything, a restaurant, or one of its numbers. */
export type PauseTarget =
  | { readonly scope: 'all' }
  | { readonly scope: 'tenant'; readonly tenant: number }
  | { readonly scope: 'sender'; readonly tenant: number; readonly sender: string };

export interface Pause {
  readonly target: PauseTarget;
  readonly begunAt: number;
  /** ms since 1970; Infinity: until it is lifted. */
  readonly until: number;
  readonly reason: string;
  /** `provider`, or the operator who asked for it. */
  readonly by: string;
}

/** A pause that comes within this time of the end of the one before is longer than it, in ms. */
const CLOSE_MS = 600_000;

/** Names what is paused, one name a target. */
export function pauseKey(target: PauseTarget): string {
  switch (target.scope) {
    case 'all':
      return 'all';
    case 'tenant':
      return `tenant/${target.tenant}`;
    case 'sender':
      return `sender/${target.tenant}/${target.sender}`;
    default:
      return target satisfies never;
  }
}

const columns = (target: PauseTarget): [string, number | null, string | null] => [
  target.scope,
  target.scope === 'all' ? null : target.tenant,
  target.scope === 'sender' ? target.sender : null,
];

/*
 * A provider's pause: one that is running stays as it is (other requests were under way when it began), one that follows
 * closely on another doubles up to its longest, one that comes later starts from the shortest.
 *
 *   none ─► min ─► ended ─┬─ again within 10 min, or its own length ─► min × 2ⁿ, at most max
 *                         └─ later ─► min
 */
export function pauseByProvider(
  target: PauseTarget & { readonly scope: 'tenant' | 'sender' },
  span: { readonly minMs: number; readonly maxMs: number },
  reason: string,
): Statement {
  const ms = (times: string): string =>
    `least($5::float8, $4::float8 * power(2, least(${times}, 20))) * interval '1 ms'`;
  const close = `p.until + greatest(${CLOSE_MS} * interval '1 ms', p.until - p.begun_at) > clock_timestamp()`;
  return {
    name: 'pause-by-provider',
    text: `
      insert into pause as p (scope, tenant, sender, until, reason, by)
      values ($1, $2::int, $3, clock_timestamp() + ${ms('0')}, $6, 'provider')
      on conflict (scope, tenant, sender) do update
         set begun_at = clock_timestamp(), reason = excluded.reason, by = excluded.by,
             times = case when ${close} then p.times + 1 else 0 end,
             until = clock_timestamp() + ${ms(`case when ${close} then p.times + 1 else 0 end`)}
       where p.until <= clock_timestamp()`,
    values: [...columns(target), span.minMs, span.maxMs, reason],
  };
}

/** The audit row of a pause or its end, from the rows of `p`; of a number only its last digits. */
const audited = (action: string, by: string, detail: string): string => `
      insert into audit (actor, action, subject, detail)
      select ${by}, '${action}', coalesce((select t.restaurant_id from tenant t where t.id = p.tenant), 'everything'),
             jsonb_strip_nulls(jsonb_build_object('number', '…' || right(p.sender, 4)) || ${detail})
        from p`;

/** An operator's pause, until `untilMs` or, with null, until it is lifted. It replaces any other of the same target. */
export function setPause(target: PauseTarget, untilMs: number | null, reason: string, by: string): Statement {
  return {
    name: 'set-pause',
    text: `
      with p as (
        insert into pause as p (scope, tenant, sender, until, reason, by)
        values ($1, $2::int, $3, coalesce(to_timestamp($4::float8 / 1000), 'infinity'), $5, $6)
        on conflict (scope, tenant, sender) do update
           set begun_at = clock_timestamp(), until = excluded.until, reason = excluded.reason, by = excluded.by, times = 0
        returning *)
      ${audited('queue.pause', 'p.by', `jsonb_build_object('reason', p.reason, 'until', $4::float8)`)}`,
    values: [...columns(target), untilMs, reason, by],
  };
}

/** Ends a pause now; nothing where none is running. */
export function liftPause(target: PauseTarget, by: string): Statement {
  return {
    name: 'lift-pause',
    text: `
      with p as (
        update pause set until = clock_timestamp(), times = 0
         where scope = $1 and tenant is not distinct from $2::int and sender is not distinct from $3 and until > clock_timestamp()
        returning *)
      ${audited('queue.resume', '$4', `'{}'::jsonb`)} returning n`,
    values: [...columns(target), by],
  };
}

/** Lanes that sleep until a pause of their number ends wake now; those that back off after a failure go on doing so. */
export function wakePausedLanes(tenant: number): Statement {
  return {
    name: 'wake-paused-lanes',
    text: `
      update lane l set due = case when m.due <= clock_timestamp() then '-infinity' else m.due end
        from message m
       where l.tenant = $1 and l.due > clock_timestamp() and l.state = ${LANE.open}
         and m.tenant = l.tenant and m.u = l.head`,
    values: [tenant],
  };
}

/** The restaurant's settings changed for those who keep them in memory. */
export function touchTenant(tenant: number): Statement {
  return {
    name: 'touch-tenant',
    text: 'update tenant set changed_at = clock_timestamp() where id = $1',
    values: [tenant],
  };
}

/** Those that are running. */
export function readPauses(): Statement {
  return {
    name: 'read-pauses',
    text: `
      select scope, tenant, sender, extract(epoch from begun_at) * 1000 as begun_at, extract(epoch from until) * 1000 as until, reason, by
        from pause where until > clock_timestamp() order by n`,
    values: [],
  };
}

export function toPause(row: Row): Pause {
  const tenant = row['tenant'] as number;
  const scope = row['scope'] as PauseTarget['scope'];
  return {
    target:
      scope === 'all'
        ? { scope }
        : scope === 'tenant'
          ? { scope, tenant }
          : { scope, tenant, sender: row['sender'] as string },
    begunAt: Number(row['begun_at']),
    until: Number(row['until']),
    reason: row['reason'] as string,
    by: row['by'] as string,
  };
}
