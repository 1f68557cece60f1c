import { LANE } from '../states.js';

/**
 * Two steps of a WITH list: lanes go on from a message that is done. They read `nx (tenant, lane, done, u, priority, seq,
 * due)`: the message that ended and the one that follows it, `u` null for none. A lane moves only if its head still is
 * the message that ended.
 */
export const ADVANCE_LANES = `
        gone as (
          delete from lane l using nx
           where l.tenant = nx.tenant and l.lane = nx.lane and l.head = nx.done and nx.u is null
        ), advanced as (
          update lane l set head = nx.u, priority = nx.priority, seq = nx.seq, state = ${LANE.open}, attempt = null,
                 lease = null, due = case when nx.due <= clock_timestamp() then '-infinity' else nx.due end
            from nx
           where l.tenant = nx.tenant and l.lane = nx.lane and l.head = nx.done and nx.u is not null
          returning l.tenant, l.lane, l.head, l.priority, l.seq, l.due = '-infinity' as ready, nx.done
        )`;
