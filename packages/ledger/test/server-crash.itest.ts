import { ownPostgres, waitFor } from '@mersal/testkit';
import { expect, it } from 'vitest';
import { admit, claimOf, newMessage, openFixture } from './ledger-fixture.js';

const LIMITS = { leaseMs: 20_000, concurrency: 5 };

it('a server that dies loses admissions only together with their offsets, and none that was claimed', async () => {
  // Nothing goes to the disk by itself, so that what does not wait for it is lost for certain.
  await using postgres = await ownPostgres({ settings: { wal_writer_delay: '10s', bgwriter_delay: '10s' } });
  const fixture = await openFixture(postgres.url);
  try {
    const { ledger } = fixture;
    const tenant = await fixture.tenant('burger-house');
    const own = await ledger.takeOwnership(tenant.partition, 'test');
    const crash = async (): Promise<void> => {
      await postgres.kill();
      await postgres.start();
      await waitFor(
        () =>
          ledger.readPauses().then(
            () => true,
            () => false,
          ),
        { timeoutMs: 30_000 },
      );
    };
    const [claimed, lost] = [newMessage(tenant.id, 'c1'), newMessage(tenant.id, 'c2')];
    const heads = await admit(ledger, own, [claimed]);
    expect(await claimOf(ledger, own, heads, LIMITS)).toHaveLength(1);
    await admit(ledger, own, [lost]);
    expect((await ledger.readMessage(tenant.id, lost.u))?.status).toBe('queued');
    await crash();

    expect((await ledger.readMessage(tenant.id, claimed.u))?.status).toBe('sending');
    expect(await ledger.readMessage(tenant.id, lost.u)).toBeUndefined();
    expect(await ledger.admittedOffset(own.partition, 'send')).toBe(1n);
    // The owner reads on where it was, is told of the gap, and reads from there again.
    const ahead = ledger.admitSends(own, { first: 2n, next: 3n }, [newMessage(tenant.id, 'c3')], []);
    await expect(ahead).rejects.toMatchObject({ code: 'offset_gap' });
    expect(await ledger.admitSends(own, { first: 1n, next: 2n }, [lost], [])).toMatchObject([{ u: lost.u }]);
    // A claim in between would have kept it: its commit waits for all that was committed before.
    const [head] = await admit(ledger, own, [newMessage(tenant.id, 'c4')]);
    expect(head && (await claimOf(ledger, own, [head], LIMITS))).toHaveLength(1);
    await crash();
    expect((await ledger.readMessage(tenant.id, lost.u))?.status).toBe('queued');
  } finally {
    await fixture.close();
  }
}, 120_000);
