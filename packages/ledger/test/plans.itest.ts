import { openDatabase, type Ownership } from '@mersal/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Statement } from '../src/database.js';
import { lockLanesOf } from '../src/messages/admit-retries.js';
import { claimStatements } from '../src/messages/claim.js';
import { readyTenants, refill } from '../src/messages/heads.js';
import { passEnded } from '../src/messages/pass-ended.js';
import { countStates } from '../src/messages/read.js';
import { prunePage } from '../src/messages/retention.js';
import { settleStatements } from '../src/messages/settle.js';
import { admit, claimOf, type Fixture, newMessage, openFixture, settlement } from './ledger-fixture.js';

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly Node[];
}

/** Tables that grow with the backlog or with time: none of them may be scanned. */
const GROWING = new Set(['message', 'lane', 'body', 'attempt', 'outbox', 'callback']);
const LIMITS = { leaseMs: 20_000, concurrency: 5 };
/** All that is over is due. */
const RETENTION = { detailMs: 0, idMs: 0 };
const FIRST = 1_000;
const THEN = 12_000;

let fixture: Fixture;
let keyed: ReturnType<typeof openDatabase>;
let tenant: number;
let own: Ownership;
beforeAll(async () => {
  fixture = await openFixture();
  const made = await fixture.tenant('plans');
  tenant = made.id;
  own = await fixture.ledger.takeOwnership(made.partition, 'test');
  // What statistics say after a quiet night: nothing waits.
  await fixture.database.run({ name: 'test-analyze', text: 'analyze', values: [] });
  keyed = openDatabase({
    url: fixture.url,
    max: 1,
    application: 'plans',
    byKey: true,
    onError: () => undefined,
  });
});
afterAll(async () => {
  await keyed.close();
  await fixture.close();
});

async function fill(messages: number, from: number): Promise<void> {
  for (let n = from; n < from + messages; n += 500)
    await admit(
      fixture.ledger,
      own,
      Array.from({ length: 500 }, (_, i) => newMessage(tenant, `c${(n + i) % 4_000}`)),
    );
}

/** Runs statements in a transaction that is rolled back; answers with the plan of the last, as a kept plan is made. */
async function planOf(statements: readonly Statement[]): Promise<Node> {
  let plan: Node | undefined;
  await keyed
    .conversation(async (run) => {
      await run({ name: 'test-generic', text: 'set local plan_cache_mode = force_generic_plan', values: [] });
      for (const statement of statements.slice(0, -1)) await run(statement);
      const last = statements.at(-1) as Statement;
      const [row] = await run({
        name: `explain-${last.name}`,
        text: `explain (analyze, buffers, format json) ${last.text}`,
        values: last.values,
      });
      const [answer] = (row?.['QUERY PLAN'] ?? []) as { readonly Plan: Node }[];
      plan = answer?.Plan;
      throw new Error('rolled back');
    })
    .catch((error: unknown) => {
      if (!(error instanceof Error && error.message === 'rolled back')) throw error;
    });
  if (!plan) throw new Error('no plan');
  return plan;
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
const scans = (node: Node): string[] =>
  nodesOf(node)
    .filter((one) => /Seq Scan|Bitmap/.test(one['Node Type']) && GROWING.has(one['Relation Name'] ?? ''))
    .map((one) => `${one['Node Type']} of ${one['Relation Name']}`);
const buffers = (node: Node): number => (node['Shared Hit Blocks'] ?? 0) + (node['Shared Read Blocks'] ?? 0);

describe('the hot statements', () => {
  it('look few rows up by key, over a backlog that the statistics do not know, and read no more as it grows', async () => {
    await fill(FIRST, 0);
    const read = new Map<string, number[]>();
    const look = async (name: string, statements: readonly Statement[]): Promise<void> => {
      const plan = await planOf(statements);
      expect([name, scans(plan)]).toEqual([name, []]);
      read.set(name, [...(read.get(name) ?? []), buffers(plan)]);
    };
    const lookAtAll = async (): Promise<void> => {
      const heads = (await fixture.ledger.refill([{ tenant, partition: own.partition }], 8)).slice(0, 4);
      await look('claim', claimStatements([own], heads, LIMITS));
      const claims = await claimOf(fixture.ledger, own, heads, LIMITS);
      expect(claims).toHaveLength(heads.length);
      const settlements = claims.map((claim) => settlement(claim));
      await look('settle', settleStatements(settlements));
      await look('refill', [refill([{ tenant, partition: own.partition }], 64)]);
      await look('ready tenants', [readyTenants([own.partition])]);
      const keys = [heads.map((head) => head.tenant), heads.map((head) => head.u)] as const;
      await look('lock lanes', [lockLanesOf(...keys)]);
      await look('pass ended', [passEnded(...keys)]);
      await look('count', [countStates()]);
      await fixture.ledger.settle(settlements);
    };
    await lookAtAll();
    await fill(THEN, FIRST);
    // Churn: rows that changed often leave dead versions behind in the indexes.
    for (let n = 0; n < 40; n += 1) {
      const heads = (await fixture.ledger.refill([{ tenant, partition: own.partition }], 8)).slice(0, 5);
      const claims = await claimOf(fixture.ledger, own, heads, LIMITS);
      await fixture.ledger.settle(claims.map((claim) => settlement(claim)));
    }
    await lookAtAll();
    // A deeper index is a page or two more a look-up; a scan of the backlog would be hundreds.
    for (const [name, [small = 0, large = 0]] of read)
      expect([name, large <= 2 * small + 400]).toEqual([name, true]);
  });

  // A function: its plans are not seen, but the rows that they fetch are counted.
  it('of retention fetch what is due by an index, and no more of the backlog', async () => {
    const over = new Error('rolled back');
    let read: unknown;
    await keyed
      .conversation(async (run) => {
        const [pruned] = await run(prunePage(RETENTION, 5));
        expect(pruned).toEqual({ n: 10 });
        [read] = await run({
          name: 'test-fetched',
          text: `select seq_scan::int as scans, idx_tup_fetch < 100 as few from pg_stat_xact_user_tables where relname = 'message'`,
          values: [],
        });
        throw over;
      })
      .catch((error: unknown) => {
        if (error !== over) throw error;
      });
    expect(read).toEqual({ scans: 0, few: true });
  });

  it('are planned once a connection, and never anew from the values', async () => {
    const heads = (await fixture.ledger.refill([{ tenant, partition: own.partition }], 8)).slice(0, 1);
    const statement = claimStatements([own], heads, LIMITS).at(-1) as Statement;
    for (let n = 0; n < 8; n += 1) await keyed.run(statement);
    const [kept] = await keyed.run({
      name: 'test-kept-plans',
      text: 'select generic_plans::int as kept, custom_plans::int as anew from pg_prepared_statements where name = $1',
      values: [statement.name],
    });
    expect(kept).toEqual({ kept: 8, anew: 0 });
  });
});
