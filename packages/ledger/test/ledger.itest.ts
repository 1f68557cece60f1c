import { randomBytes } from 'node:crypto';
import { partitionFor } from '@mersal/contracts';
import {
  LedgerError,
  MESSAGE,
  migrate,
  migrationStatus,
  agreePartitions,
  seal,
  unseal,
  parseCredentialKeys,
  readChangedTenants,
  readTenants,
  saveTenant,
  saveApiKey,
  findPrincipal,
  generateApiKey,
} from '@mersal/ledger';
import { freshDatabase } from '@mersal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  admit,
  claimOf,
  type Fixture,
  keys,
  newMessage,
  openFixture,
  PARTITIONS,
  retryLater,
  settlement,
} from './ledger-fixture.js';

const LIMITS = { leaseMs: 20_000, concurrency: 5 };
let fixture: Fixture;
beforeAll(async () => {
  fixture = await openFixture();
});
afterAll(() => fixture.close());

async function owned(name: string) {
  const tenant = await fixture.tenant(name);
  const own = await fixture.ledger.takeOwnership(tenant.partition, 'test');
  return { ledger: fixture.ledger, tenant: tenant.id, own, database: fixture.database };
}

describe('migrations', () => {
  it('two at once do not collide, and the second finds nothing to do', async () => {
    const url = await freshDatabase();
    const reports = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(reports.filter((report) => report.applied.length > 0)).toHaveLength(1);
    expect((await migrationStatus(url)).pending).toEqual([]);
  });
  it('refuses another partition count than the one it was made with', async () => {
    await expect(agreePartitions(fixture.url, 'whatsapp-send', 8)).rejects.toMatchObject({
      code: 'partition_count',
    });
    await agreePartitions(fixture.url, 'whatsapp-send', 4);
  });
});

