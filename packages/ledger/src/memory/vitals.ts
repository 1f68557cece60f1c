import { UNDECIDED } from '../messages/leases.js';
import type { Vitals } from '../messages/vitals.js';
import { LANE, MESSAGE } from '../states.js';
import { runningPause } from './effects.js';
import { NOW, type Tables } from './tables.js';

export function readVitals(tables: Tables, partitions: readonly number[]): Vitals {
  const unknown = [...tables.messages.values()].filter(
    (m) => partitions.includes(m.partition) && m.state === MESSAGE.unknown,
  );
  const waits = [...tables.lanes.values()]
    .filter((l) => partitions.includes(l.partition) && l.due === NOW && l.state === LANE.open)
    .filter(({ tenant }) => {
      const active = tables.tenants.get(tenant)?.status === 'active';
      return (
        active &&
        !runningPause(tables, { scope: 'all' }) &&
        !runningPause(tables, { scope: 'tenant', tenant })
      );
    })
    .map((l) => tables.clock() - (tables.message(l.tenant, l.head)?.acceptedAt ?? tables.clock()));
  return {
    unknown: unknown.length,
    undecided: unknown.filter((m) => m.errorClass === UNDECIDED).length,
    oldestHeadMs: waits.length === 0 ? null : Math.max(0, ...waits),
  };
}
