import type { Database } from '../database.js';

/** A breaker that is not closed. */
export interface OpenBreaker {
  /** Null: the provider's as a whole. */
  readonly accountSid: string | null;
  /** half_open: a probe is under way, or may go. */
  readonly state: 'open' | 'half_open';
  /** When the trouble began, ms since 1970. */
  readonly since: number;
}

/** As all see it together who call the provider: senders, and each ingress that sends without the queue. */
export interface BreakerView extends OpenBreaker {
  /** Of the account, at most 20; none: the provider's. */
  readonly restaurantIds: readonly string[];
  /** INSTANCE of those that see it so, at most 20. */
  readonly instances: readonly string[];
}

/** What was told longer ago is of a process that is gone, in ms. */
const FRESH_MS = 5_000;
const FORGOTTEN_MS = 60_000;
const MOST_RESTAURANTS = 20;
const MOST_INSTANCES = 20;

/** Says what one process, `INSTANCE/anything`, sees now, and nothing else any more. What processes left that are gone for a minute goes with it. */
export async function tellBreakers(
  database: Database,
  member: string,
  breakers: readonly OpenBreaker[],
): Promise<void> {
  await database.transaction(
    [
      {
        name: 'forget-breakers',
        text: `
          delete from breaker where member = $1 and account_sid <> all ($2::text[])
             or seen_at < clock_timestamp() - $3 * interval '1 ms'`,
        values: [member, breakers.map(({ accountSid }) => accountSid ?? ''), FORGOTTEN_MS],
      },
      {
        name: 'tell-breakers',
        text: `
          insert into breaker (member, account_sid, state, since)
          select $1, account_sid, state, to_timestamp(since / 1000)
            from unnest($2::text[], $3::text[], $4::float8[]) as told (account_sid, state, since)
          on conflict (member, account_sid) do update
             set state = excluded.state, since = excluded.since, seen_at = clock_timestamp()`,
        values: [
          member,
          breakers.map(({ accountSid }) => accountSid ?? ''),
          breakers.map(({ state }) => state),
          breakers.map(({ since }) => since),
        ],
      },
    ],
    { mayBeLost: true },
  );
}

/** What was told within the last 5 s: the provider's first, then what is longest open; `most` of them. */
export async function readBreakers(database: Database, most: number): Promise<BreakerView[]> {
  const rows = await database.run({
    name: 'read-breakers',
    text: `
      select b.account_sid, b.state, extract(epoch from b.since) * 1000 as since, b.instances,
             (array_agg(t.restaurant_id order by t.restaurant_id))[1:${MOST_RESTAURANTS}] as restaurants
        from (select account_sid, state, min(since) as since,
                     (array_agg(distinct regexp_replace(member, '/[^/]*$', '')))[1:${MOST_INSTANCES}] as instances
                from breaker
               where seen_at > clock_timestamp() - $2 * interval '1 ms'
               group by account_sid, state
               order by account_sid <> '', min(since), account_sid limit $1) b
        left join tenant t on t.account_sid = b.account_sid
       group by b.account_sid, b.state, b.since, b.instances
       order by b.account_sid <> '', b.since, b.account_sid, b.state`,
    values: [most, FRESH_MS],
  });
  return rows.map((row) => ({
    accountSid: row['account_sid'] === '' ? null : (row['account_sid'] as string),
    state: row['state'] as BreakerView['state'],
    since: Math.round(Number(row['since'])),
    restaurantIds: (row['restaurants'] as (string | null)[]).filter((id) => id !== null),
    instances: row['instances'] as string[],
  }));
}