describe('one message', () => {
  it('goes from admission to sent, and frees its slot and its lane', async () => {
    const { ledger, tenant, own, database } = await owned('burger-house');
    const message = newMessage(tenant, 'c1');
    const [head] = await admit(ledger, own, [message]);
    expect(head).toMatchObject({ tenant, u: message.u, priority: 5 });
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    expect(claim).toMatchObject({ u: message.u, attempt: 1, redrive: 0, record: message.record });
    expect((await ledger.readMessage(tenant, message.u))?.status).toBe('sending');
    expect(await ledger.settle([settlement(claim!)])).toEqual([{ tenant, u: message.u, applied: true }]);
    const view = await ledger.readMessage(tenant, message.u);
    expect(view).toMatchObject({ status: 'sent', attempts: [{ attempt: 1, outcome: 'accepted' }] });
    expect(
      await database.run({ name: 'l', text: 'select 1 from lane where tenant = $1', values: [tenant] }),
    ).toEqual([]);
    const slots = await database.run({
      name: 's',
      text: 'select 1 from slot where tenant = $1 and lease is not null',
      values: [tenant],
    });
    expect(slots).toEqual([]);
    const events = await ledger.readOutbox([own.partition], 100);
    expect(events.filter((e) => e.u === message.u).map((e) => e.state)).toEqual(['queued', 'sent']);
    await ledger.forgetPublished(events.map((e) => e.n));
    expect(await ledger.readOutbox([own.partition], 100)).toEqual([]);
  });

  it('admitted again is left as it is; with another body it becomes a dead record', async () => {
    const { ledger, tenant, own } = await owned('shawarma-king');
    const message = newMessage(tenant, 'c1');
    await admit(ledger, own, [message]);
    expect(await admit(ledger, own, [message])).toEqual([]);
    const offset = await ledger.admittedOffset(own.partition, 'send');
    await admit(ledger, own, [{ ...message, bodyHash: '11'.repeat(32), kafkaOffset: offset }]);
    const dead = await ledger.readDeadRecords([own.partition], 10);
    expect(dead.filter((d) => d.offset === String(offset))).toMatchObject([
      { reason: 'idempotency_conflict' },
    ]);
    expect((await ledger.readOutbox([own.partition], 1000)).filter((e) => e.u === message.u)).toHaveLength(1);
  });

  it('is retried through its record, at the head of its conversation', async () => {
    const { ledger, tenant, own } = await owned('falafel-corner');
    const [first, second] = [newMessage(tenant, 'c1'), newMessage(tenant, 'c1')];
    const [head] = await admit(ledger, own, [first, second]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    await ledger.settle([retryLater(claim!, Date.now() + 60_000)]);
    expect((await ledger.readMessage(tenant, first.u))?.status).toBe('retrying');
    expect(await ledger.refill([{ tenant, partition: own.partition }], 10)).toEqual([]);
    const range = { first: 0n, next: 1n };
    const wrong = { tenant, u: first.u, redrive: 0, attempt: 2, notBefore: Date.now() };
    expect(await ledger.admitRetries(own, range, [wrong], [], [])).toEqual([]);
    const right = { ...wrong, attempt: 1 };
    const [due] = await ledger.admitRetries(own, range, [right], [], []);
    expect(due?.u).toBe(first.u);
    expect(await ledger.admitRetries(own, range, [right], [], [])).toEqual([]);
    const [again] = await claimOf(ledger, own, [due!], LIMITS);
    expect(again).toMatchObject({ attempt: 2, retries: 1 });
    const [settled] = await ledger.settle([settlement(again!)]);
    expect(settled?.next?.u).toBe(second.u);
  });

  it('that is due later is woken when it is', async () => {
    const { ledger, tenant, own } = await owned('kabsa-palace');
    const message = newMessage(tenant, 'c1', { sendAt: Date.now() + 400 });
    expect(await admit(ledger, own, [message])).toEqual([]);
    expect((await ledger.readMessage(tenant, message.u))?.status).toBe('scheduled');
    await expect
      .poll(async () => (await ledger.wake([own], 10)).map((h) => h.u), { timeout: 5000 })
      .toEqual([message.u]);
  });

  it('that expired is not claimed, ends as expired and lets its followers go', async () => {
    const { ledger, tenant, own } = await owned('noodle-bar');
    const [first, second] = [
      newMessage(tenant, 'c1', { expiresAt: Date.now() - 1 }),
      newMessage(tenant, 'c1'),
    ];
    const [head] = await admit(ledger, own, [first, second]);
    expect(await claimOf(ledger, own, [head!], LIMITS)).toEqual([]);
    expect(await ledger.expire([own], 10)).toBe(1);
    expect((await ledger.readMessage(tenant, first.u))?.status).toBe('expired');
    expect((await ledger.refill([{ tenant, partition: own.partition }], 10)).map((h) => h.u)).toEqual([
      second.u,
    ]);
  });

  it('can be cancelled while it waits, not while it is sending, and before it was admitted', async () => {
    const { ledger, tenant, own } = await owned('sushi-go');
    const [first, second] = [newMessage(tenant, 'c1'), newMessage(tenant, 'c1')];
    const [head] = await admit(ledger, own, [first, second]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    expect(await ledger.cancel(tenant, first.u, 't')).toBe('not_cancellable');
    expect(await ledger.cancel(tenant, second.u, 't')).toBe('cancelled');
    expect((await ledger.settle([settlement(claim!)]))[0]?.next).toBeUndefined();
    const unseen = newMessage(tenant, 'c2');
    expect(await ledger.cancel(tenant, unseen.u, unseen.tag)).toBe('cancelled');
    expect(await admit(ledger, own, [unseen])).toEqual([]);
    expect((await ledger.readMessage(tenant, unseen.u))?.status).toBe('cancelled');
  });
});

describe('fences', () => {
  it('an old owner can neither admit nor claim; what it finds out still settles', async () => {
    const { ledger, tenant, own } = await owned('pizza-nova');
    const [a, b] = [newMessage(tenant, 'c1'), newMessage(tenant, 'c2')];
    const heads = await admit(ledger, own, [a, b]);
    const [claim] = await claimOf(ledger, own, [heads[0]!], LIMITS);
    const newer = await ledger.takeOwnership(own.partition, 'other');
    expect(newer.epoch).toBe(own.epoch + 1);
    expect(await ledger.claim([own], [heads[1]!], LIMITS)).toEqual({ claims: [], fenced: [own.partition] });
    await expect(admit(ledger, own, [newMessage(tenant, 'c3')])).rejects.toMatchObject({ code: 'fenced' });
    expect(await ledger.settle([settlement(claim!)])).toMatchObject([{ applied: true }]);
    expect(await claimOf(ledger, newer, [heads[1]!], LIMITS)).toHaveLength(1);
  });
  it('refuses a batch that begins behind a gap, and leaves nothing of it', async () => {
    const { ledger, tenant, own } = await owned('taco-libre');
    const at = await ledger.admittedOffset(own.partition, 'send');
    const message = newMessage(tenant, 'c1');
    const gap = ledger.admitSends(own, { first: at + 5n, next: at + 6n }, [message], []);
    await expect(gap).rejects.toBeInstanceOf(LedgerError);
    expect(await ledger.readMessage(tenant, message.u)).toBeUndefined();
  });
});

describe('limits and order', () => {
  it('never gives more claims than slots, to many claimers at once', async () => {
    const { ledger, tenant, own } = await owned('biryani-express');
    const heads = await admit(
      ledger,
      own,
      Array.from({ length: 40 }, (_, i) => newMessage(tenant, `c${i}`)),
    );
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, i) => claimOf(ledger, own, heads.slice(i * 5, i * 5 + 5), LIMITS)),
    );
    expect(claims.flat()).toHaveLength(5);
    expect(new Set(claims.flat().map((c) => c.slot)).size).toBe(5);
  });
  it('claims a head once, by whoever asks first', async () => {
    const { ledger, tenant, own } = await owned('dim-sum-dynasty');
    const [head] = await admit(ledger, own, [newMessage(tenant, 'c1')]);
    const claims = await Promise.all(Array.from({ length: 6 }, () => claimOf(ledger, own, [head!], LIMITS)));
    expect(claims.flat()).toHaveLength(1);
  });
  it('puts a higher priority first in its conversation, equal ones in order, none past one that is sending', async () => {
    const { ledger, tenant, own } = await owned('mandi-house');
    const [low, low2, high] = [
      newMessage(tenant, 'c'),
      newMessage(tenant, 'c'),
      newMessage(tenant, 'c', { priority: 9 }),
    ];
    const [head] = await admit(ledger, own, [low, low2]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    expect(claim?.u).toBe(low.u);
    expect(await admit(ledger, own, [high])).toEqual([]);
    const [settled] = await ledger.settle([settlement(claim!)]);
    expect(settled?.next?.u).toBe(high.u);
    const [second] = await claimOf(ledger, own, [settled!.next!], LIMITS);
    expect((await ledger.settle([settlement(second!)]))[0]?.next?.u).toBe(low2.u);
  });
});

