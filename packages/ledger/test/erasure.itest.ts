import { erase, type ErasurePlace, recipientOf, standsStill } from '@mersal/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admit, claimOf, type Fixture, newMessage, openFixture, settlement } from './ledger-fixture.js';

const LIMITS = { leaseMs: 60_000, concurrency: 50 };
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

const ask = (text: string, values: readonly unknown[] = []) =>
  fixture.database.run({ name: '', text, values });
const count = async (table: string, tenant: number): Promise<number> =>
  Number((await ask(`select count(*)::int as n from ${table} where tenant = $1`, [tenant]))[0]?.['n']);

/** `sent` messages that the provider accepted, and one that waits, to each of two recipients; all is published. */
async function filed(restaurantId: string, sent: number) {
  const { ledger } = fixture;
  const { id: tenant, partition } = await fixture.tenant(restaurantId);
  const own = await ledger.takeOwnership(partition, 'test');
  const to = (address: string, n: number, more = {}) =>
    newMessage(tenant, `${address}-${n}`, { recipient: recipientOf(`whatsapp:${address}`), ...more });
  const addresses = ['+966500000001', '+966500000002'];
  const ended = addresses.flatMap((address) => Array.from({ length: sent }, (_, n) => to(address, n)));
  const heads = await admit(ledger, own, ended);
  for (;;) {
    const claims = await claimOf(ledger, own, heads, LIMITS);
    if (claims.length === 0) break;
    await ledger.settle(claims.map((claim) => settlement(claim)));
  }
  await admit(
    ledger,
    own,
    addresses.map((address) => to(address, sent, { sendAt: Date.now() + 3_600_000 })),
  );
  await publish(partition);
  const scope = (address: string | null) => ({
    tenant,
    restaurantId,
    recipient: address === null ? null : recipientOf(`whatsapp:${address}`),
  });
  return { tenant, partition, own, ended, scope };
}

async function publish(partition: number): Promise<void> {
  const { ledger } = fixture;
  for (;;) {
    const entries = await ledger.readOutbox([partition], 500);
    if (entries.length === 0) return;
    await ledger.forgetPublished(entries.map(({ n }) => n));
  }
}

