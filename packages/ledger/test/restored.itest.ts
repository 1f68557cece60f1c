import { applyOutcomes, recipientOf, type ToldOutcome } from '@mersal/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admit, claimOf, type Fixture, newMessage, openFixture, settlement } from './ledger-fixture.js';

const TO = 'whatsapp:+966500000007';
const LIMITS = { leaseMs: 60_000, concurrency: 5 };
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

const addressOf = (record: Buffer): string | undefined =>
  (JSON.parse(record.toString()) as { to?: string }).to;
const lift = (tenant: number, at: number) =>
  fixture.database.run({
    name: 'test-lift',
    text: "update suppression set lifted_at = to_timestamp($2::float8 / 1000), lifted_by = 'test' where tenant = $1",
    values: [tenant, at],
  });

/** A message filed again after the restore, and what the log says of how it ended before. */
async function filedAgain(restaurantId: string) {
  const { ledger } = fixture;
  const { id: tenant, partition } = await fixture.tenant(restaurantId);
  const own = await ledger.takeOwnership(partition, 'test');
  const to = { recipient: recipientOf(TO), record: Buffer.from(JSON.stringify({ to: TO })) };
  const message = newMessage(tenant, 'c', to);
  await admit(ledger, own, [message]);
  const at = Date.now() - 60_000;
  const outcome = (more: Partial<ToldOutcome>): ToldOutcome => ({
    restaurantId,
    u: message.u,
    redrive: 0,
    attempt: 1,
    state: 'dead',
    at,
    sid: null,
    accountSid: null,
    optedOut: null,
    ...more,
  });
  const suppressed = async (): Promise<boolean> => {
    const heads = await admit(ledger, own, [newMessage(tenant, `n${Math.random()}`, to)]);
    const [claim] = await claimOf(ledger, own, heads, LIMITS);
    await ledger.settle([settlement(claim!)]);
    return claim!.suppressed;
  };
  return { tenant, own, message, at, outcome, suppressed };
}

describe('outcomes told to a restored ledger', () => {
  it('file again who opted out since: nothing more is sent to them', async () => {
    const { tenant, message, at, outcome, suppressed } = await filedAgain('opted-out');
    const reason = '21610 the recipient opted out';
    expect(await suppressed()).toBe(false);
    expect(await applyOutcomes(fixture.database, [outcome({ optedOut: reason })], addressOf)).toEqual({
      changed: 1,
      optOuts: 1,
    });
    expect(await fixture.ledger.listSuppressions(tenant, 10)).toEqual([
      { recipient: recipientOf(TO), address: TO, reason, u: message.u, createdAt: at },
    ]);
    expect(await fixture.ledger.readMessage(tenant, message.u)).toMatchObject({ status: 'dead' });
    expect(await suppressed()).toBe(true);
    // `finish` may be interrupted and run again.
    const again = await applyOutcomes(fixture.database, [outcome({ optedOut: reason })], addressOf);
    expect(again.optOuts).toBe(0);
  });

  it('leave alone who was lifted after the opt-out, not who was lifted before', async () => {
    const { tenant, at, outcome, suppressed } = await filedAgain('lifted');
    const optedOut = [outcome({ optedOut: '21610' })];
    await applyOutcomes(fixture.database, optedOut, addressOf);
    await lift(tenant, at + 1);
    expect((await applyOutcomes(fixture.database, optedOut, addressOf)).optOuts).toBe(0);
    expect(await suppressed()).toBe(false);
    await lift(tenant, at - 1);
    expect((await applyOutcomes(fixture.database, optedOut, addressOf)).optOuts).toBe(1);
    expect(await suppressed()).toBe(true);
  });

  it('hold nobody back for any other end, and know a recipient by the hash where the record can not be read', async () => {
    const { tenant, outcome, suppressed } = await filedAgain('unread');
    const nobody = () => undefined;
    expect(await applyOutcomes(fixture.database, [outcome({})], nobody)).toEqual({ changed: 1, optOuts: 0 });
    expect(await suppressed()).toBe(false);
    await applyOutcomes(fixture.database, [outcome({ optedOut: '21610' })], nobody);
    expect(await fixture.ledger.listSuppressions(tenant, 10)).toMatchObject([{ address: '' }]);
    expect(await suppressed()).toBe(true);
  });
});