describe('evidence', () => {
  it('a lease that ends unsettled becomes unknown, closes the lane, and a late answer still wins', async () => {
    const { ledger, tenant, own } = await owned('curry-leaf');
    const [a, b] = [newMessage(tenant, 'c'), newMessage(tenant, 'c')];
    const [head] = await admit(ledger, own, [a, b]);
    const [claim] = await claimOf(ledger, own, [head!], { leaseMs: 1, concurrency: 5 });
    await expect
      .poll(async () => (await ledger.overdueClaims([own.partition])).some((o) => o.u === a.u))
      .toBe(true);
    await ledger.settle((await ledger.overdueClaims([own.partition])).filter((o) => o.u === a.u));
    expect((await ledger.readMessage(tenant, a.u))?.status).toBe('unknown');
    expect(await ledger.refill([{ tenant, partition: own.partition }], 5)).toEqual([]);
    expect((await ledger.unknownMessages([own.partition], 10)).map((m) => m.u)).toContain(a.u);
    const [settled] = await ledger.settle([settlement(claim!)]);
    expect(settled).toMatchObject({ applied: true, next: { u: b.u } });
    expect((await ledger.readMessage(tenant, a.u))?.status).toBe('sent');
  });
  it('a callback before the answer settles the message, but its slot stays until the answer', async () => {
    const { ledger, tenant, own, database } = await owned('pasta-fresca');
    const message = newMessage(tenant, 'c');
    const [head] = await admit(ledger, own, [message]);
    const [claim] = await claimOf(ledger, own, [head!], LIMITS);
    const callback = {
      tenant,
      u: message.u,
      attempt: 1,
      accountSid: claim!.accountSid,
      sid: 'SM1',
      status: 'delivered',
      receivedAt: Date.now(),
    };
    const rule = () =>
      ({ kind: 'apply', result: 'settled', state: MESSAGE.delivered, event: 'delivered' }) as const;
    await ledger.applyCallbacks(own, { first: 0n, next: 1n }, [callback], rule, []);
    const busy = {
      name: 'b',
      text: 'select n from slot where tenant = $1 and lease is not null',
      values: [tenant],
    };
    expect(await database.run(busy)).toHaveLength(1);
    expect(await ledger.settle([settlement(claim!, { sid: 'SM1' })])).toMatchObject([{ applied: false }]);
    expect(await database.run(busy)).toHaveLength(0);
    expect(await ledger.readMessage(tenant, message.u)).toMatchObject({
      status: 'delivered',
      sid: 'SM1',
      callbacks: [{ status: 'delivered' }],
    });
  });
});

