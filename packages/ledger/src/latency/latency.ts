import type { Database } from '../database.js';

/** How many took how long, by bucket; the last counts what is beyond every bound. */
export interface LatencyCounts {
  /** From acceptance to the first request at the provider. */
  readonly wait: readonly number[];
  /** Calls of the provider. */
  readonly call: readonly number[];
}

/** What was told longer ago is of a process that is gone, in ms. */
const FRESH_MS = 6_000;
const FORGOTTEN_MS = 60_000;

/** Says what one process counts now. What processes left that are gone for a minute goes with it. */
export async function tellLatency(database: Database, member: string, counts: LatencyCounts): Promise<void> {
  await database.transaction(
    [
      {
        name: 'forget-latency',
        text: `delete from latency where seen_at < clock_timestamp() - $1 * interval '1 ms'`,
        values: [FORGOTTEN_MS],
      },
      {
        name: 'tell-latency',
        text: `
          insert into latency (member, waits, calls) values ($1, $2::int[], $3::int[])
          on conflict (member) do update
             set waits = excluded.waits, calls = excluded.calls, seen_at = clock_timestamp()`,
        values: [member, counts.wait, counts.call],
      },
    ],
    { mayBeLost: true },
  );
}

/** Of all that told within the last 6 s together; null: nobody did, so nothing is known. */
export async function readLatency(database: Database): Promise<LatencyCounts | null> {
  const rows = await database.run({
    name: 'read-latency',
    text: `
      select k.kind, array_agg(k.n order by k.bucket) as counts
        from (select w.kind, c.bucket, sum(c.n)::float8 as n
                from latency l
                cross join lateral (values ('wait', l.waits), ('call', l.calls)) w (kind, counts)
                cross join lateral unnest(w.counts) with ordinality c (n, bucket)
               where l.seen_at > clock_timestamp() - $1 * interval '1 ms'
               group by w.kind, c.bucket) k
       group by k.kind`,
    values: [FRESH_MS],
  });
  const of = (kind: string) => rows.find((row) => row['kind'] === kind)?.['counts'] as number[] | undefined;
  const wait = of('wait');
  const call = of('call');
  return wait && call ? { wait, call } : null;
}
