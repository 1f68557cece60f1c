import type { Database } from '../database.js';
import { LANE, MESSAGE } from '../states.js';

/** What a restaurant has to send, and what of it went wrong: for whoever looks at all of them at once. */
export interface RestaurantLoad {
  readonly restaurantId: string;
  readonly status: 'active' | 'paused' | 'suspended';
  readonly statusReason: string | null;
  /** Conversations with something to send. */
  readonly conversations: number;
  /** Since the oldest message whose turn it is was accepted, in ms. */
  readonly oldestMs: number | null;
  /** Dead letters that nobody has put away. */
  readonly dead: number;
}

/** Those with most conversations, those with dead letters and those that are suspended: `most` of each. Reads the lanes once. */
export async function readRestaurantLoads(database: Database, most: number): Promise<RestaurantLoad[]> {
  const rows = await database.run({
    name: 'restaurant-loads',
    text: `
      with busy as (
        select tenant, count(*)::int as n from lane group by tenant order by n desc, tenant limit $1
      ), failed as (
        select tenant, count(*)::int as n from message where state = ${MESSAGE.dead} and discarded_at is null
         group by tenant order by n desc, tenant limit $1
      ), named as (
        select tenant from busy union select tenant from failed
        union (select id from tenant where status = 'suspended' order by changed_at desc limit $1)
      )
      select t.restaurant_id, t.status, t.status_reason, coalesce(b.n, 0) as conversations, coalesce(f.n, 0) as dead,
             (select extract(epoch from clock_timestamp() - m.accepted_at) * 1000
                from lane l join message m on m.tenant = l.tenant and m.u = l.head
               where l.partition = t.partition and l.tenant = t.id and l.due = '-infinity' and l.state = ${LANE.open}
               order by l.seq limit 1) as oldest_ms
        from named join tenant t on t.id = named.tenant
        left join busy b on b.tenant = t.id left join failed f on f.tenant = t.id
       order by conversations desc, dead desc, t.restaurant_id`,
    values: [most],
  });
  return rows.map((row) => ({
    restaurantId: row['restaurant_id'] as string,
    status: row['status'] as RestaurantLoad['status'],
    statusReason: row['status_reason'] as string | null,
    conversations: row['conversations'] as number,
    oldestMs: row['oldest_ms'] === null ? null : Math.max(0, Math.round(Number(row['oldest_ms']))),
    dead: row['dead'] as number,
  }));
}