describe('credentials and keys', () => {
  it('are encrypted at rest, tied to their restaurant, and open after a rotation', async () => {
    const sealed = seal(keys, 'r1/AC1', 'token');
    expect(sealed.bytes.includes('token')).toBe(false);
    expect(unseal(keys, 'r1/AC1', sealed)).toBe('token');
    expect(() => unseal(keys, 'r2/AC1', sealed)).toThrow(expect.objectContaining({ code: 'tampered' }));
    const old = [...keys.keys.values()][0]!.toString('base64');
    const rotated = parseCredentialKeys(`k2:${Buffer.alloc(32, 7).toString('base64')}`, `k1:${old}`);
    expect(unseal(rotated, 'r1/AC1', sealed)).toBe('token');
    expect(seal(rotated, 'r1/AC1', 'token').keyId).toBe('k2');
    await fixture.tenant('secret-garden');
    const [tenant] = await readTenants(fixture.database, keys, ['secret-garden']);
    expect(tenant?.authToken).toBe('secret');
    const rows = await fixture.database.run({
      name: 'a',
      text: 'select auth_token from account',
      values: [],
    });
    expect(rows.every((row) => !(row['auth_token'] as Buffer).includes('secret'))).toBe(true);
  });
  it('of one restaurant that do not open keep no other from being read, and it is suspended until they are saved anew', async () => {
    const others = parseCredentialKeys(`another:${randomBytes(32).toString('base64')}`);
    const given = (restaurantId: string) => ({
      restaurantId,
      name: restaurantId,
      partition: partitionFor(restaurantId, PARTITIONS),
      accountSid: `AC${'1'.repeat(32)}`,
      authToken: 'secret',
      fromNumbers: ['whatsapp:+14155238886'],
    });
    const { database } = fixture;
    await saveTenant(database, others, given('locked'));
    await saveTenant(database, keys, given('open'));
    const read = async () =>
      Object.fromEntries(
        (await readTenants(database, keys, ['locked', 'open'])).map((one) => [one.restaurantId, one]),
      );
    expect(await read()).toMatchObject({
      locked: { status: 'suspended', authToken: '', unopened: 'key_unknown' },
      open: { status: 'active', authToken: 'secret' },
    });
    expect((await readChangedTenants(database, keys, null, 1_000)).map((one) => one.restaurantId)).toContain(
      'open',
    );
    await saveTenant(database, keys, given('locked'));
    expect(await read()).toMatchObject({ locked: { status: 'active', authToken: 'secret' } });
    expect((await read())['locked']?.unopened).toBeUndefined();
  });
  it('an API key is stored as a hash and names its restaurant', async () => {
    const { id: tenant } = await fixture.tenant('key-lime');
    const { key, id } = generateApiKey();
    await saveApiKey(fixture.database, { key, tenant, name: 'test', scopes: ['send'] });
    expect(await findPrincipal(fixture.database, key)).toMatchObject({ keyId: id, restaurantId: 'key-lime' });
    expect(await findPrincipal(fixture.database, `${key.slice(0, -1)}_`)).toBeUndefined();
    expect(await findPrincipal(fixture.database, generateApiKey().key)).toBeUndefined();
    const [row] = await fixture.database.run({
      name: 'k',
      text: 'select * from api_key where id = $1',
      values: [id],
    });
    expect(JSON.stringify(row)).not.toContain(key.split('_')[2]);
  });
});

it('counts add up', async () => {
  const { accepted, waiting, active, delayed, completed, failed, cancelled, expired } =
    await fixture.ledger.counts();
  expect(accepted).toBe(waiting + active + delayed + completed + failed + cancelled + expired);
  expect(accepted).toBeGreaterThan(0);
});
