import type { Row, Statement } from '../database.js';
import { LANE, MESSAGE } from '../states.js';
import { UNDECIDED } from './leases.js';

/** What whoever is on call looks at first, of some partitions. */
export interface Vitals {
  /** Messages with an unknown outcome, and those of them that an operator has to decide on. */
  readonly unknown: number;
  readonly undecided: number;
  /** How long the oldest head that may go has waited since it was accepted, in ms; null: none waits. */
  readonly oldestHeadMs: number | null;
}

/** One index probe a restaurant with work; its oldest heads only. Restaurants that are suspended or paused are left out. */
export function readVitals(partitions: readonly number[]): Statement {
  return {
    name: 'read-vitals',
    text: `
      with recursive t as (
        select p.partition, (select min(l.tenant) from lane l where l.partition = p.partition and l.due = '-infinity') as tenant
          from unnest($1::smallint[]) p(partition)
        union all
        select t.partition, (select min(l.tenant) from lane l
                              where l.partition = t.partition and l.due = '-infinity' and l.tenant > t.tenant)
          from t where t.tenant is not null
      ), oldest as (
        select h.tenant, h.head from t join tenant r on r.id = t.tenant and r.status = 'active', lateral (
          select l.tenant, l.head from lane l
           where l.partition = t.partition and l.tenant = t.tenant and l.due = '-infinity' and l.state = ${LANE.open}
           order by l.seq limit 1) h
         where not exists (select from pause q where q.until > clock_timestamp() and (q.scope = 'all' or (q.scope = 'tenant' and q.tenant = t.tenant)))
      )
      select (select extract(epoch from clock_timestamp() - min(m.accepted_at)) * 1000
                from oldest o join message m on m.tenant = o.tenant and m.u = o.head) as oldest_head_ms,
             count(*)::int as unknown, count(*) filter (where error_class = '${UNDECIDED}')::int as undecided
        from message where partition = any($1::smallint[]) and state = ${MESSAGE.unknown}`,
    values: [partitions],
  };
}

export function toVitals(row: Row): Vitals {
  return {
    unknown: row['unknown'] as number,
    undecided: row['undecided'] as number,
    oldestHeadMs: row['oldest_head_ms'] === null ? null : Math.max(0, Number(row['oldest_head_ms'])),
  };
}
