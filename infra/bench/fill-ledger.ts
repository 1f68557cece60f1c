import type { Pipeline } from '@mersal/testkit';
import type { LedgerView } from './ledger-view.js';
import { publishBacklog } from './load.js';

const LANE_DEPTH = 5;
/** What tells one message from another; all else must be the same in a filed and a copied row. */
const OWN = [
  'u',
  'tag',
  'seq',
  'lane',
  'conversation',
  'accepted_at',
  'changed_at',
  'body_hash',
  'head',
  'record',
  'headers',
];

/**
 * Fills the ledger far faster than a log could: one message a restaurant goes through admission, SQL copies its rows.
 * So a copy has the shape that admission makes, whatever that is today; one more message is admitted afterwards and
 * compared with a copy, column by column.
 */
export async function fillLedger(pipeline: Pipeline, ledger: LedgerView, waiting: number): Promise<void> {
  const { tenants } = pipeline;
  for (const { restaurantId } of tenants) await ledger.pause(restaurantId, true);
  const filing = await pipeline.startSender('filing');
  await publishBacklog(pipeline, { messages: tenants.length, conversationsEach: 1 });
  await ledger.untilFiled(tenants.length, 60_000);
  await copy(ledger, Math.ceil(waiting / tenants.length));
  await publishBacklog(pipeline, { messages: 1, conversationsEach: 1 });
  const { n: last } = (await ledger.query<{ n: number }>('select count(*)::int as n from bench_copy'))[0] ?? {
    n: 0,
  };
  await ledger.untilFiled(tenants.length + last + 1, 60_000);
  await compare(ledger);
  await filing.stop();
  await ledger.query('drop table bench_copy');
  await ledger.query('vacuum analyze');
  for (const { restaurantId } of tenants) await ledger.pause(restaurantId, false);
}

async function copy(ledger: LedgerView, each: number): Promise<void> {
  await ledger.query(
    `create table bench_copy as
     select m.tenant, m.u as original, md5(m.tenant || '/' || n)::uuid as u, nextval('place') as seq,
            (n % ${LANE_DEPTH}) = 0 as heads, c.conversation,
            ('x' || encode(substring(sha256(convert_to(c.conversation, 'UTF8')) for 8), 'hex'))::bit(64)::bigint as lane
       from message m cross join generate_series(0, $1::int - 1) n
       cross join lateral (select 'copy-' || n / ${LANE_DEPTH} as conversation) c
      order by n, m.tenant`,
    [each],
  );
  await ledger.query(
    `insert into message select r.* from bench_copy c join message m on m.tenant = c.tenant and m.u = c.original
      cross join lateral jsonb_populate_record(m, jsonb_build_object(
        'u', c.u, 'seq', c.seq, 'lane', c.lane, 'conversation', c.conversation)) r`,
  );
  await ledger.query(
    `insert into body select r.* from bench_copy c join body b on b.tenant = c.tenant and b.u = c.original
      cross join lateral jsonb_populate_record(b, jsonb_build_object('u', c.u)) r`,
  );
  await ledger.query(
    `insert into lane select r.* from bench_copy c join lane l on l.tenant = c.tenant and l.head = c.original
      cross join lateral jsonb_populate_record(l, jsonb_build_object('lane', c.lane, 'head', c.u, 'seq', c.seq)) r
      where c.heads`,
  );
}

/** The message admitted last stands behind the first of its lane; every other row has a copy to be compared with. */
async function compare(ledger: LedgerView): Promise<void> {
  for (const table of ['message', 'body']) {
    const [row] = await ledger.query<{ filed: unknown; copied: unknown; same: boolean }>(
      `with l as (select * from message order by seq desc limit 1),
            f as (select to_jsonb(x) - $1::text[] as row from ${table} x join l using (tenant, u)),
            c as (select to_jsonb(x) - $1::text[] as row from ${table} x join bench_copy b using (tenant, u) join l on l.tenant = x.tenant limit 1)
       select f.row as filed, c.row as copied, f.row = c.row as same from f, c`,
      [OWN],
    );
    if (!row?.same) throw new Error(`a copied ${table} is not what admission writes: ${JSON.stringify(row)}`);
  }
  const [lane] = await ledger.query<{ wrong: number; lanes: number }>(
    `select count(*)::int as lanes, count(*) filter (where m.u is null or m.seq <> l.seq or m.lane <> l.lane)::int as wrong
       from lane l left join lateral (
         select u, seq, lane from message m where m.tenant = l.tenant and m.lane = l.lane and m.state = 0
          order by priority desc, seq limit 1) m on m.u = l.head`,
  );
  if (lane?.wrong !== 0)
    throw new Error(`${lane?.wrong} of ${lane?.lanes} lanes have another head than their first`);
}
