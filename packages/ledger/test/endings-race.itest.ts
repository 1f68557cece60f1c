import { MESSAGE, type Ownership } from '@mersal/ledger';
import { waitFor } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promoteScheduled } from '../src/messages/heads.js';
import { lockOwned } from '../src/ownership/ownership.js';
import { admit, type Fixture, newMessage, openFixture, waitingForLocks } from './ledger-fixture.js';

const LIMITS = { leaseMs: 20_000, concurrency: 5 };

let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

async function isDue(u: string): Promise<boolean> {
  const [row] = await fixture.database.run({
    name: 'test-due',
    text: 'select due <= clock_timestamp() as due from message where u = $1',
    values: [u],
  });
  return row?.['due'] === true;
}

/** Which of these can be claimed now. */
async function claimable(
  { id, partition }: { id: number; partition: number },
  own: Ownership,
): Promise<string[]> {
  const heads = await fixture.ledger.refill([{ tenant: id, partition }], 10);
  return (await fixture.ledger.claim([own], heads, LIMITS)).claims.map(({ u }) => u);
}

describe('a message that ends while it is given its place', () => {
  it.each(['cancelled', 'expired'] as const)('%s: its conversation goes on', async (end) => {
    const { ledger, database } = fixture;
    const tenant = await fixture.tenant(`race-${end}`);
    const own = await ledger.takeOwnership(tenant.partition, 'test');
    const sendAt = Date.now() + 100;
    const message = newMessage(tenant.id, 'c', {
      sendAt,
      ...(end === 'expired' ? { expiresAt: sendAt } : {}),
    });
    await admit(ledger, own, [message]);
    await waitFor(() => isDue(message.u), { describe: 'its time' });
    let ending: Promise<unknown> | undefined;
    await database.conversation(async (run) => {
      await run(lockOwned([own]));
      await run(promoteScheduled([own], 500));
      ending =
        end === 'cancelled' ? ledger.cancel(tenant.id, message.u, message.tag) : ledger.expire([own], 500);
      await waitFor(async () => (await waitingForLocks(fixture.database)) === 1, {
        describe: 'the ending to wait for the place',
      });
    });
    expect(await ending).toBe(end === 'cancelled' ? 'cancelled' : 1);
    expect((await ledger.readMessage(tenant.id, message.u))?.status).toBe(end);
    const next = newMessage(tenant.id, 'c');
    await admit(ledger, own, [next]);
    expect(await claimable(tenant, own)).toEqual([next.u]);
  });
});

describe('a conversation whose head has ended, by whatever way', () => {
  it('goes on once that is noticed, and others are left as they are', async () => {
    const { ledger, database } = fixture;
    const tenant = await fixture.tenant('passed');
    const own = await ledger.takeOwnership(tenant.partition, 'test');
    const [ended, next, alone, other] = ['c', 'c', 'd', 'e'].map((lane) => newMessage(tenant.id, lane));
    if (!ended || !next || !alone || !other) throw new Error('four were made');
    await admit(ledger, own, [ended, next, alone, other]);
    const us = [ended.u, alone.u];
    await database.run({
      name: 'test-end',
      text: 'update message set state = $3 where tenant = $1 and u = any($2::uuid[])',
      values: [tenant.id, us, MESSAGE.cancelled],
    });
    expect(await claimable(tenant, own)).toEqual([other.u]);
    const keys = [ended, alone, other, next].map(({ u }) => ({ tenant: tenant.id, u }));
    expect((await ledger.passEnded(keys)).map(({ u }) => u)).toEqual([next.u]);
    expect(await ledger.passEnded(keys)).toEqual([]);
    expect(await claimable(tenant, own)).toEqual([next.u]);
    const again = newMessage(tenant.id, 'd');
    await admit(ledger, own, [again]);
    expect(await claimable(tenant, own)).toEqual([again.u]);
  });
});