describe('erasing', () => {
  it('a recipient leaves the ids and the ends, and nobody else is touched', async () => {
    const { tenant, ended, scope } = await filed('r1', 7);
    const [mine, other] = [scope('+966500000001'), scope('+966500000002')];
    await ask(
      `insert into suppression (tenant, recipient, address, reason) values ($1, decode($2, 'hex'), 'whatsapp:+966500000001', 'asked')`,
      [tenant, mine.recipient],
    );
    const before = await erase(fixture.database, mine, { dryRun: true, by: 'test', batch: 3 });
    expect(before).toMatchObject({ erased: 7, left: 1, read: 16 });
    expect(await count('body', tenant)).toBe(16);
    const done = await erase(fixture.database, mine, { dryRun: false, by: 'test', batch: 3 });
    expect(done).toMatchObject({ erased: 7, left: 1, read: 16 });
    expect(done.examples).toHaveLength(1);
    expect(await count('body', tenant)).toBe(9);
    expect(await count('attempt', tenant)).toBe(7);
    const [u] = ended.map((message) => message.u);
    expect(await fixture.ledger.readMessage(tenant, u ?? '')).toMatchObject({
      status: 'sent',
      erased: true,
      conversation: '',
      record: null,
      attempts: [],
    });
    const again = await erase(fixture.database, mine, { dryRun: false, by: 'test' });
    expect(again).toMatchObject({ erased: 0, left: 1 });
    expect(await erase(fixture.database, other, { dryRun: true, by: 'test' })).toMatchObject({
      erased: 7,
      left: 1,
    });

    // The opt-out holds, without the address.
    expect(await fixture.ledger.listSuppressions(tenant, 10)).toMatchObject([
      { recipient: mine.recipient, address: '', reason: 'asked' },
    ]);
    const [begun, row] = await ask(
      `select action, detail::text as detail from audit where action like 'erase%' order by n limit 2`,
    );
    expect(begun).toEqual({
      action: 'erase.begin',
      detail: JSON.stringify({ recipient: mine.recipient }).replace(':', ': '),
    });
    expect(JSON.parse(row?.['detail'] as string)).toEqual({
      recipient: mine.recipient,
      erased: 7,
      left: 1,
      end: 'done',
    });
    expect(row?.['detail']).not.toContain('500000001');
  });

  it('goes on where one before it ended, and says so in the trail', async () => {
    const { scope } = await filed('r4', 4);
    const given = { dryRun: false, by: 'pages', batch: 2, most: 3 };
    const reads: number[] = [];
    let total = 0;
    for (let after: ErasurePlace | null | undefined; after !== null; ) {
      const { read, erased, next } = await erase(fixture.database, scope(null), {
        ...given,
        after: after ?? undefined,
      });
      reads.push(read);
      total += erased;
      after = next;
    }
    expect([reads, total]).toEqual([[4, 4, 2], 8]);
    const trail = await ask(
      "select action, detail->>'end' as end from audit where actor = 'pages' order by n",
    );
    const begin = { action: 'erase.begin', end: null };
    const ended = (end: string) => ({ action: 'erase', end });
    expect(trail).toEqual([begin, ended('more'), begin, ended('more'), begin, ended('done')]);
  });

  it('leaves the same of a message as retention does', async () => {
    const [one, other] = [await filed('r5', 1), await filed('r6', 1)];
    await erase(fixture.database, one.scope(null), { dryRun: false, by: 'test' });
    await ask(
      "update message set accepted_at = '2020-01-01', changed_at = '2020-01-01' where tenant = $1 and state >= 10",
      [other.tenant],
    );
    await fixture.ledger.prune({ detailMs: 86_400_000, idMs: 1e12 }, 100);
    const tables = await ask(
      `select table_name as name from information_schema.columns
        where table_schema = 'public' and column_name in ('tenant', 'u') group by 1 having count(*) = 2 order by 1`,
    );
    expect(tables.length).toBeGreaterThan(6);
    for (const { name } of tables) {
      const table = name as string;
      expect([table, await count(table, one.tenant)]).toEqual([table, await count(table, other.tenant)]);
    }
    const rest = (tenant: number) =>
      ask(
        `select to_jsonb(m) - '{tenant,u,tag,seq,partition,lane,accepted_at,changed_at,body_hash,sid,due}'::text[] as left
           from message m where tenant = $1 and erased`,
        [tenant],
      );
    expect(await rest(one.tenant)).toHaveLength(2);
    expect(await rest(one.tenant)).toEqual(await rest(other.tenant));
  });

  it('keeps what has ended but is not published yet', async () => {
    const { ledger } = fixture;
    const { tenant, partition, own, scope } = await filed('r2', 1);
    const late = newMessage(tenant, 'late', { recipient: recipientOf('whatsapp:+966500000001') });
    const heads = await admit(ledger, own, [late]);
    const claims = await claimOf(ledger, own, heads, LIMITS);
    await ledger.settle(claims.map((claim) => settlement(claim)));
    const given = { dryRun: false, by: 'test' };
    expect(await erase(fixture.database, scope('+966500000001'), given)).toMatchObject({
      erased: 1,
      left: 2,
    });
    await publish(partition);
    expect(await erase(fixture.database, scope('+966500000001'), given)).toMatchObject({
      erased: 1,
      left: 1,
    });
  });

  it('a restaurant takes all of it, and an erased id is not filed again', async () => {
    const { ledger } = fixture;
    const { tenant, own, ended, scope } = await filed('r3', 3);
    expect(await standsStill(fixture.database, tenant)).toBe(false);
    const done = await erase(fixture.database, scope(null), { dryRun: false, by: 'test', batch: 2 });
    expect(done).toMatchObject({ erased: 6, left: 2 });
    const heads = await admit(ledger, own, ended);
    expect(heads.filter((head) => ended.some(({ u }) => u === head.u))).toEqual([]);
    const states = await ledger.statesOf(ended.map(({ u }) => ({ tenant, u })));
    expect(states).toEqual(ended.map(() => 'sent'));
    expect(await count('body', tenant)).toBe(2);
  });
});
