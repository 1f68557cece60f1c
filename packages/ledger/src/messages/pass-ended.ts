import type { Statement } from '../database.js';
import { ADVANCE_LANES } from './advance-lanes.js';
import { LANE, MESSAGE } from '../states.js';

/**
 * Open lanes that have one of these messages as their head, though it does not wait any more, go on with the next one. That is where
 * a message was ended while another transaction was giving it its place: who ends it can lock no lane that is not there yet, and
 * does not see it in the statement that waited for the message. To be run behind lockLanesOf, both as statements of their own.
 */
export function passEnded(tenants: readonly number[], us: readonly string[]): Statement {
  return {
    name: 'pass-ended',
    text: `
      with nx as (
        select l.tenant, l.lane, l.head as done, z.u, z.priority, z.seq, z.due
          from (select distinct tenant, u from unnest($1::int[], $2::uuid[]) as i(tenant, u)) i
          join message m on m.tenant = i.tenant and m.u = i.u and m.state + 0 <> ${MESSAGE.waiting}
          join lane l on l.tenant = m.tenant and l.lane = m.lane and l.head = m.u and l.state + 0 = ${LANE.open}
          left join lateral (
            select q.u, q.priority, q.seq, q.due from message q
             where q.tenant = l.tenant and q.lane = l.lane and q.state = ${MESSAGE.waiting}
             order by q.priority desc, q.seq limit 1) z on true
      ), ${ADVANCE_LANES}
      select tenant, lane, head, priority, seq from advanced where ready`,
    values: [tenants, us],
  };
}
