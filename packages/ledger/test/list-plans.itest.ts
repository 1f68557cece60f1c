import { afterAll, beforeAll, expect, it } from 'vitest';
import { readEvents } from '../src/events/message-events.js';
import type { Statement } from '../src/database.js';
import { listUnknown } from '../src/messages/decide.js';
import { listMessages, type MessageQuery } from '../src/messages/list-messages.js';
import { type Fixture, openFixture } from './ledger-fixture.js';

interface Node {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

const MESSAGES = 60_000;
const GROWING = new Set(['message', 'message_event', 'lane', 'body', 'attempt', 'callback']);
let fixture: Fixture;
let tenant: number;
beforeAll(async () => {
  fixture = await openFixture();
  tenant = (await fixture.tenant('big')).id;
  const { id: other } = await fixture.tenant('other');
  // Nearly all are read; one in a hundred is dead, with one of two codes; some are unknown, or held; some wait.
  const fill = (id: number, n: number) =>
    fixture.database.run({
      name: 'test-fill',
      text: `
        insert into message (tenant, u, tag, partition, lane, conversation, priority, seq, state, due, accepted_at, error_code)
        select $1, gen_random_uuid(), '1aaaaaaaaaaaa', 0, n % 500, 'c' || n % 500, 5, n,
               case when n % 100 = 0 then 20 when n % 150 = 1 then 5 when n % 150 = 2 then 4 when n > $2::int - 300 then 0 else 13 end, '-infinity',
               timestamptz '2026-01-01' + n * interval '1 s', case when n % 100 = 0 then 63016 + (n / 100) % 2 end
          from generate_series(1, $2::int) n`,
      values: [id, n],
    });
  await fill(tenant, MESSAGES);
  await fill(other, MESSAGES / 4);
  await fixture.database.run({
    name: 'test-events',
    text: `
      insert into message_event (tenant, u, redrive, attempt, state, outbox, at)
      select tenant, u, 0, 0, 'queued', seq, accepted_at from message`,
    values: [],
  });
  for (const table of ['message', 'message_event'])
    await fixture.database.run({ name: `test-analyze-${table}`, text: `analyze ${table}`, values: [] });
}, 120_000);
afterAll(() => fixture.close());

async function planOf(statement: Statement, kept: boolean): Promise<Node> {
  return fixture.database.conversation(async (run) => {
    if (kept)
      await run({
        name: 'test-generic',
        text: 'set local plan_cache_mode = force_generic_plan',
        values: [],
      });
    const [row] = await run({
      name: `explain-${kept}-${statement.name}`.slice(0, 63),
      text: `explain (analyze, buffers, format json) ${statement.text}`,
      values: statement.values,
    });
    const [answer] = (row?.['QUERY PLAN'] ?? []) as { readonly Plan: Node }[];
    if (!answer) throw new Error('no plan');
    return answer.Plan;
  });
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const scans = (node: Node): string[] =>
  nodesOf(node)
    .filter((one) => one['Node Type'].includes('Seq Scan') && GROWING.has(one['Relation Name'] ?? ''))
    .map((one) => `${one['Node Type']} of ${one['Relation Name']}`);
const buffers = (node: Node): number => (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0);
/** A window of 2,000 rows, each looked up by its key with its restaurant and its lane. */
const MOST_BUFFERS = 40_000;

const before = { acceptedAt: Date.parse('2026-01-01T12:00:00Z'), u: '0'.repeat(32) };
const [from, to] = [Date.parse('2026-01-01T02:00:00Z'), Date.parse('2026-01-01T03:00:00Z')];
const queries: [string, Omit<MessageQuery, 'most'>, string][] = [
  ['all', {}, 'message_list'],
  ['behind a cursor', { before }, 'message_list'],
  ['a time', { from, to }, 'message_list'],
  ['what few are', { status: 'dead' }, 'message_state'],
  ['what few are, behind a cursor', { status: 'dead', before }, 'message_state'],
  ['what most are', { status: 'read' }, 'message_list'],
  ['what nobody is', { status: 'delivered', before }, 'message_list'],
  ['what waits', { status: 'queued' }, 'message_lane'],
  ['what waits or retries', { status: 'retrying' }, 'message_lane'],
  ['a conversation', { conversation: 'c7' }, 'message_conversation'],
  [
    'a conversation’s dead, in a time',
    { conversation: 'c100', status: 'dead', from },
    'message_conversation',
  ],
  ['an error', { errorCode: 63_017 }, 'message_error'],
  ['an error in a time', { errorCode: 63_017, from, to }, 'message_error'],
];

it.each(queries)('lists %s by an index, and reads few pages', async (_name, query, index) => {
  for (const kept of [false, true]) {
    const plan = await planOf(listMessages(tenant, { most: 50, ...query }), kept);
    expect(scans(plan)).toEqual([]);
    expect(nodesOf(plan).map((node) => node['Index Name'])).toContain(index);
    expect(buffers(plan)).toBeLessThan(MOST_BUFFERS);
  }
});

it('what is asked for and is not there costs one window a page, whatever else there is', async () => {
  const { ledger } = fixture;
  const page = await ledger.listMessages(tenant, { most: 50, status: 'delivered' });
  expect(page.items).toEqual([]);
  expect(page.next).not.toBeNull();
  const dead = await ledger.listMessages(tenant, { most: 50, status: 'dead', before });
  expect(dead.items).toHaveLength(50);
});

it('unknown outcomes are listed by an index, of one restaurant and of all', async () => {
  const [row] = await fixture.database.run({
    name: 'test-unknown-place',
    text: `
      select (extract(epoch from changed_at) * 1000000)::bigint as at, u from message
       where state = 5 order by changed_at, u offset 200 limit 1`,
    values: [],
  });
  const after = { at: Number(row?.['at']), u: row?.['u'] as string };
  for (const kept of [false, true]) {
    for (const of of [null, tenant]) {
      for (const place of [undefined, after]) {
        const plan = await planOf(listUnknown(of, 50, place), kept);
        expect(scans(plan)).toEqual([]);
        const used = nodesOf(plan).map((node) => node['Index Name']);
        expect(used).toContain('message_unknown');
        expect(buffers(plan)).toBeLessThan(1_000);
      }
    }
  }
});

it('events are read on by an index, for a restaurant and for a message', async () => {
  const [row] = await fixture.database.run({
    name: 'test-one',
    text: 'select u, n from message_event where tenant = $1 order by n offset 30000 limit 1',
    values: [tenant],
  });
  const feed = (u: string | null) => ({ tenant, u, after: String(row?.['n']) });
  for (const kept of [false, true]) {
    const plan = await planOf(readEvents([feed(null), feed(row?.['u'] as string)], 100), kept);
    expect(scans(plan)).toEqual([]);
    const used = nodesOf(plan).map((node) => node['Index Name']);
    expect(used).toEqual(expect.arrayContaining(['message_event_feed', 'message_event_pkey']));
    expect(buffers(plan)).toBeLessThan(2_000);
  }
});
